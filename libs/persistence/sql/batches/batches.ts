import type { BatchEndpoint, BatchStatus, KeyLimits, Priority } from '#domain';
import type { Queryable } from '../../database.js';
import { deleteUnusedFiles } from '../files.js';
import { UNFINISHED } from './unfinished.js';

/** What the jobs of a batch are asked with, besides what their lines say. */
export interface BatchAsks {
  readonly priority: Priority;
  /** `x-beacon-*`, as they were read. */
  readonly headers: Readonly<Record<string, unknown>>;
}

export interface BatchErrorRow {
  readonly code: string;
  readonly message: string;
  readonly param: string | null;
  readonly line: number | null;
}

export interface BatchUsageRow {
  readonly inputTokens: number;
  readonly outputTokens: number;
}

/** A batch as the router that drives it knows it: what another writes that drove it before is refused. */
export interface HeldBatch {
  readonly id: string;
  /** From `takeBatch`. */
  readonly fence: number;
}

export interface BatchRow extends HeldBatch {
  readonly batchNo: string;
  readonly tenant: string;
  readonly keyId: string | null;
  readonly keyLimits: KeyLimits;
  readonly status: BatchStatus;
  readonly endpoint: BatchEndpoint;
  readonly inputFileId: string;
  readonly outputFileId: string | null;
  readonly errorFileId: string | null;
  readonly completionWindow: string;
  readonly outputExpiresS: number | null;
  readonly asks: BatchAsks;
  readonly model: string | null;
  readonly metadata: Readonly<Record<string, string>> | null;
  readonly errors: readonly BatchErrorRow[] | null;
  readonly usage: BatchUsageRow | null;
  readonly total: number;
  /** Number of its last line; 0: it has none that could be asked. */
  readonly lastLine: number;
  readonly completed: number;
  readonly failed: number;
  readonly createdAt: Date;
  readonly expiresAt: Date;
  readonly inProgressAt: Date | null;
  readonly finalizingAt: Date | null;
  readonly completedAt: Date | null;
  readonly failedAt: Date | null;
  readonly expiredAt: Date | null;
  readonly cancellingAt: Date | null;
  readonly cancelledAt: Date | null;
  /** Its completion window has passed. */
  readonly isOver: boolean;
}

const COLUMNS = `id, fence, batch_no AS "batchNo", tenant, key_id AS "keyId", key_limits AS "keyLimits", status, endpoint,
            input_file_id AS "inputFileId", output_file_id AS "outputFileId", error_file_id AS "errorFileId",
            completion_window AS "completionWindow", output_expires_s AS "outputExpiresS", asks, model, metadata,
            errors, usage, total, last_line AS "lastLine", completed, failed, created_at AS "createdAt", expires_at AS "expiresAt",
            in_progress_at AS "inProgressAt", finalizing_at AS "finalizingAt", completed_at AS "completedAt",
            failed_at AS "failedAt", expired_at AS "expiredAt", cancelling_at AS "cancellingAt",
            cancelled_at AS "cancelledAt", expires_at <= clock_timestamp() AS "isOver"`;

export interface NewBatch {
  readonly id: string;
  readonly tenant: string;
  readonly keyId: string | null;
  readonly keyLimits: KeyLimits;
  readonly endpoint: BatchEndpoint;
  readonly inputFileId: string;
  readonly completionWindow: string;
  readonly windowS: number;
  readonly outputExpiresS: number | null;
  readonly asks: BatchAsks;
  readonly metadata: Readonly<Record<string, string>> | null;
  /** Asked for again with the same, it is the same batch; left out: it is another each time. */
  readonly idempotency?: BatchIdempotency;
}

export interface BatchIdempotency {
  readonly key: string;
  /** Hex, of what was asked for. */
  readonly requestHash: string;
}

/** The batch of a tenant's idempotency key. */
export async function findKeyedBatch(
  database: Queryable,
  tenant: string,
  key: string,
): Promise<{ readonly batch: BatchRow; readonly requestHash: string } | undefined> {
  const { rows } = await database.query<BatchRow & { requestHash: string }>(
    `SELECT ${COLUMNS}, encode(request_hash, 'hex') AS "requestHash" FROM batches
      WHERE idempotency_key = $1 AND tenant = $2`,
    [key, tenant],
  );
  const [batch] = rows;
  return batch === undefined ? undefined : { batch, requestHash: batch.requestHash };
}

