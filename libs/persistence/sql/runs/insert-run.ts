import type { Database } from '../../database.js';
import type { StoredRunPlan, StoredRunSpec } from '../../entities/run.entity.js';

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
  readonly name: string;
  readonly spec: StoredRunSpec;
  readonly plan: StoredRunPlan;
  readonly questions: readonly NewQuestion[];
  readonly gates: readonly NewGate[];
  readonly totalCells: number;
  readonly idempotencyKey: string | null;
  readonly requestHash: Buffer | null;
}

const INSERT_RUN = `
  INSERT INTO runs (id, name, cell_order, requested_order, spec, plan, total_cells, idempotency_key, request_hash)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
  ON CONFLICT (idempotency_key) WHERE idempotency_key IS NOT NULL DO NOTHING`;

const INSERT_QUESTIONS = `
  INSERT INTO run_questions (run_id, question_no, question_id, text, systems)
  SELECT $1, number, id, text, systems
    FROM unnest($2::text[], $3::text[], $4::jsonb[]) WITH ORDINALITY AS given (id, text, systems, number)`;

// Made where they are stored: 100,000 cells never cross the wire.
const INSERT_CELLS = `
  INSERT INTO cells (run_id, cell_no, question_no, pair_no, question_id, model, region, repeat, pinned)
  SELECT $1, ((question.question_no - 1) * $2 + (repeat - 1)) * cardinality($3::text[]) + pair_no,
         question.question_no, pair_no, question.question_id, model, region, repeat, $5
    FROM run_questions AS question
   CROSS JOIN generate_series(1, $2::integer) AS repeat
   CROSS JOIN unnest($3::text[], $4::text[]) WITH ORDINALITY AS pair (model, region, pair_no)
   WHERE question.run_id = $1`;

const INSERT_GATES = `
  INSERT INTO gates (run_id, gate_id, after_question_no, expires_in_s)
  SELECT $1, * FROM unnest($2::text[], $3::integer[], $4::integer[])`;

/**
 * Inserts a run with all that belongs to it, in one transaction.
 * @returns false, and nothing is inserted, where the idempotency key is taken
 */
export async function insertRun(database: Database, run: NewRun): Promise<boolean> {
  const { id, spec, plan, questions, gates } = run;
  return database.transaction(async (client) => {
    const inserted = await client.query(INSERT_RUN, [
      id,
      run.name,
      plan.order,
      plan.requested_order,
      JSON.stringify(spec),
      JSON.stringify(plan),
      run.totalCells,
      run.idempotencyKey,
      run.requestHash,
    ]);
    if (inserted.rowCount === 0) return false;
    await client.query(INSERT_QUESTIONS, [
      id,
      questions.map((question) => question.id),
      questions.map(({ text }) => text),
      questions.map(({ systems }) => (systems === null ? null : JSON.stringify(systems))),
    ]);
    await client.query(INSERT_CELLS, [
      id,
      spec.repeats,
      spec.pairs.map(({ model }) => model),
      spec.pairs.map(({ region }) => region),
      spec.region_policy === 'pin',
    ]);
    await client.query(INSERT_GATES, [
      id,
      gates.map(({ gateId }) => gateId),
      gates.map(({ afterQuestionNo }) => afterQuestionNo),
      gates.map(({ expiresInS }) => expiresInS),
    ]);
    return true;
  });
}

/** The run an idempotency key was used for. */
export async function findRunByIdempotencyKey(
  database: Database,
  key: string,
): Promise<{ runId: string; requestHash: Buffer } | undefined> {
  const { rows } = await database.query<{ runId: string; requestHash: Buffer }>(
    `SELECT id AS "runId", request_hash AS "requestHash" FROM runs WHERE idempotency_key = $1`,
    [key],
  );
  return rows[0];
}
