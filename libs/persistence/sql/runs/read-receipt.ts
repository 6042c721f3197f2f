import {
  cellKey,
  type AttemptStatus,
  type CellState,
  type GateStatus,
  type JobState,
  type RequestedOrder,
  type RunEnding,
  type RunOrder,
  type RunStatus,
} from '#domain';
import type { Database, Queryable } from '../../database.js';
import type { StoredRunSpec } from '../../entities/run.entity.js';
import { unmadeCells } from './unmade-cells.js';

/** Everything that `work` reads is of one moment, while the run goes on. */
export function readInSnapshot<T>(
  database: Pick<Database, 'transaction'>,
  work: (client: Queryable) => Promise<T>,
): Promise<T> {
  return database.transaction(async (client) => {
    await client.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY');
    return work(client);
  });
}

export interface ReceiptRunRow {
  readonly id: string;
  readonly name: string;
  readonly status: RunStatus;
  readonly ending: RunEnding | null;
  readonly order: RunOrder;
  readonly requestedOrder: RequestedOrder;
  readonly spec: StoredRunSpec;
  readonly totalCells: number;
  readonly createdAt: Date;
  readonly startedAt: Date | null;
  readonly finishedAt: Date | null;
  /** The database's time. */
  readonly now: Date;
}

export async function readReceiptRun(client: Queryable, runId: string): Promise<ReceiptRunRow | undefined> {
  const { rows } = await client.query<ReceiptRunRow & Record<string, unknown>>(
    `SELECT id, name, status, ending, cell_order AS "order", requested_order AS "requestedOrder", spec,
            total_cells AS "totalCells", created_at AS "createdAt", started_at AS "startedAt",
            finished_at AS "finishedAt", clock_timestamp() AS now
       FROM runs WHERE id = $1`,
    [runId],
  );
  return rows[0];
}

export interface ReceiptGateRow {
  readonly gateId: string;
  readonly afterQuestion: string;
  readonly status: GateStatus;
  readonly expiresInS: number;
  readonly waitingSince: Date | null;
  readonly expiresAt: Date | null;
  readonly decidedAt: Date | null;
}

export async function readReceiptGates(client: Queryable, runId: string): Promise<ReceiptGateRow[]> {
  const { rows } = await client.query<ReceiptGateRow & Record<string, unknown>>(
    `SELECT gate_id AS "gateId", question_id AS "afterQuestion", status, expires_in_s AS "expiresInS",
            waiting_since AS "waitingSince", expires_at AS "expiresAt", decided_at AS "decidedAt"
       FROM gates JOIN run_questions AS question
            ON question.run_id = gates.run_id AND question.question_no = gates.after_question_no
      WHERE gates.run_id = $1 ORDER BY after_question_no`,
    [runId],
  );
  return rows;
}

/** A run was stopped, let go on, or opened again. */
export interface RunTurnRow {
  readonly type: 'run.paused' | 'run.resumed' | 'run.reopened';
  readonly data: Readonly<Record<string, unknown>>;
  readonly at: Date;
}

/** In the order in which they happened: each was written while the run was locked. */
export async function readRunTurns(client: Queryable, runId: string): Promise<RunTurnRow[]> {
  const { rows } = await client.query<RunTurnRow & Record<string, unknown>>(
    `SELECT type, data, at FROM run_events
      WHERE run_id = $1 AND type IN ('run.paused','run.resumed','run.reopened') ORDER BY seq`,
    [runId],
  );
  return rows;
}

export interface RegionTally {
  readonly region: string;
  /** By the region itself. */
  readonly answered: number;
  readonly substituted: number;
  readonly failed: number;
  readonly cancelled: number;
  readonly submitted: number;
  readonly pending: number;
}

/** Counted here and not from the cells as they are listed, so that a list that lost one does not add up. */
export async function tallyCells(client: Queryable, runId: string): Promise<RegionTally[]> {
  const { rows } = await client.query<RegionTally & Record<string, unknown>>(
    `SELECT region,
            count(*) FILTER (WHERE state = 'accepted' AND NOT substituted)::integer AS answered,
            count(*) FILTER (WHERE state = 'accepted' AND substituted)::integer AS substituted,
            count(*) FILTER (WHERE state = 'failed')::integer AS failed,
            count(*) FILTER (WHERE state = 'cancelled')::integer AS cancelled,
            count(*) FILTER (WHERE state = 'submitted')::integer AS submitted,
            count(*) FILTER (WHERE state = 'pending')::integer AS pending
       FROM (SELECT region, state, substituted FROM cells WHERE run_id = $1
             UNION ALL
             SELECT region, state, NULL FROM ${unmadeCells('$1', '0', '2147483647')} AS unmade) AS counted
      GROUP BY region`,
    [runId],
  );
  return rows;
}

