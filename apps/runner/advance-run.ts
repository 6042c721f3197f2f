import {
  callsPerJob,
  finalStatus,
  isRunFinished,
  keepTogether,
  nextCells,
  type CellRetryPolicy,
  type GpuUse,
  type RunGate,
} from '#domain';
import {
  cancelPendingCells,
  closeUnaffordableCells,
  countClosedCells,
  finishRun,
  hasJobsInFlight,
  lockRun,
  makeCells,
  markSubmitting,
  openGate,
  readGates,
  readOpenWindow,
  setParked,
  requestEnding,
  setRunStatus,
  startRun,
  type Database,
  type LockedRun,
  type Queryable,
} from '#persistence';
import type { CellOutcome } from './cell-outcome.js';
import { keepBudget } from './keep-budget.js';
import type { RunCosts } from './run-costs.js';
import { RunJournal } from './run-journal.js';
import { settleOutcomes } from './settle-outcomes.js';

/** Where a run stands after a step. */
export type RunStanding =
  | 'driving'
  /** Before a gate, or paused: nothing is held until somebody decides. */
  | 'parked'
  | 'finished';

export interface Advance {
  readonly standing: RunStanding;
  /** The run is to end early: what is submitted is to be cancelled. */
  readonly ending: boolean;
  /** Cells that were marked as being submitted: their jobs are to be made now. */
  readonly submit: readonly number[];
  /** There is more to do at once. */
  readonly more: boolean;
  readonly journal: RunJournal;
  /** As the step found it; undefined: there is no such run. */
  readonly run: LockedRun | undefined;
}

/** What a step decided, without the run that it was taken for. */
type Decision = Omit<Advance, 'run'>;

/** Jobs one run may have in the router's hands at once, over all of its pairs. */
const IN_FLIGHT_MAX = 1000;
/** As a job makes them by default. */
const CALLS_PER_JOB = 4;
/** Cells of a large run made by one transaction, which holds the run's lock and a core of the database. */
const MAKE_BATCH = 2000;
/** Pending cells closed by one transaction when a run ends early. */
const CANCEL_BATCH = 2000;

/**
 * One step of a run, in one transaction: record outcomes, then decide what is next and write the intent down.
 * It may be repeated or run twice at once: the run's lock puts the steps in a row, and each looks at rows only.
 */
export async function advanceRun(
  database: Database,
  runId: string,
  outcomes: readonly CellOutcome[],
  policy: CellRetryPolicy,
  costs: RunCosts,
): Promise<Advance> {
  return database.transaction(async (client) => {
    const journal = new RunJournal(runId);
    const run = await lockRun(client, runId);
    const step: Step = { client, runId, journal, costs };
    let advance: Decision;
    if (run === undefined || isRunFinished(run.status)) {
      advance = { ...NOTHING, standing: 'finished', journal };
    } else if (run.cellsMade !== null) {
      // Before anything else, whatever the run's state: each step after this finds all of its cells.
      await makeCells(client, runId, MAKE_BATCH, run.ending === null ? 'pending' : 'cancelled');
      advance = { ...NOTHING, more: true, journal };
    } else {
      if (run.status === 'planned') {
        await startRun(client, runId);
        journal.add('run.started', { order: run.order });
      }
      await settleOutcomes(
        client,
        runId,
        outcomes,
        run.ending !== null,
        triesOf(run, policy),
        costs,
        journal,
      );
      if (run.ending !== null) advance = await windDown(step, run);
      else if (run.status === 'paused') advance = await standStill(step);
      else advance = await goOn(step, run);
    }
    await journal.write(client);
    return { ...advance, run };
  });
}

interface Step {
  readonly client: Queryable;
  readonly runId: string;
  readonly journal: RunJournal;
  readonly costs: RunCosts;
}

const NOTHING = { standing: 'driving', ending: false, submit: [], more: false } as const;

