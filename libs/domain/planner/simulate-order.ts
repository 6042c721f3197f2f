import type { RunOrder } from '../runs/run.js';
import { ContainerAccount, type ContainerTotals } from './container-account.js';
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
  readonly totals: readonly ContainerTotals[];
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
  const seen = new Map<string, number>();
  let isExact = true;
  let doneCells = 0;

  for (let next = 0; next < phases.length; next += 1) {
    const phase = phases[next];
    if (phase === undefined) break;
    account.closeExpired(platform.nowMs);
    marks.push({ atMs: platform.nowMs, doneCells, totals: account.totals() });
    if (order === 'question') {
      // The same standing before the same question leads to the same: whole rounds of it need no simulation.
      const standing = platform.standing();
      const earlier = seen.get(standing);
      if (earlier !== undefined) {
        const rounds = Math.floor((phases.length - next) / (next - earlier));
        if (rounds > 0) repeatSince(marks[earlier], rounds);
        next += rounds * (next - earlier);
        seen.clear();
        const left = phases[next];
        if (left === undefined) break;
        platform.run(left, workOf(cellsOf(left), input, servers, CALLS_MAX).work);
        continue;
      }
      seen.set(standing, next);
    }
    if (platform.steps > STEPS_MAX) {
      // The latter half of what was simulated is least marked by how the run began.
      const half = marks[Math.floor(marks.length / 2)];
      const rate = half === undefined ? 0 : (totalCells - doneCells) / (doneCells - half.doneCells);
      isExact = false;
      repeatSince(half, rate);
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

  function repeatSince(mark: Mark | undefined, times: number): void {
    if (mark === undefined) return;
    const passedMs = (platform.nowMs - mark.atMs) * times;
    account.repeat(mark.totals, times, passedMs);
    platform.skip(passedMs);
  }
}
