import type { GateStatus, RunGate } from '#domain';
import type { Queryable } from '../../database.js';

export interface GateRow extends RunGate {
  /** By the database's clock, its time to decide is over. */
  readonly overdue: boolean;
}

/** In the order the run meets them. */
export async function readGates(client: Queryable, runId: string): Promise<GateRow[]> {
  const { rows } = await client.query<GateRow>(
    `SELECT gate_id AS "gateId", after_question_no AS "afterQuestionNo", status,
            (status = 'waiting' AND expires_at <= clock_timestamp()) AS overdue
       FROM gates WHERE run_id = $1 ORDER BY after_question_no`,
    [runId],
  );
  return rows;
}

/** The run stands before the gate; its time begins. */
export async function openGate(client: Queryable, runId: string, gateId: string): Promise<Date> {
  const { rows } = await client.query<{ expiresAt: Date }>(
    `UPDATE gates SET status = 'waiting', waiting_since = now(),
                      expires_at = now() + expires_in_s * interval '1 second'
      WHERE run_id = $1 AND gate_id = $2
      RETURNING expires_at AS "expiresAt"`,
    [runId, gateId],
  );
  const gate = rows[0];
  if (gate === undefined) throw new Error(`run ${runId} has no gate ${gateId}`);
  return gate.expiresAt;
}

export async function recordGateDecision(
  client: Queryable,
  runId: string,
  gateId: string,
  status: Extract<GateStatus, 'approved' | 'rejected' | 'expired'>,
): Promise<void> {
  await client.query(`UPDATE gates SET status = $3, decided_at = now() WHERE run_id = $1 AND gate_id = $2`, [
    runId,
    gateId,
    status,
  ]);
}

export async function listOverdueGates(
  database: Queryable,
  limit: number,
): Promise<{ runId: string; gateId: string }[]> {
  const { rows } = await database.query<{ runId: string; gateId: string }>(
    `SELECT run_id AS "runId", gate_id AS "gateId" FROM gates
      WHERE status = 'waiting' AND expires_at <= clock_timestamp() ORDER BY expires_at LIMIT $1`,
    [limit],
  );
  return rows;
}
