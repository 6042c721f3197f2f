import type { RunOrder } from '../runs/run.js';
import { ContainerAccount } from './container-account.js';
import type { Phase } from './phases.js';
import type { PlanInput } from './plan-input.js';
import { VirtualPlatform, viewsOf } from './virtual-platform.js';
import { serversOfPairs, workOf, type BegunCalls, type CellsToDo } from './work.js';

/** What a run has still to do. */
export interface CellsLeft {
  /**
   * Open cells by pair, once per part of the run that ends at a gate: the part that it is in, and those after it. What
   * is in flight is open. The order `question` needs one entry only, because each question is a part of its own.
   */
  readonly parts: readonly (readonly number[])[];
  /** For the order `question`: the questions that have open cells, and the first one's cells by pair. */
  readonly questions: number;
  readonly ofFirstQuestion: readonly number[];
}

/** A call of the run that goes on. */
export interface CallInFlight {
  readonly endpointId: string;
  readonly elapsedMs: number;
}

/** Looks at endpoints, after which what was simulated stands for the rest: a few milliseconds. */
const STEPS_MAX = 20_000;
/** Calls of one stretch that are simulated one by one: fewer than in a plan, because it is asked for again and again. */
const CALLS_MAX = 500;

/**
 * What is left of a run in virtual time, from how the endpoints stand now: cold starts, GPUs that others hold and calls
 * that have begun included. It is the plan's own platform, at work on the rest instead of the whole, and rests on
 * what plans rest on: nothing fails, people decide at once, and the run has the endpoints to itself.
 * @returns ms, or null where an open cell has no endpoint that might ever answer it
 */
export function remainingMs(
  order: RunOrder,
  input: PlanInput,
  open: CellsLeft,
  inFlight: readonly CallInFlight[],
): number | null {
  const servers = serversOfPairs(input, viewsOf(input));
  const isOpen = (pair: number): boolean => open.parts.some((part) => (part[pair] ?? 0) > 0);
  if (input.pairs.some((_, pair) => isOpen(pair) && servers[pair]?.length === 0)) return null;
  const windowsMs = input.endpoints.map(({ spec }) => spec.scaledownWindowMs);
  const account = new ContainerAccount(windowsMs, false);
  const platform = new VirtualPlatform(input, servers, account);
  const begun = new Begun(input, inFlight);
  const total = stretchesOf(order, input, open);
  const seen = new Map<string, { readonly stretch: number; readonly atMs: number }>();
  const marksMs: number[] = [];
  let canRepeat = total.isUniform;
  for (let next = 0; next < total.count; next += 1) {
    if (platform.steps > STEPS_MAX) {
      // The latter half of what was simulated is least marked by how it stands now.
      const half = Math.floor(next / 2);
      const stretchMs = (platform.nowMs - (marksMs[half] ?? 0)) / (next - half);
      return Math.round(platform.nowMs + stretchMs * (total.count - next));
    }
    if (canRepeat && next > 0) {
      // The same standing before the same work leads to the same: whole rounds of it need no simulation.
      const standing = platform.standing();
      const earlier = seen.get(standing);
      if (earlier === undefined) seen.set(standing, { stretch: next, atMs: platform.nowMs });
      else {
        const rounds = Math.floor((total.count - next) / (next - earlier.stretch));
        platform.skip((platform.nowMs - earlier.atMs) * rounds);
        next += rounds * (next - earlier.stretch);
        canRepeat = false;
        if (next >= total.count) break;
      }
    }
    marksMs[next] = platform.nowMs;
    platform.run(PHASE, workOf(total.stretch(next), input, servers, CALLS_MAX, begun).work);
  }
  return Math.round(platform.nowMs);
}

/** Numbers of questions go into timelines only, and nobody sees this one. */
const PHASE: Phase = { pairs: [], cellsPerPair: 0, oneInFlight: false, fromQuestion: 1, toQuestion: 1 };

/** Stretches at whose end everything waits for everything, one after the other. */
interface Stretches {
  readonly count: number;
  /** Whether all but the first are alike. */
  readonly isUniform: boolean;
  readonly stretch: (index: number) => CellsToDo;
}

function stretchesOf(order: RunOrder, input: PlanInput, open: CellsLeft): Stretches {
  if (order === 'question') return questionsOf(input, open);
  const parts = open.parts.filter((part) => part.some((cells) => cells > 0));
  const regions = order === 'region' ? [...new Set(input.pairs.map(({ region }) => region))] : [undefined];
  const stretches = parts.flatMap((part) =>
    regions.map((region) => ({
      cells: part.map((cells, pair) =>
        region === undefined || input.pairs[pair]?.region === region ? cells : 0,
      ),
      oneInFlight: true,
    })),
  );
  const nothing = { cells: [], oneInFlight: true };
  return {
    count: stretches.length,
    isUniform: false,
    stretch: (index) => stretches[index] ?? nothing,
  };
}

/** Later questions are as a rule untouched; where they are not, their open cells are taken to be spread evenly. */
function questionsOf(input: PlanInput, { parts, questions, ofFirstQuestion }: CellsLeft): Stretches {
  const rounds = Math.max(0, questions - 1);
  const later = input.pairs.map((_, pair) =>
    Math.max(0, parts.reduce((sum, part) => sum + (part[pair] ?? 0), 0) - (ofFirstQuestion[pair] ?? 0)),
  );
  const upTo = (cells: number, round: number): number => Math.round((cells * round) / rounds);
  return {
    count: questions,
    isUniform: later.every((cells) => cells % Math.max(1, rounds) === 0),
    stretch: (index) => ({
      cells:
        index === 0 ? ofFirstQuestion : later.map((cells) => upTo(cells, index) - upTo(cells, index - 1)),
      oneInFlight: false,
    }),
  };
}

/** What calls in flight have behind them: an endpoint's next call is the one that goes on there. */
class Begun implements BegunCalls {
  private readonly elapsedMs: Map<number, number[]>;

  constructor(
    private readonly input: PlanInput,
    inFlight: readonly CallInFlight[],
  ) {
    this.elapsedMs = new Map(
      input.endpoints.map(({ spec }, endpoint) => [
        endpoint,
        inFlight
          .filter(({ endpointId }) => endpointId === spec.id)
          .map((call) => call.elapsedMs)
          .sort((left, right) => left - right),
      ]),
    );
  }

  /** @returns at most as long as one such call takes: one that takes longer than expected is taken to end now */
  takeMs(endpoint: number, pair: number, cold: boolean): number {
    const elapsedMs = this.elapsedMs.get(endpoint)?.shift() ?? 0;
    const { warmMs, coldStartMs } = this.input.timesOf(
      this.input.endpoints[endpoint]?.spec.region ?? '',
      this.input.pairs[pair]?.model ?? '',
    );
    return Math.min(elapsedMs, warmMs + (cold ? coldStartMs : 0));
  }
}