/** What an endpoint says about its call; see the outcome's schema. */
export interface AttestedFacts {
  readonly tokens_in?: number;
  readonly cold_start?: boolean;
  readonly gpu?: string;
  readonly model_revision?: string;
  readonly container_id?: string;
  readonly upstream_call_id?: string;
}

export interface ReceiptAttemptRow {
  readonly jobId: string;
  readonly attempt: number;
  readonly endpointId: string;
  readonly region: string;
  readonly status: AttemptStatus;
  readonly errorCode: string | null;
  readonly coldStart: boolean | null;
  readonly reattached: boolean;
  readonly executionMs: number | null;
  readonly attested: AttestedFacts | null;
  readonly startedAt: Date | null;
  readonly finishedAt: Date | null;
}

export interface ReceiptStrayRow {
  readonly jobId: string;
  readonly attempt: number;
  readonly endpointId: string;
  readonly kind: string;
  readonly errorCode: string | null;
  readonly executionMs: number;
  readonly receivedAt: Date;
}

export interface ReceiptJobRow {
  readonly id: string;
  readonly cellNo: number;
  readonly cellAttempt: number;
  readonly state: JobState;
  readonly errorCode: string | null;
  readonly answerSha256: string | null;
  readonly answeredRegion: string | null;
  /** Its calls were made with. */
  readonly seed: number | null;
  readonly attempts: ReceiptAttemptRow[];
  readonly strays: ReceiptStrayRow[];
}

export interface ReceiptCellRow {
  readonly cellNo: number;
  readonly questionId: string;
  readonly model: string;
  readonly region: string;
  readonly repeat: number;
  readonly state: CellState;
  readonly cellAttempt: number;
  readonly jobId: string | null;
  /** Executions over all of its jobs, as they were counted when each ended. */
  readonly attempts: number;
  readonly answerSha256: string | null;
  readonly answeredRegion: string | null;
  readonly substituted: boolean | null;
  readonly endpointId: string | null;
  readonly inferenceTimeS: number | null;
  readonly tokensGenerated: number | null;
  readonly errorCode: string | null;
  readonly finishedAt: Date | null;
  /** When the answering call began. */
  readonly askedAt: Date | null;
  /** Its answer was there, and is erased. */
  readonly erased: boolean;
  readonly jobs: ReceiptJobRow[];
}

// Answers are hashed where they are: they may be long, and nobody needs them here.
// The charter's views name no endpoints: what is read there has none.
type EndpointColumn = 'endpoint_id' | "''";
const cellsSql = (endpoint: EndpointColumn): string => `
  (SELECT cell_no AS "cellNo", question_id AS "questionId", model, region, repeat, state,
         cell_attempt AS "cellAttempt", job_id AS "jobId", attempts,
         coalesce(answer_sha256, encode(sha256(convert_to(answer, 'UTF8')), 'hex')) AS "answerSha256", answered_region AS "answeredRegion",
         substituted, ${endpoint} AS "endpointId", inference_time_s AS "inferenceTimeS",
         tokens_generated AS "tokensGenerated", error_code AS "errorCode", finished_at AS "finishedAt",
         asked_at AS "askedAt", erased_at IS NOT NULL AS erased
    FROM cells WHERE run_id = $1 AND cell_no > $2 ORDER BY cell_no LIMIT $3)
  UNION ALL
  SELECT cell_no, question_id, model, region, repeat, state, 1, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, false
    FROM ${unmadeCells('$1', '$2', '$2::bigint + $3')} AS unmade
  ORDER BY 1 LIMIT $3`;

// A cell keeps the id of its latest job only; the key of each try leads to the job that was made for it. The keys are
// given, not put together in a join: that would read every job there is, for every batch. They mean something within
// the run's tenant only.
const JOBS = `
  SELECT id, idempotency_key AS key, state, error_code AS "errorCode",
         coalesce(encode(sha256(convert_to(result->>'response', 'UTF8')), 'hex'), result->>'response_sha256')
           AS "answerSha256",
         result->>'region' AS "answeredRegion", (request->>'seed')::float8 AS seed
    FROM jobs
   WHERE idempotency_key = ANY ($1::text[]) AND tenant = (SELECT tenant FROM runs WHERE id = $2)`;

