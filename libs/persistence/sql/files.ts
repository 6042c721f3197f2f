import type { Queryable } from '../database.js';
import { FILE_IN_USE } from './batches/unfinished.js';

export interface FileRow {
  readonly id: string;
  readonly fileNo: string;
  readonly tenant: string;
  readonly purpose: string;
  readonly filename: string;
  readonly bytes: number;
  readonly createdAt: Date;
  readonly expiresAt: Date | null;
}

const COLUMNS = `id, file_no AS "fileNo", tenant, purpose, filename, bytes::float8 AS bytes,
            created_at AS "createdAt", expires_at AS "expiresAt"`;

export interface NewFile {
  readonly id: string;
  readonly tenant: string;
  readonly keyId: string | null;
}

/** Files of a tenant that count: one that has expired and was not swept yet is nobody's any more. */
const COUNTED = `(state = 'uploading' OR expires_at IS NULL OR expires_at > clock_timestamp())`;

/**
 * Begins a file that nobody sees until `finishFile`.
 * @param client a transaction, so that no two of one tenant are counted at once
 * @param filesMax files that the tenant may have, this one included; 0: no limit
 * @returns false: it has as many
 */
export async function beginFile(
  client: Queryable,
  { id, tenant, keyId }: NewFile,
  filesMax: number,
): Promise<boolean> {
  if (filesMax > 0)
    await client.query(`SELECT pg_advisory_xact_lock(hashtextextended('files of ' || $1, 0))`, [tenant]);
  const { rowCount } = await client.query(
    `INSERT INTO files (id, tenant, key_id, purpose, filename, state)
     SELECT $1, $2, $3, '', '', 'uploading'
      WHERE $4::integer = 0
         OR (SELECT count(*) FROM files WHERE tenant = $2 AND ${COUNTED}) < $4::integer`,
    [id, tenant, keyId, filesMax],
  );
  return (rowCount ?? 0) > 0;
}

/**
 * Appends to a file that is being written. Each chunk is a commit of its own: however slowly they come, no connection and
 * no transaction waits for them.
 * @returns bytes of all files of the tenant, this chunk included; undefined: the file is gone, it was taken for abandoned
 */
export async function appendChunk(
  database: Queryable,
  fileId: string,
  chunkNo: number,
  atByte: number,
  content: Buffer,
): Promise<number | undefined> {
  const { rows } = await database.query<{ stored: number }>(
    `WITH grown AS (
            UPDATE files SET bytes = bytes + octet_length($4::bytea), touched_at = clock_timestamp()
             WHERE id = $1 AND state = 'uploading'
         RETURNING id, tenant
          ), added AS (
            INSERT INTO file_chunks (file_id, chunk_no, at_byte, content) SELECT id, $2, $3, $4 FROM grown
          )
     SELECT (octet_length($4::bytea)
             + (SELECT coalesce(sum(bytes), 0) FROM files WHERE files.tenant = grown.tenant))::float8 AS stored
       FROM grown`,
    [fileId, chunkNo, atByte, content],
  );
  return rows[0]?.stored;
}

/** What a tenant's files come to, those that are being uploaded included. */
export interface StoredFiles {
  /** What has expired takes room until it is swept. */
  readonly bytes: number;
  /** Without those that have expired. */
  readonly files: number;
}

export async function readStoredFiles(database: Queryable, tenant: string): Promise<StoredFiles> {
  const { rows } = await database.query<StoredFiles & Record<string, unknown>>(
    `SELECT coalesce(sum(bytes), 0)::float8 AS bytes,
            count(*) FILTER (WHERE ${COUNTED})::integer AS files
       FROM files WHERE tenant = $1`,
    [tenant],
  );
  return rows[0] ?? { bytes: 0, files: 0 };
}

/**
 * The file is whole, and is seen from now on.
 * @param expiresS from now; null: it stays
 * @returns undefined: it is gone
 */