/**
 * @returns `no_file`: its input file has gone meanwhile; `too_many`: as many of the tenant have not ended; `known`: its
 *   idempotency key has made one
 */
export async function insertBatch(
  client: Queryable,
  batch: NewBatch,
  unfinishedMax: number,
): Promise<BatchRow | 'no_file' | 'too_many' | 'known'> {
  // Locked, so that it is not deleted while a batch begins that reads it.
  const { rowCount } = await client.query(
    `SELECT FROM files WHERE id = $1 AND tenant = $2 AND state = 'stored' FOR SHARE`,
    [batch.inputFileId, batch.tenant],
  );
  if ((rowCount ?? 0) === 0) return 'no_file';
  // Two at once of one tenant take turns: neither would see the other's.
  await client.query(`SELECT pg_advisory_xact_lock(hashtextextended('batches of ' || $1, 0))`, [
    batch.tenant,
  ]);
  const { key = null, requestHash = null } = batch.idempotency ?? {};
  if (key !== null && (await findKeyedBatch(client, batch.tenant, key)) !== undefined) return 'known';
  const { rows } = await client.query<BatchRow & Record<string, unknown>>(
    `INSERT INTO batches (id, tenant, key_id, key_limits, status, endpoint, input_file_id, completion_window,
                          output_expires_s, asks, metadata, created_at, expires_at, idempotency_key, request_hash)
     SELECT $1, $2, $3, $4, 'validating', $5, $6, $7, $8, $9, $10, at, at + make_interval(secs => $11::float8),
            $13, decode($14, 'hex')
       FROM clock_timestamp() AS at
      WHERE $12::integer = 0
         OR (SELECT count(*) FROM batches WHERE tenant = $2 AND ${UNFINISHED}) < $12::integer
  RETURNING ${COLUMNS}`,
    [
      ...[batch.id, batch.tenant, batch.keyId, JSON.stringify(batch.keyLimits), batch.endpoint],
      ...[batch.inputFileId, batch.completionWindow, batch.outputExpiresS, JSON.stringify(batch.asks)],
      ...[batch.metadata === null ? null : JSON.stringify(batch.metadata), batch.windowS, unfinishedMax],
      ...[key, requestHash],
    ],
  );
  return rows[0] ?? 'too_many';
}

export async function readBatchTenant(database: Queryable, id: string): Promise<string | undefined> {
  const { rows } = await database.query<{ tenant: string }>(`SELECT tenant FROM batches WHERE id = $1`, [id]);
  return rows[0]?.tenant;
}

export async function findBatch(database: Queryable, id: string): Promise<BatchRow | undefined> {
  const { rows } = await database.query<BatchRow & Record<string, unknown>>(
    `SELECT ${COLUMNS} FROM batches WHERE id = $1`,
    [id],
  );
  return rows[0];
}

/** Newest first. @param tenant undefined: everybody's  @param before `batchNo` of the last one seen */
export async function listBatches(
  database: Queryable,
  tenant: string | undefined,
  before: string | undefined,
  limit: number,
): Promise<BatchRow[]> {
  const { rows } = await database.query<BatchRow & Record<string, unknown>>(
    `SELECT ${COLUMNS} FROM batches
      WHERE ($1::text IS NULL OR tenant = $1) AND ($2::bigint IS NULL OR batch_no < $2)
      ORDER BY batch_no DESC LIMIT $3`,
    [tenant ?? null, before ?? null, limit],
  );
  return rows;
}

/**
 * Makes whoever asks the one who drives a batch: what those write who drove it before changes nothing from now on. A router
 * that has lost its lock may be in the middle of a step.
 * @returns its fence; undefined: there is none, or it has ended
 */
export async function takeBatch(database: Queryable, id: string): Promise<number | undefined> {
  const { rows } = await database.query<{ fence: number }>(
    `UPDATE batches SET fence = fence + 1 WHERE id = $1 AND ${UNFINISHED} RETURNING fence`,
    [id],
  );
  return rows[0]?.fence;
}