const attemptsSql = (endpoint: EndpointColumn): string => `
  SELECT job_id AS "jobId", attempt, ${endpoint} AS "endpointId", region, status, error_code AS "errorCode",
         cold_start AS "coldStart", reattached, execution_ms AS "executionMs", attested,
         started_at AS "startedAt", finished_at AS "finishedAt"
    FROM attempts WHERE job_id = ANY ($1::uuid[]) ORDER BY job_id, attempt`;

const straysSql = (endpoint: EndpointColumn): string => `
  SELECT job_id AS "jobId", attempt, ${endpoint} AS "endpointId", kind, error_code AS "errorCode",
         duration_ms AS "executionMs", received_at AS "receivedAt"
    FROM stray_outcomes WHERE job_id = ANY ($1::uuid[]) ORDER BY id`;

interface ReceiptStatements {
  readonly cells: string;
  readonly attempts: string;
  readonly strays: string;
}
const statementsWith = (endpoint: EndpointColumn): ReceiptStatements => ({
  cells: cellsSql(endpoint),
  attempts: attemptsSql(endpoint),
  strays: straysSql(endpoint),
});
const WHOLE = statementsWith('endpoint_id');
const CHARTER = statementsWith("''");

/**
 * Every cell of a run in order, with all of its jobs and their attempts, in batches.
 * @param inCharter read the charter's views: ids of endpoints are empty
 */
export async function* readReceiptCells(
  client: Queryable,
  runId: string,
  batchSize: number,
  inCharter = false,
): AsyncGenerator<ReceiptCellRow[], void, undefined> {
  const statements = inCharter ? CHARTER : WHOLE;
  let lastCellNo = 0;
  for (;;) {
    const { rows: cells } = await client.query<Omit<ReceiptCellRow, 'jobs'> & Record<string, unknown>>(
      statements.cells,
      [runId, lastCellNo, batchSize],
    );
    const last = cells.at(-1);
    if (last === undefined) return;
    const jobsOf = await readJobsOfCells(client, runId, cells, statements);
    yield cells.map((cell) => ({ ...cell, jobs: jobsOf.get(cell.cellNo) ?? [] }));
    lastCellNo = last.cellNo;
  }
}

type JobOfKey = Omit<ReceiptJobRow, 'cellNo' | 'cellAttempt' | 'attempts' | 'strays'> & {
  readonly key: string;
};

async function readJobsOfCells(
  client: Queryable,
  runId: string,
  cells: readonly Pick<ReceiptCellRow, 'cellNo' | 'cellAttempt'>[],
  statements: ReceiptStatements,
): Promise<Map<number, ReceiptJobRow[]>> {
  const tries = cells.flatMap(({ cellNo, cellAttempt: tried }) =>
    Array.from({ length: tried }, (_, index) => ({ cellNo, cellAttempt: index + 1 })),
  );
  const keyOf = (cellTry: (typeof tries)[number]): string =>
    cellKey(runId, cellTry.cellNo, cellTry.cellAttempt);
  const { rows } = await client.query<JobOfKey & Record<string, unknown>>(JOBS, [tries.map(keyOf), runId]);
  const byKey = new Map(rows.map((row) => [row.key, row]));
  const jobs = tries.flatMap((cellTry): ReceiptJobRow[] => {
    const job = byKey.get(keyOf(cellTry));
    if (job === undefined) return [];
    const { key: _key, ...facts } = job;
    return [{ ...facts, ...cellTry, attempts: [], strays: [] }];
  });
  const byId = new Map(jobs.map((job) => [job.id, job]));
  const ids = [...byId.keys()];
  if (ids.length > 0) {
    const attempts = await client.query<ReceiptAttemptRow & Record<string, unknown>>(statements.attempts, [
      ids,
    ]);
    for (const attempt of attempts.rows) byId.get(attempt.jobId)?.attempts.push(attempt);
    const strays = await client.query<ReceiptStrayRow & Record<string, unknown>>(statements.strays, [ids]);
    for (const stray of strays.rows) byId.get(stray.jobId)?.strays.push(stray);
  }
  const byCell = new Map<number, ReceiptJobRow[]>();
  for (const job of jobs) byCell.set(job.cellNo, [...(byCell.get(job.cellNo) ?? []), job]);
  return byCell;
}
