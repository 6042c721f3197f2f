import type { CharterDatabase } from '../../charter-database.js';
import type { RunGateEntity } from '../../entities/run-gate.entity.js';
import type { RunEntity, StoredOrderPlan, StoredRunPlan, StoredRunSpec } from '../../entities/run.entity.js';

/** A run as customers may know it. */
export type CharterRun = Omit<RunEntity, 'tenant' | 'keyId' | 'requestedOrder' | 'spec' | 'plan'> & {
  readonly spec: Omit<StoredRunSpec, 'webhook_url'> & { readonly has_webhook: boolean };
  readonly plan: Omit<StoredRunPlan, 'cells_per_endpoint' | 'estimated_cost_usd' | 'orders'> & {
    readonly orders: readonly Omit<StoredOrderPlan, 'cost_usd' | 'unpriced_gpus'>[];
  };
};

const COLUMNS = `
  id, run_no AS "runNo", name, status, ending, cell_order AS "order", spec, plan, total_cells AS "totalCells",
  cells_made AS "cellsMade", created_at AS "createdAt", started_at AS "startedAt", finished_at AS "finishedAt"`;

export async function findCharterRun(
  database: CharterDatabase,
  runId: string,
): Promise<CharterRun | undefined> {
  const { rows } = await database.query<CharterRun & Record<string, unknown>>(
    `SELECT ${COLUMNS} FROM runs WHERE id = $1`,
    [runId],
  );
  return rows[0];
}

/** A tenant's, newest first. @param beforeRunNo the last one already seen */
export async function listCharterRuns(
  database: CharterDatabase,
  tenant: string,
  limit: number,
  beforeRunNo?: string,
): Promise<CharterRun[]> {
  const { rows } = await database.query<CharterRun & Record<string, unknown>>(
    `SELECT ${COLUMNS} FROM runs WHERE tenant = $1 AND ($2::bigint IS NULL OR run_no < $2)
      ORDER BY run_no DESC LIMIT $3`,
    [tenant, beforeRunNo ?? null, limit],
  );
  return rows;
}

export async function findCharterGates(database: CharterDatabase, runId: string): Promise<RunGateEntity[]> {
  const { rows } = await database.query<RunGateEntity & Record<string, unknown>>(
    `SELECT run_id AS "runId", gate_id AS "gateId", after_question_no AS "afterQuestionNo", status,
            expires_in_s AS "expiresInS", expires_at AS "expiresAt", waiting_since AS "waitingSince",
            decided_at AS "decidedAt"
       FROM gates WHERE run_id = $1 ORDER BY after_question_no`,
    [runId],
  );
  return rows;
}
