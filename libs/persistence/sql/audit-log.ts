import type { Queryable } from '../database.js';

/** One administrative act. */
export interface AuditEntry {
  /** Id of the key it was done with, `local` where there are none. */
  readonly actor: string;
  readonly tenant: string;
  /** `key.created`, `endpoint.paused`, ... */
  readonly act: string;
  readonly target: string;
  /** Never a secret, a prompt or an answer. */
  readonly detail: Readonly<Record<string, unknown>>;
  readonly requestId: string | null;
}

export interface StoredAuditEntry extends AuditEntry {
  readonly entryNo: string;
  readonly at: Date;
}

/** In the transaction of the act itself, so that there is none without its entry. */
export async function appendAudit(database: Queryable, entry: AuditEntry): Promise<string> {
  const { actor, tenant, act, target, detail, requestId } = entry;
  const { rows } = await database.query<{ entryNo: string }>(
    `INSERT INTO audit_log (actor, tenant, act, target, detail, request_id)
     VALUES ($1, $2, $3, $4, $5, $6) RETURNING entry_no AS "entryNo"`,
    [actor, tenant, act, target, JSON.stringify(detail), requestId],
  );
  return rows[0]?.entryNo ?? '0';
}

/** Newest first. @param beforeEntryNo the last one already seen */
export async function readAudit(
  database: Queryable,
  limit: number,
  beforeEntryNo?: string,
): Promise<StoredAuditEntry[]> {
  const { rows } = await database.query<StoredAuditEntry & Record<string, unknown>>(
    `SELECT entry_no AS "entryNo", at, actor, tenant, act, target, detail, request_id AS "requestId"
       FROM audit_log WHERE entry_no < coalesce($2::bigint, 9223372036854775807)
      ORDER BY entry_no DESC LIMIT $1`,
    [limit, beforeEntryNo ?? null],
  );
  return rows;
}
