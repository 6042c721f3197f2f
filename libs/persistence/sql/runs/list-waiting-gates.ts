import type { RunStatus } from '#domain';
import type { Queryable } from '../../database.js';

export interface WaitingGateRow {
  readonly runId: string;
  readonly runName: string;
  readonly runStatus: RunStatus;
  readonly gateId: string;
  readonly waitingSince: Date;
  readonly expiresAt: Date;
  /** Place in the list: microseconds of the expiry, and the run's number. */
  readonly cursor: string;
}

/**
 * Gates that runs stand before and that may still be decided, the one that expires first at the head. A run stands before
 * one gate at a time. Reads tables and the charter's views alike.
 * @param tenant undefined: everybody's  @param after `cursor` of the last one already seen
 */
export async function listWaitingGates(
  database: Queryable,
  tenant: string | undefined,
  limit: number,
  after?: string,
): Promise<WaitingGateRow[]> {
  const [expiry = null, runNo = null] = after?.split('.') ?? [];
  const { rows } = await database.query<WaitingGateRow & Record<string, unknown>>(
    `SELECT run.id AS "runId", run.name AS "runName", run.status AS "runStatus", gate.gate_id AS "gateId",
            gate.waiting_since AS "waitingSince", gate.expires_at AS "expiresAt",
            (extract(epoch FROM gate.expires_at) * 1000000)::bigint || '.' || run.run_no AS cursor
       FROM gates AS gate JOIN runs AS run ON run.id = gate.run_id
      WHERE gate.status = 'waiting' AND gate.expires_at > clock_timestamp()
        AND run.finished_at IS NULL AND run.ending IS NULL
        AND ($1::text IS NULL OR run.tenant = $1)
        AND ($2::bigint IS NULL
             OR ((extract(epoch FROM gate.expires_at) * 1000000)::bigint, run.run_no) > ($2::bigint, $3::bigint))
      ORDER BY gate.expires_at, run.run_no LIMIT $4`,
    [tenant ?? null, expiry, runNo, limit],
  );
  return rows;
}
