import type { RunOrder } from '../runs/run.js';
import { ContainerAccount, type AccountMark } from './container-account.js';
import { orderPlanOf, type OrderPlan } from './order-plan.js';
import { phasesOf, type Phase } from './phases.js';
import type { PlanInput } from './plan-input.js';
import { VirtualPlatform, viewsOf } from './virtual-platform.js';
import { serversOfPairs, workOf, type CellsToDo } from './work.js';

/** Looks at endpoints, after which what was simulated stands for the rest: some tens of milliseconds. */
const STEPS_MAX = 200_000;
/** Calls of one phase that are simulated one by one. */
const CALLS_MAX = 1000;

interface Mark {
  readonly atMs: number;
  readonly doneCells: number;
  readonly account: AccountMark;
}

/**
 * Runs a whole experiment in virtual time, in an order that the runner knows, with pairs in the sequence given. Times are what was expected of them,
 * nothing fails, no time passes between an answer and what follows from it, and people decide at gates at once.
 */
export function simulateOrder(order: RunOrder, input: PlanInput): OrderPlan {
  const servers = serversOfPairs(input, viewsOf(input));
  const account = new ContainerAccount(input.endpoints.map(({ spec }) => spec.scaledownWindowMs));
  const platform = new VirtualPlatform(input, servers, account);
  const phases = phasesOf(order, input);
  const totalCells = input.pairs.length * input.questions * input.repeats;
  const marks: Mark[] = [];
  /** By standing: the phase before which it was met first. */
  const seen = new Map<string, number>();
  let hasSkipped = false;
  let isExact = true;
  let doneCells = 0;

  for (let next = 0; next < phases.length; next += 1) {
    account.closeExpired(platform.nowMs);
    marks.push({ atMs: platform.nowMs, doneCells, account: account.mark() });
    if (order === 'question' && !hasSkipped) {
      // The same standing before the same question leads to the same: whole rounds of it need no simulation. What they
      // leave is less than one.
      const standing = platform.standing();
      const earlier = seen.get(standing);
      if (earlier === undefined) seen.set(standing, next);
      else {
        hasSkipped = true;
        next += skipRounds(earlier, next);
      }
    }
    const phase = phases[next];
    if (phase === undefined) break;
    const half = marks[Math.floor((marks.length - 1) / 2)];
    if (platform.steps > STEPS_MAX && !hasSkipped && half !== undefined) {
      // The latter half of what was simulated is least marked by how the run began.
      isExact = false;
      const times = (totalCells - doneCells) / (doneCells - half.doneCells);
      const passedMs = (platform.nowMs - half.atMs) * times;
      account.extrapolate(half.account, times, platform.nowMs, passedMs);
      platform.skip(passedMs);
      break;
    }
    const { work, isExact: isPhaseExact } = workOf(cellsOf(phase), input, servers, CALLS_MAX);
    isExact &&= isPhaseExact;
    platform.run(phase, work);
    doneCells += phase.pairs.length * phase.cellsPerPair;
  }
  const makespanMs = platform.nowMs;
  isExact &&= !platform.exceedsTurn;
  account.closeAll();
  return orderPlanOf(order, input, account, { makespanMs, peakGpus: platform.peakGpus, isExact });

  function cellsOf({ pairs, cellsPerPair, oneInFlight }: Phase): CellsToDo {
    const cells = input.pairs.map(() => 0);
    for (const pair of pairs) cells[pair] = cellsPerPair;
    return { cells, oneInFlight };
  }

  /** @returns the phases that are as those between `earlier` and `next` were, in whole rounds */
  function skipRounds(earlier: number, next: number): number {
    const mark = marks[earlier];
    const questions = next - earlier;
    const times = Math.floor((phases.length - next) / questions);
    if (mark === undefined || times === 0) return 0;
    const passedMs = platform.nowMs - mark.atMs;
    account.repeat(mark.account, { times, passedMs, questions });
    platform.skip(passedMs * times);
    return times * questions;
  }
}
