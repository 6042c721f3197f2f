import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { QUESTIONS, submitExperiment, untilAnswered, untilFinished } from '../stack/experiment.js';
import type { Stack } from '../stack/stack.js';
import { EventReceiver } from './event-receiver.js';
import { GateDecider, type Decision } from './gate-decider.js';
import { gateViolations } from './gate-invariants.js';
import { violations } from './invariants.js';
import { Chance } from './moments.js';
import { StandstillWatch } from './standstill.js';

const COMMAND = 'apps/cli/bin/beacon.js';
/** Gates after these questions, counted from 1; the last one stands before the end of the run. */
const GATES = [1, 3, 5, 8];
const LONGEST_HOLD_MS = 600;
/** How far the kill and the decision are apart that happen "at once". */
const LONGEST_APART_MS = 40;
/** So long before the kill the decision is sent that lets the runner begin to submit, and no longer. */
const SUBMITTING_MS = { least: 5, most: 60 };
const CELLS_PER_QUESTION = 8;

/** When a gate is decided. */
const TIMINGS = [
  /** Before the run comes to it. */
  'early',
  /** While it waits, with a kill in the meantime. */
  'waiting',
  /** In the moment of a kill. */
  'struck',
  /** Right before the runner is killed: it dies while it makes the jobs that the approval allowed. */
  'submitting',
] as const;

export interface GatedRun {
  readonly seed: number;
  readonly order: string;
  /** Moments at which something is killed; three of them are gates. */
  readonly kills: number;
}

/** Of the stack that plays it: the receiver of the events is on this machine. */
export const GATED_RUN_SETTINGS = 'webhooks: { allow_private_addresses: true }';

/**
 * Plays the experiment with gates, kills router and runner with SIGKILL at seeded moments while a client decides, and
 * holds the outcome against the invariants.
 * @throws with the seed, what was struck when, and the last complaints of the processes
 */
export async function playGatedRun(stack: Stack, { seed, order, kills }: GatedRun): Promise<void> {
  const chance = new Chance(seed, `gated ${order}`);
  const strikes = new Strikes(stack, chance);
  const receiver = await EventReceiver.start();
  const standstill = new StandstillWatch();
  try {
    const gates = GATES.map((number) => ({ after_question: QUESTIONS[number - 1] ?? '' }));
    const runId = await submitExperiment(stack, order, { gates, webhook_url: receiver.url });
    strikes.note(`run ${runId}`);
    const timings = chance.shuffled(TIMINGS);
    const plans = GATES.map((number, index) => {
      const timing = timings[index] ?? 'waiting';
      const isSubmitting = timing === 'submitting';
      return {
        number,
        timing,
        holdMs: chance.between(0, LONGEST_HOLD_MS),
        apartMs: isSubmitting
          ? -chance.between(SUBMITTING_MS.least, SUBMITTING_MS.most)
          : chance.between(-LONGEST_APART_MS, LONGEST_APART_MS),
        earlyAfter: chance.between(0, CELLS_PER_QUESTION * number - 4),
        victims: isSubmitting ? ['runner'] : strikes.nextVictims(),
      };
    });
    const atGates = plans.filter(({ timing }) => timing !== 'early').length;
    const moments = chance
      .moments(kills - atGates)
      .map((moment) => ({ ...moment, victims: strikes.nextVictims() }));

    const decide = async (plan: (typeof plans)[number]): Promise<Decision> => {
      const decider = new GateDecider(stack, runId, QUESTIONS[plan.number - 1] ?? '');
      const name = `gate ${plan.number}`;
      if (plan.timing === 'early') {
        await untilAnswered(stack, plan.earlyAfter);
        strikes.note(`${name} is approved early`);
        return decider.approve();
      }
      await decider.untilWaiting();
      strikes.note(`${name} waits`);
      await decider.lookAround();
      // The drawn moment itself, not a wait for something.
      await delay(plan.holdMs);
      if (plan.timing === 'waiting') {
        await strikes.strike(plan.victims, `while ${name} waits`);
        await decider.lookAround();
        strikes.note(`${name} is approved`);
        return decider.approve();
      }
      let decision: Promise<Decision> | undefined;
      await strikes.strike(plan.victims, `${plan.apartMs} ms from the approval of ${name}`, {
        apartMs: plan.apartMs,
        act: () => (decision = decider.approve()),
      });
      return decision ?? decider.approve();
    };
    const strikeAtMoments = async (): Promise<void> => {
      for (const { afterAnswers, plusMs, victims } of moments) {
        await untilAnswered(stack, afterAnswers);
        await delay(plusMs);
        await strikes.strike(victims, `${plusMs} ms after answer ${afterAnswers}`);
      }
    };
    const [decisions] = await Promise.all([Promise.all(plans.map(decide)), strikeAtMoments()]);
    const evidence = await untilFinished(stack, runId);
    strikes.note(`over: ${evidence.run.status}`);
    await receiver.untilAllDelivered(stack, runId);
    const wrong = [
      ...violations(evidence, stack.gpuLimit, { stoodStillMs: standstill.within }),
      ...gateViolations(evidence, decisions),
      ...receiver.violations(evidence),
      ...(strikes.count === kills ? [] : [`${strikes.count} strikes of ${kills}`]),
      ...(await receiptFaults(stack, runId)),
    ];
    if (wrong.length > 0) throw new Error(wrong.join('\n'));
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const how = `CHAOS_SEED=${seed}, order ${order}; everything is kept in ${stack.folder}`;
    const told = [message, how, ...strikes.timeline, await stack.complaints()].join('\n');
    throw new Error(told, { cause: error });
  } finally {
    standstill.stop();
    await receiver.close();
  }
  process.stdout.write(
    `chaos, gated run in ${order} order, seed ${seed}, ${strikes.count} kills: ${strikes.timeline.join('; ')}\n`,
  );
}