/**
 * @param client a transaction: until its end nobody changes the batch, makes jobs of it, or takes it
 * @returns false: somebody else drives it
 */
export async function lockBatch(client: Queryable, { id, fence }: HeldBatch): Promise<boolean> {
  const { rowCount } = await client.query(
    `SELECT FROM batches WHERE id = $1 AND fence = $2 FOR NO KEY UPDATE`,
    [id, fence],
  );
  return (rowCount ?? 0) > 0;
}

/** How long one draw holds, where there are more batches than are driven. */
const ROUND_S = 60;

/**
 * Batches to drive. Tenants take turns, so that none with many keeps out the others. Of each tenant those go first, oldest
 * first, that wait for no answers: that are to be validated, wound up or written. Among the others, and among tenants that
 * have had as many turns, each round draws anew: where there are more than can be driven, none waits for others to end.
 * @param round left out: the one of now, by the database's clock
 */
export async function listUnfinishedBatches(
  database: Queryable,
  limit: number,
  round: number | null = null,
): Promise<string[]> {
  const { rows } = await database.query<{ id: string }>(
    `SELECT id FROM (
            SELECT id, tenant, nth_round,
                   row_number() OVER (PARTITION BY tenant ORDER BY waits,
                     CASE WHEN waits THEN hashtextextended(id::text, nth_round) ELSE batch_no END) AS turn
              FROM (SELECT id, tenant, batch_no, status = 'in_progress' AND expires_at > clock_timestamp() AS waits
                      FROM batches WHERE ${UNFINISHED}) AS unfinished,
                   (SELECT coalesce($2::bigint, floor(extract(epoch FROM clock_timestamp()) / ${ROUND_S})::bigint)
                      AS nth_round) AS clock) AS batch
      ORDER BY turn, hashtextextended(tenant, nth_round), id LIMIT $1`,
    [limit, round],
  );
  return rows.map(({ id }) => id);
}

export interface BatchTally {
  readonly status: BatchStatus;
  readonly batches: number;
  /** Age of the oldest. */
  readonly oldestS: number;
}

/** How many batches are in each status that is not final. */
export async function countUnfinishedBatches(database: Queryable): Promise<BatchTally[]> {
  const { rows } = await database.query<BatchTally & Record<string, unknown>>(
    `SELECT status, count(*)::integer AS batches,
            extract(epoch FROM clock_timestamp() - min(created_at))::float8 AS "oldestS"
       FROM batches WHERE ${UNFINISHED} GROUP BY status`,
  );
  return rows;
}

/** What changes with a batch's status. */
export interface BatchChange {
  readonly errors?: readonly BatchErrorRow[] | undefined;
  readonly total?: number | undefined;
  readonly lastLine?: number | undefined;
  readonly model?: string | null | undefined;
  readonly completed?: number | undefined;
  readonly failed?: number | undefined;
  readonly outputFileId?: string | null | undefined;
  readonly errorFileId?: string | null | undefined;
  readonly usage?: BatchUsageRow | null | undefined;
}

/** Column that says when a batch came to each status. */
const SINCE: Readonly<Record<Exclude<BatchStatus, 'validating'>, string>> = {
  in_progress: 'in_progress_at',
  finalizing: 'finalizing_at',
  completed: 'completed_at',
  failed: 'failed_at',
  expired: 'expired_at',
  cancelling: 'cancelling_at',
  cancelled: 'cancelled_at',
};

/**
 * Moves a batch on. Where two work on it, the status it comes from lets one of them do so.
 * @param fence of the router that drives it; null: it is moved by a client
 * @returns undefined: it has left `from`, or another router drives it
 */
