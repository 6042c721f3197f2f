import { setTimeout as delay } from 'node:timers/promises';
import { submitExperiment, untilAnswered, untilFinished } from '../stack/experiment.js';
import { longestSilenceMs, violations, type Tolerance } from './invariants.js';
import { Chance, type Moment } from './moments.js';
import type { Stack } from '../stack/stack.js';

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
    note(
      `over: ${evidence.run.status}, ${longestSilenceMs(evidence) / 1000} s without an answer at the most`,
    );
    const wrong = violations(evidence, stack.gpuLimit, tolerance);
    if (wrong.length > 0) throw new Error(wrong.join('\n'));
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const how = `CHAOS_SEED=${seed}; everything is kept in ${stack.folder}`;
    const told = [message, how, ...timeline, await stack.complaints()].join('\n');
    throw new Error(told, { cause: error });
  }
  process.stdout.write(`chaos, ${name}, seed ${seed}: ${timeline.join('; ')}\n`);
}
