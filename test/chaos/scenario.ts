import { setTimeout as delay } from 'node:timers/promises';
import { RUN_MS, submitExperiment, untilAnswered, untilFinished } from '../stack/experiment.js';
import { longestSilenceMs, violations, type Tolerance } from './invariants.js';
import { Chance, type Moment } from './moments.js';
import { StandstillWatch } from './standstill.js';
import type { Stack } from '../stack/stack.js';

/** A test's limit for each scenario that it plays: above the waits within it, which say what they waited for. */
export const SCENARIO_MS = RUN_MS + 60_000;

/** One thing that is done to the stack, at its moment. @returns what was killed, to wait for its successor */
export interface Strike {
  readonly at: Moment;
  readonly victim: string;
  readonly how: (stack: Stack) => number | Promise<number>;
}

export const killing = (victim: string, at: Moment): Strike => ({
  at,
  victim,
  how: (stack) => stack.kill(victim),
});

export interface Scenario {
  readonly name: string;
  readonly seed: number;
  readonly strikes: (chance: Chance) => readonly Strike[];
  readonly order?: string;
  readonly tolerance?: Tolerance;
}

/**
 * Runs the experiment on a stack, strikes, and holds the outcome against the invariants.
 * @throws with the seed, what was struck when, and the last complaints of the processes
 */
export async function play(stack: Stack, scenario: Scenario): Promise<void> {
  const { name, seed, order, tolerance } = scenario;
  const strikes = scenario.strikes(new Chance(seed, name));
  const timeline: string[] = [];
  const startedMs = performance.now();
  const standstill = new StandstillWatch();
  const note = (what: string): void => {
    timeline.push(`${((performance.now() - startedMs) / 1000).toFixed(2)} s ${what}`);
  };
  try {
    const runId = await submitExperiment(stack, order);
    note(`run ${runId}`);
    // Each victim's own strikes follow each other; different victims are struck independently.
    const victims = [...new Set(strikes.map(({ victim }) => victim))];
    await Promise.all(
      victims.map(async (victim) => {
        for (const { at, how } of strikes.filter((strike) => strike.victim === victim)) {
          await untilAnswered(stack, at.afterAnswers);
          // The drawn moment itself, not a wait for something.
          await delay(at.plusMs);
          const pid = await how(stack);
          note(`killed ${victim} (${pid}), ${at.plusMs} ms after answer ${at.afterAnswers}`);
          await stack.restarted(victim, pid);
          note(`${victim} is back (${stack.pidOf(victim)})`);
        }
      }),
    );
    const evidence = await untilFinished(stack, runId);
    const stoodStillMs = standstill.within;
    const silentS = longestSilenceMs(evidence, stoodStillMs) / 1000;
    note(
      `over: ${evidence.run.status}, ${silentS} s without an answer at the most; the machine stood still for ${standstill.totalMs / 1000} s`,
    );
    const wrong = violations(evidence, stack.gpuLimit, { ...tolerance, stoodStillMs });
    if (wrong.length > 0) throw new Error(wrong.join('\n'));
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const how = `CHAOS_SEED=${seed}; everything is kept in ${stack.folder}`;
    const told = [message, how, ...timeline, await stack.complaints()].join('\n');
    throw new Error(told, { cause: error });
  } finally {
    standstill.stop();
  }
  process.stdout.write(`chaos, ${name}, seed ${seed}: ${timeline.join('; ')}\n`);
}
