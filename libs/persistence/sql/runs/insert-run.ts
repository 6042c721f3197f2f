import type { Database, Queryable } from '../../database.js';
import type { StoredRunPlan, StoredRunSpec } from '../../entities/run.entity.js';
import { makeCells } from './make-cells.js';
import type { StoredPlannedLane } from './read-timeline.js';

export interface NewQuestion {
  readonly id: string;
  readonly text: string;
  /** System prompt by region; the key '' holds for regions that are not named. */
  readonly systems: Readonly<Record<string, string>> | null;
}

export interface NewGate {
  readonly gateId: string;
  readonly afterQuestionNo: number;
  readonly expiresInS: number;
}

export interface NewRun {
  readonly id: string;
  readonly tenant: string;
  readonly keyId: string | null;
  readonly name: string;
  readonly spec: StoredRunSpec;
  readonly plan: StoredRunPlan;
  /** Left out: it was not planned. */
  readonly plannedTimeline?: readonly StoredPlannedLane[];
  readonly questions: readonly NewQuestion[];
  readonly gates: readonly NewGate[];
  readonly totalCells: number;
  readonly idempotencyKey: string | null;
  readonly requestHash: Buffer | null;
}

const INSERT_RUN = `
  INSERT INTO runs (id, name, cell_order, requested_order, spec, plan, total_cells, idempotency_key, request_hash,
                    cells_made, tenant, key_id, planned_timeline)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0, $10, $11, $12)
  ON CONFLICT (idempotency_key, tenant) WHERE idempotency_key IS NOT NULL DO NOTHING`;

const INSERT_QUESTIONS = `
  INSERT INTO run_questions (run_id, question_no, question_id, text, systems)
  SELECT $1, number, id, text, systems
    FROM unnest($2::text[], $3::text[], $4::jsonb[]) WITH ORDINALITY AS given (id, text, systems, number)`;

const INSERT_GATES = `
  INSERT INTO gates (run_id, gate_id, after_question_no, expires_in_s)
  SELECT $1, * FROM unnest($2::text[], $3::integer[], $4::integer[])`;

/**
 * Counts a key's runs that have not ended, one transaction of the key at a time: none that counts at the same moment
 * goes unseen. Read in the transaction that inserted a run, the count includes it.
 */
export async function countUnfinishedRuns(client: Queryable, keyId: string): Promise<number> {
  await client.query(`SELECT pg_advisory_xact_lock(hashtextextended('runs of ' || $1, 0))`, [keyId]);
  const { rows } = await client.query<{ runs: number }>(
    `SELECT count(*)::integer AS runs FROM runs WHERE finished_at IS NULL AND key_id = $1`,
    [keyId],
  );
  return rows[0]?.runs ?? 0;
}

/** A run of more cells is accepted before they have rows: making 100,000 takes more than a second. */
const MADE_AT_ONCE_MAX = 2000;

/**
 * Inserts a run with all that belongs to it, in one transaction. The cells of a large one follow from what is
 * inserted; the runner makes them before it starts the run.
 * @param admit asked once the run is inserted; nothing is where it throws
 * @returns false, and nothing is inserted, where the idempotency key is taken
 */
export async function insertRun(
  database: Database,
  run: NewRun,
  madeAtOnceMax = MADE_AT_ONCE_MAX,
  admit: (client: Queryable) => Promise<void> = () => Promise.resolve(),
): Promise<boolean> {
  const { id, spec, plan, questions, gates, totalCells } = run;
  return database.transaction(async (client) => {
    const inserted = await client.query(INSERT_RUN, [
      id,
      run.name,
      plan.order,
      plan.requested_order,
      JSON.stringify(spec),
      JSON.stringify(plan),
      totalCells,
      run.idempotencyKey,
      run.requestHash,
      run.tenant,
      run.keyId,
      run.plannedTimeline === undefined ? null : JSON.stringify(run.plannedTimeline),
    ]);
    if (inserted.rowCount === 0) return false;
    await admit(client);
    await client.query(INSERT_QUESTIONS, [
      id,
      questions.map((question) => question.id),
      questions.map(({ text }) => text),
      questions.map(({ systems }) => (systems === null ? null : JSON.stringify(systems))),
    ]);
    if (totalCells <= madeAtOnceMax) await makeCells(client, id, totalCells, 'pending');
    await client.query(INSERT_GATES, [
      id,
      gates.map(({ gateId }) => gateId),
      gates.map(({ afterQuestionNo }) => afterQuestionNo),
      gates.map(({ expiresInS }) => expiresInS),
    ]);
    return true;
  });
}

/** The run for which a tenant used an idempotency key. */
export async function findRunByIdempotencyKey(
  database: Database,
  tenant: string,
  key: string,
): Promise<{ runId: string; requestHash: Buffer } | undefined> {
  const { rows } = await database.query<{ runId: string; requestHash: Buffer }>(
    `SELECT id AS "runId", request_hash AS "requestHash" FROM runs WHERE idempotency_key = $1 AND tenant = $2`,
    [key, tenant],
  );
  return rows[0];
}