export async function moveBatch(
  client: Queryable,
  id: string,
  from: BatchStatus,
  to: Exclude<BatchStatus, 'validating'>,
  change: BatchChange = {},
  fence: number | null = null,
): Promise<BatchRow | undefined> {
  const json = (value: unknown): string | null =>
    value === undefined || value === null ? null : JSON.stringify(value);
  const { rows } = await client.query<BatchRow & Record<string, unknown>>(
    `UPDATE batches
        SET status = $3, ${SINCE[to]} = clock_timestamp(),
            errors = coalesce($4::jsonb, errors), total = coalesce($5, total), model = coalesce($6, model),
            output_file_id = coalesce($7::uuid, output_file_id), error_file_id = coalesce($8::uuid, error_file_id),
            usage = coalesce($9::jsonb, usage), completed = coalesce($10, completed), failed = coalesce($11, failed),
            last_line = coalesce($12, last_line)
      WHERE id = $1 AND status = $2 AND ($13::integer IS NULL OR fence = $13)
  RETURNING ${COLUMNS}`,
    [
      ...[id, from, to, json(change.errors), change.total ?? null, change.model ?? null],
      ...[change.outputFileId ?? null, change.errorFileId ?? null, json(change.usage)],
      ...[change.completed ?? null, change.failed ?? null, change.lastLine ?? null, fence],
    ],
  );
  return rows[0];
}

/** Ended batches with contents, by id. @param afterNo of the last one seen */
export async function listTenantBatches(
  database: Queryable,
  tenant: string,
  until: Date,
  afterNo: string,
  limit: number,
): Promise<{ id: string; batchNo: string; isFinished: boolean }[]> {
  const { rows } = await database.query<{ id: string; batchNo: string; isFinished: boolean }>(
    `SELECT id, batch_no AS "batchNo", NOT (${UNFINISHED}) AS "isFinished" FROM batches
      WHERE tenant = $1 AND created_at <= $2 AND batch_no > $3::bigint AND erased_at IS NULL
      ORDER BY batch_no LIMIT $4`,
    [tenant, until, afterNo, limit],
  );
  return rows;
}

/** What a batch itself holds of its caller's words. */
const EMPTIED = `metadata = NULL, erased_at = coalesce(erased_at, clock_timestamp()),
            errors = (SELECT jsonb_agg(error || '{"message":""}') FROM jsonb_array_elements(errors) AS error)`;

/**
 * Takes out what an ended batch holds, with its files that no other batch reads.
 * @param client a transaction
 * @returns false: there is none, or it has not ended
 */
export async function eraseBatch(client: Queryable, id: string): Promise<boolean> {
  const { rows } = await client.query<{ files: string[] }>(
    `UPDATE batches SET ${EMPTIED} WHERE id = $1 AND NOT (${UNFINISHED})
  RETURNING ARRAY(SELECT files.id FROM files WHERE files.tenant = batches.tenant
                     AND files.id IN (input_file_id, output_file_id, error_file_id)) AS files`,
    [id],
  );
  const [batch] = rows;
  if (batch === undefined) return false;
  await deleteUnusedFiles(client, batch.files);
  return true;
}

/** Empties batches that ended so long ago; their files have times of their own. @returns how many */
export async function eraseExpiredBatches(database: Queryable, days: number, limit: number): Promise<number> {
  const ended = `coalesce(completed_at, failed_at, expired_at, cancelled_at)`;
  const { rowCount } = await database.query(
    `UPDATE batches SET ${EMPTIED}
      WHERE id = ANY (ARRAY(
              SELECT id FROM batches
               WHERE erased_at IS NULL AND NOT (${UNFINISHED})
                 AND ${ended} < clock_timestamp() - make_interval(secs => $1::float8 * 86400)
               ORDER BY batch_no LIMIT $2 FOR UPDATE SKIP LOCKED))`,
    [days, limit],
  );
  return rowCount ?? 0;
}

/** Lines that an ended batch was left with, because its router died. @returns how many */
export async function dropEndedLines(database: Queryable, limit: number): Promise<number> {
  const { rowCount } = await database.query(
    `DELETE FROM batch_lines WHERE batch_id = ANY (ARRAY(
            SELECT id FROM batches WHERE NOT (${UNFINISHED}) AND EXISTS (
                     SELECT FROM batch_lines WHERE batch_lines.batch_id = batches.id)
             LIMIT $1))`,
    [limit],
  );
  return rowCount ?? 0;
}