async function goOn(step: Step, run: LockedRun): Promise<Decision> {
  const { client, runId, journal, costs } = step;
  const open = await readOpenWindow(client, runId, regionNosOf(run), cellsMaxOf(run));
  const { submit, atGate } = nextCells(run.order, open, await readGates(client, runId));
  if (atGate !== null) {
    await standBefore(step, run, atGate);
    return { ...NOTHING, standing: 'parked', journal };
  }
  if (open.length === 0) return finish(step, run);
  if (run.status === 'awaiting_approval') await setRunStatus(client, runId, 'running');
  const due =
    run.spec.max_skew_s === undefined
      ? submit
      : keepTogether(
          submit,
          open,
          run.spec.pairs.map(({ model }) => model),
        );
  let affordable = due;
  if (run.spec.budget !== undefined && due.length > 0) {
    const kept = await keepBudget(client, runId, run.spec, due, costs);
    // A resting cell may be one that the budget still pays for.
    if (kept.isReached && open.every(({ restMs }) => restMs <= 0)) return stopAtBudget(step, run, kept.spent);
    affordable = kept.submit;
  }
  const cellNos = affordable.map(({ cellNo }) => cellNo);
  if (cellNos.length > 0) await markSubmitting(client, runId, cellNos);
  return { ...NOTHING, submit: cellNos, journal };
}

/** No cell may be submitted any more: the run ends with what it has. */
async function stopAtBudget(step: Step, run: LockedRun, spent: GpuUse): Promise<Decision> {
  const { client, runId, journal } = step;
  const closed = await closeUnaffordableCells(client, runId, CANCEL_BATCH);
  if (closed === CANCEL_BATCH) return { ...NOTHING, more: true, journal };
  journal.add('run.budget_reached', { spent_usd: spent.usd, spent_gpu_seconds: spent.gpuMs / 1000 });
  return finish(step, run);
}

/**
 * A job of a run with a budget makes few calls, so that each is judged by the budget; its cell has more jobs instead.
 */
function triesOf({ spec }: LockedRun, policy: CellRetryPolicy): CellRetryPolicy {
  if (spec.budget === undefined) return policy;
  const jobs = Math.ceil((policy.maxCellAttempts * CALLS_PER_JOB) / callsPerJob(spec.region_policy));
  return { ...policy, maxCellAttempts: jobs };
}

/** Paused: what is in flight may end, and nothing follows it, not even the end of the run. */
async function standStill({ client, runId, journal }: Step): Promise<Decision> {
  const inFlight = await hasJobsInFlight(client, runId);
  await setParked(client, runId, !inFlight);
  return { ...NOTHING, standing: inFlight ? 'driving' : 'parked', journal };
}

async function standBefore({ client, runId, journal }: Step, run: LockedRun, gate: RunGate): Promise<void> {
  if (gate.status === 'rejected' || gate.status === 'expired') {
    // Nobody can pass it any more: a run that came to stand here would stand for ever.
    await requestEnding(client, runId, gate.status);
    return;
  }
  if (gate.status !== 'pending') return;
  const expiresAt = await openGate(client, runId, gate.gateId);
  if (run.status !== 'awaiting_approval') await setRunStatus(client, runId, 'awaiting_approval');
  journal.add('gate.waiting', { gate_id: gate.gateId, expires_at: expiresAt.toISOString() });
}

async function windDown(step: Step, run: LockedRun): Promise<Decision> {
  const { client, runId, journal } = step;
  const cancelled = await cancelPendingCells(client, runId, CANCEL_BATCH);
  if (cancelled === CANCEL_BATCH) return { ...NOTHING, ending: true, more: true, journal };
  const open = await readOpenWindow(
    client,
    runId,
    regionNosOf(run),
    run.spec.pairs.map(() => 1),
  );
  if (open.length === 0) return finish(step, run);
  return { ...NOTHING, ending: true, journal };
}

async function finish({ client, runId, journal }: Step, run: LockedRun): Promise<Decision> {
  const counts = await countClosedCells(client, runId);
  const status = finalStatus(counts, run.ending);
  await finishRun(client, runId, status);
  journal.add('run.finished', { status, ...counts });
  return { ...NOTHING, standing: 'finished', journal };
}

function regionNosOf({ spec }: LockedRun): number[] {
  return spec.pairs.map(({ region }) => spec.regions.indexOf(region));
}

/**
 * Only whole questions need more than the first open cell of each pair, and not more than keeps the pair's endpoints
 * busy: what is in the router's hands goes before another run's cells.
 */
function cellsMaxOf({ order, spec }: LockedRun): number[] {
  const most = Math.floor(IN_FLIGHT_MAX / spec.pairs.length);
  return spec.pairs.map((_, index) => {
    if (order !== 'question') return 1;
    return Math.max(1, Math.min(spec.repeats, most, spec.in_flight_max?.[index] ?? most));
  });
}