export async function finishFile(
  client: Queryable,
  fileId: string,
  { filename, purpose, expiresS }: { filename: string; purpose: string; expiresS: number | null },
): Promise<FileRow | undefined> {
  const { rows } = await client.query<FileRow & Record<string, unknown>>(
    `UPDATE files
        SET state = 'stored', filename = $2, purpose = $3, touched_at = clock_timestamp(),
            expires_at = created_at + make_interval(secs => $4::float8)
      WHERE id = $1 AND state = 'uploading'
  RETURNING ${COLUMNS}`,
    [fileId, filename, purpose, expiresS],
  );
  return rows[0];
}

/** Also one that is still being written. */
export async function dropFile(database: Queryable, fileId: string): Promise<void> {
  await database.query(`DELETE FROM files WHERE id = $1`, [fileId]);
}

export async function readFileTenant(database: Queryable, fileId: string): Promise<string | undefined> {
  const { rows } = await database.query<{ tenant: string }>(
    `SELECT tenant FROM files WHERE id = $1 AND state = 'stored'`,
    [fileId],
  );
  return rows[0]?.tenant;
}

/** One that is whole and has not expired. */
export async function findFile(database: Queryable, fileId: string): Promise<FileRow | undefined> {
  const { rows } = await database.query<FileRow & Record<string, unknown>>(
    `SELECT ${COLUMNS} FROM files
      WHERE id = $1 AND state = 'stored' AND (expires_at IS NULL OR expires_at > clock_timestamp())`,
    [fileId],
  );
  return rows[0];
}

export interface FileFilter {
  /** undefined: everybody's. */
  readonly tenant: string | undefined;
  readonly purpose: string | undefined;
  readonly order: 'asc' | 'desc';
  /** `fileNo` of the last one seen. */
  readonly after: string | undefined;
}

export async function listFiles(
  database: Queryable,
  { tenant, purpose, order, after }: FileFilter,
  limit: number,
): Promise<FileRow[]> {
  const isAscending = order === 'asc';
  const { rows } = await database.query<FileRow & Record<string, unknown>>(
    `SELECT ${COLUMNS} FROM files
      WHERE state = 'stored' AND (expires_at IS NULL OR expires_at > clock_timestamp())
        AND ($1::text IS NULL OR tenant = $1) AND ($2::text IS NULL OR purpose = $2)
        AND ($3::bigint IS NULL OR file_no ${isAscending ? '>' : '<'} $3)
      ORDER BY file_no ${isAscending ? 'ASC' : 'DESC'} LIMIT $4`,
    [tenant ?? null, purpose ?? null, after ?? null, limit],
  );
  return rows;
}

/**
 * Deletes those of these files that no batch reads which has not ended. Locked in the order of their ids, and by a
 * statement of its own (decision 0029): the next one sees a batch that began while this one waited.
 * @param client a transaction
 * @returns how many
 */
export async function deleteUnusedFiles(client: Queryable, fileIds: readonly string[]): Promise<number> {
  await client.query(`SELECT FROM files WHERE id = ANY ($1::uuid[]) ORDER BY id FOR UPDATE`, [fileIds]);
  const { rowCount } = await client.query(
    `DELETE FROM files WHERE id = ANY ($1::uuid[]) AND state = 'stored' AND NOT ${FILE_IN_USE}`,
    [fileIds],
  );
  return rowCount ?? 0;
}

/**
 * @param client a transaction: a batch that begins at the same moment is waited for, and seen
 * @returns `in_use`: a batch that has not ended reads it
 */
export async function deleteFile(
  client: Queryable,
  fileId: string,
): Promise<'deleted' | 'in_use' | 'unknown'> {
  if ((await deleteUnusedFiles(client, [fileId])) > 0) return 'deleted';
  return (await readFileTenant(client, fileId)) === undefined ? 'unknown' : 'in_use';
}

/** @returns undefined: there is no such chunk */
export async function readChunk(
  database: Queryable,
  fileId: string,
  chunkNo: number,
): Promise<Buffer | undefined> {
  const { rows } = await database.query<{ content: Buffer }>(
    `SELECT content FROM file_chunks WHERE file_id = $1 AND chunk_no = $2`,
    [fileId, chunkNo],
  );
  return rows[0]?.content;
}

