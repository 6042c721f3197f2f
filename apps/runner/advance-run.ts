import { finalStatus, isRunFinished, nextCells, type CellRetryPolicy, type RunGate } from '#domain';
import {
  cancelPendingCells,
  countClosedCells,
  finishRun,
  lockRun,
  markSubmitting,
  openGate,
  readGates,
  readOpenWindow,
  setRunStatus,
  startRun,
  type Database,
  type LockedRun,
  type Queryable,
} from '#persistence';
import type { CellOutcome } from './cell-outcome.js';
import { RunJournal } from './run-journal.js';
import { settleOutcomes } from './settle-outcomes.js';

/** Where a run stands after a step. */
export type RunStanding =
  | 'driving'
  /** Before a gate: nothing is held until somebody decides. */
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
}

/** Jobs one run may have in the router's hands at once, over all of its pairs. */
const IN_FLIGHT_MAX = 1000;
/** Pending cells closed by one transaction when a run ends early. */
const CANCEL_BATCH = 5000;

/**
 * One step of a run, in one transaction: record outcomes, then decide what is next and write the intent down.
 * It may be repeated or run twice at once: the run's lock puts the steps in a row, and each looks at rows only.
 */
export async function advanceRun(
  database: Database,
  runId: string,
  outcomes: readonly CellOutcome[],
  policy: CellRetryPolicy,
): Promise<Advance> {
  return database.transaction(async (client) => {
    const journal = new RunJournal(runId);
    const run = await lockRun(client, runId);
    const step: Step = { client, runId, journal };
    let advance: Advance;
    if (run === undefined || isRunFinished(run.status)) {
      advance = { ...NOTHING, standing: 'finished', journal };
    } else {
      if (run.status === 'planned') {
        await startRun(client, runId);
        journal.add('run.started', { order: run.order });
      }
      await settleOutcomes(client, runId, outcomes, run.ending !== null, policy, journal);
      advance = run.ending === null ? await goOn(step, run) : await windDown(step, run);
    }
    await journal.write(client);
    return advance;
  });
}

interface Step {
  readonly client: Queryable;
  readonly runId: string;
  readonly journal: RunJournal;
}

const NOTHING = { standing: 'driving', ending: false, submit: [], more: false } as const;

async function goOn({ client, runId, journal }: Step, run: LockedRun): Promise<Advance> {
  const open = await readOpenWindow(client, runId, regionNosOf(run), cellsMaxOf(run));
  const { submit, atGate } = nextCells(run.order, open, await readGates(client, runId));
  if (atGate !== null) {
    await standBefore({ client, runId, journal }, run, atGate);
    return { ...NOTHING, standing: 'parked', journal };
  }
  if (open.length === 0) return finish({ client, runId, journal }, run);
  if (run.status === 'awaiting_approval') await setRunStatus(client, runId, 'running');
  const cellNos = submit.map(({ cellNo }) => cellNo);
  if (cellNos.length > 0) await markSubmitting(client, runId, cellNos);
  return { ...NOTHING, submit: cellNos, journal };
}

async function standBefore({ client, runId, journal }: Step, run: LockedRun, gate: RunGate): Promise<void> {
  if (gate.status !== 'pending') return;
  const expiresAt = await openGate(client, runId, gate.gateId);
  if (run.status !== 'awaiting_approval') await setRunStatus(client, runId, 'awaiting_approval');
  journal.add('gate.waiting', { gate_id: gate.gateId, expires_at: expiresAt.toISOString() });
}

async function windDown({ client, runId, journal }: Step, run: LockedRun): Promise<Advance> {
  const cancelled = await cancelPendingCells(client, runId, CANCEL_BATCH);
  if (cancelled === CANCEL_BATCH) return { ...NOTHING, ending: true, more: true, journal };
  const open = await readOpenWindow(
    client,
    runId,
    regionNosOf(run),
    run.spec.pairs.map(() => 1),
  );
  if (open.length === 0) return finish({ client, runId, journal }, run);
  return { ...NOTHING, ending: true, journal };
}

async function finish({ client, runId, journal }: Step, run: LockedRun): Promise<Advance> {
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
