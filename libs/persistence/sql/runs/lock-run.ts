import type { RunEnding, RunOrder, RunStatus } from '#domain';
import type { Queryable } from '../../database.js';
import type { StoredRunSpec } from '../../entities/run.entity.js';

export interface LockedRun {
  readonly tenant: string;
  /** null: it was made without a key. */
  readonly keyId: string | null;
  readonly status: RunStatus;
  readonly ending: RunEnding | null;
  readonly order: RunOrder;
  readonly spec: StoredRunSpec;
  readonly startedAt: Date | null;
  /** Cells that are being asked again; null: it goes on for another reason. */
  readonly retriedCells: number | null;
  /** Cells up to this number have rows; null: all of them. */
  readonly cellsMade: number | null;
  /** Its texts or its answers are being erased, or are: it cannot go on. */
  readonly erased: boolean;
}

/**
 * First statement of every transaction that changes a run or its parts. It makes changes of one run happen one
 * after the other, so that its events become visible in the order of their numbers: readers may go on from
 * the last number they saw.
 */
export async function lockRun(client: Queryable, runId: string): Promise<LockedRun | undefined> {
  const { rows } = await client.query<LockedRun>(
    `SELECT tenant, key_id AS "keyId", status, ending, cell_order AS "order", spec, started_at AS "startedAt",
            retried_cells AS "retriedCells", cells_made AS "cellsMade",
            coalesce(prompts_erased_at, results_erased_at) IS NOT NULL AS erased FROM runs WHERE id = $1 FOR UPDATE`,
    [runId],
  );
  return rows[0];
}