/** A piece of a file, from one byte up to another. @returns undefined: the file is gone, or is shorter */
export async function readBytes(
  database: Queryable,
  fileId: string,
  fromByte: number,
  toByte: number,
): Promise<Buffer | undefined> {
  const { rows } = await database.query<{ atByte: number; content: Buffer }>(
    `SELECT at_byte::float8 AS "atByte", content FROM file_chunks
      WHERE file_id = $1 AND at_byte < $3
        AND chunk_no >= (SELECT coalesce(max(chunk_no), 0) FROM file_chunks WHERE file_id = $1 AND at_byte <= $2)
      ORDER BY chunk_no`,
    [fileId, fromByte, toByte],
  );
  const [first] = rows;
  if (first === undefined || first.atByte > fromByte) return undefined;
  const bytes = rows.length === 1 ? first.content : Buffer.concat(rows.map(({ content }) => content));
  const piece = bytes.subarray(fromByte - first.atByte, toByte - first.atByte);
  return piece.length === toByte - fromByte ? piece : undefined;
}

/** Uploads of which nothing has come for so long, and files whose writer has died. @returns how many */
export async function dropAbandonedFiles(
  database: Queryable,
  seconds: number,
  limit: number,
): Promise<number> {
  const { rowCount } = await database.query(
    `DELETE FROM files WHERE id = ANY (ARRAY(
            SELECT id FROM files
             WHERE state = 'uploading' AND touched_at < clock_timestamp() - make_interval(secs => $1::float8)
             ORDER BY touched_at LIMIT $2 FOR UPDATE SKIP LOCKED))`,
    [seconds, limit],
  );
  return rowCount ?? 0;
}

/**
 * Deletes files that have had their time: by their own date, or by what retention says of what they hold. One that a
 * batch still reads stays.
 * @param client a transaction
 * @param promptsDays, resultsDays 0: for ever
 * @returns how many
 */
export async function deleteExpiredFiles(
  client: Queryable,
  promptsDays: number,
  resultsDays: number,
  limit: number,
): Promise<number> {
  const { rows } = await client.query<{ id: string }>(
    `SELECT id FROM files
      WHERE state = 'stored' AND NOT ${FILE_IN_USE}
        AND (expires_at <= clock_timestamp()
             OR ($1::float8 > 0 AND purpose <> 'batch_output'
                 AND created_at < clock_timestamp() - make_interval(secs => $1::float8 * 86400))
             OR ($2::float8 > 0 AND purpose = 'batch_output'
                 AND created_at < clock_timestamp() - make_interval(secs => $2::float8 * 86400)))
      ORDER BY file_no LIMIT $3 FOR UPDATE SKIP LOCKED`,
    [promptsDays, resultsDays, limit],
  );
  return deleteUnusedFiles(
    client,
    rows.map(({ id }) => id),
  );
}

/**
 * Files a tenant had stored until then, some at a time.
 * @param client a transaction
 * @returns how many are deleted, and how many of that time are still there
 */
export async function deleteTenantFiles(
  client: Queryable,
  tenant: string,
  until: Date,
  limit: number,
): Promise<{ deleted: number; left: number }> {
  const { rows: unused } = await client.query<{ id: string }>(
    `SELECT id FROM files
      WHERE tenant = $1 AND created_at <= $2 AND state = 'stored' AND NOT ${FILE_IN_USE}
      ORDER BY file_no LIMIT $3`,
    [tenant, until, limit],
  );
  const deleted = await deleteUnusedFiles(
    client,
    unused.map(({ id }) => id),
  );
  const { rows } = await client.query<{ left: number }>(
    `SELECT count(*)::integer AS left FROM files WHERE tenant = $1 AND created_at <= $2`,
    [tenant, until],
  );
  return { deleted, left: rows[0]?.left ?? 0 };
}