/** Kills, each followed by the wait for the successor; one victim's kills follow each other. */
class Strikes {
  readonly timeline: string[] = [];
  count = 0;
  private drawn = 0;
  private readonly busy = new Map<string, Promise<unknown>>();
  private readonly startedMs = performance.now();

  constructor(
    private readonly stack: Stack,
    private readonly chance: Chance,
  ) {}

  note(what: string): void {
    this.timeline.push(`${((performance.now() - this.startedMs) / 1000).toFixed(2)} s ${what}`);
  }

  /** In turn, and about every fourth time both at once. */
  nextVictims(): readonly string[] {
    this.drawn += 1;
    if (this.chance.next() < 0.25) return ['runner', 'router'];
    return this.drawn % 2 === 0 ? ['runner'] : ['router'];
  }

  /** @param beside something that is done so long after the kill, or before it where the time is negative */
  async strike(
    victims: readonly string[],
    when: string,
    beside?: { readonly apartMs: number; readonly act: () => unknown },
  ): Promise<void> {
    const before = victims.map((victim) => this.busy.get(victim) ?? Promise.resolve());
    const strike = (async () => {
      await Promise.all(before);
      if (beside !== undefined && beside.apartMs < 0) {
        beside.act();
        await delay(-beside.apartMs);
      }
      const killed = victims.map((victim) => ({ victim, pid: this.stack.kill(victim) }));
      this.count += 1;
      this.note(`killed ${victims.join(' and ')} ${when}`);
      if (beside !== undefined && beside.apartMs >= 0) {
        await delay(beside.apartMs);
        beside.act();
      }
      await Promise.all(killed.map(({ victim, pid }) => this.stack.restarted(victim, pid)));
      this.note(`${victims.join(' and ')} back`);
    })();
    for (const victim of victims) this.busy.set(victim, strike);
    await strike;
  }
}

/** As somebody would check it elsewhere: with the files alone, by the documented command. */
async function receiptFaults(stack: Stack, runId: string): Promise<string[]> {
  const save = async (path: string, name: string): Promise<{ file: string; text: string }> => {
    const response = await fetch(`${stack.url}${path}`);
    const text = await response.text();
    if (!response.ok) throw new Error(`${path} is answered ${response.status}: ${text}`);
    const file = join(stack.folder, name);
    await writeFile(file, text);
    return { file, text };
  };
  const receipt = await save(`/runs/${runId}/receipt`, 'receipt.json');
  const key = await save('/receipts/key', 'key.json');
  const results = await save(`/runs/${runId}/results?format=jsonl`, 'results.jsonl');
  const { counts, gates } = (
    JSON.parse(receipt.text) as {
      receipt: { counts: { cells: number; answered: number }; gates: { status: string }[] };
    }
  ).receipt;
  const args = ['verify-receipt', receipt.file, '--key', key.file, '--results', results.file];
  const faults: string[] = await promisify(execFile)(process.execPath, [COMMAND, ...args]).then(
    () => [],
    (error: unknown) => [`the receipt does not verify: ${String(error)}`],
  );
  if (counts.cells !== 64 || counts.answered !== 64)
    faults.push(`the receipt counts ${JSON.stringify(counts)}`);
  if (gates.length !== GATES.length || gates.some(({ status }) => status !== 'approved')) {
    faults.push(`the receipt has the gates ${JSON.stringify(gates)}`);
  }
  return faults;
}
