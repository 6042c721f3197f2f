import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Pausing, reopening and what a run has spent. Older code survives it: it drives a paused run on, and takes a
 * reopened one for any other; calls that it settles are missing in `run_spending`.
 */
export class RunControls1763769600005 implements MigrationInterface {
  name = 'RunControls1763769600005';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      ALTER TABLE runs
        DROP CONSTRAINT runs_status_check,
        DROP CONSTRAINT runs_check,
        ADD CONSTRAINT runs_status_check
          CHECK (status IN ('planned','running','awaiting_approval','paused','completed',
                            'completed_with_failures','failed','cancelled','rejected','expired')),
        ADD CONSTRAINT runs_check
          CHECK ((finished_at IS NULL) = (status IN ('planned','running','awaiting_approval','paused'))),
        -- paused, and none of its calls is in flight: nobody needs to look at it
        ADD COLUMN parked boolean NOT NULL DEFAULT false,
        -- cells that are being asked again; NULL: the run goes on for another reason
        ADD COLUMN retried_cells integer`);
    // Tries before the run was reopened: they do not count against the tries that a cell has.
    await queryRunner.query(`ALTER TABLE cells ADD COLUMN tries_before integer NOT NULL DEFAULT 0`);
    // Cells in the router's hands: few, however many are pending.
    await queryRunner.query(`CREATE INDEX cells_submitted ON cells (run_id) WHERE state = 'submitted'`);
    // What a run's calls took, folded in as each of its jobs ends: a large run has too many attempts to add up.
    await queryRunner.query(`
      CREATE TABLE run_spending (
        run_id      uuid NOT NULL REFERENCES runs (id),
        endpoint_id text NOT NULL,
        calls       integer NOT NULL,
        cold_starts integer NOT NULL,
        busy_ms     bigint NOT NULL,
        -- between calls, each at most a scale-down window
        gap_ms      bigint NOT NULL,
        last_end    timestamptz,
        PRIMARY KEY (run_id, endpoint_id)
      )`);
  }

  async down(): Promise<void> {
    throw new Error('migrations are append-only: restore a backup instead');
  }
}
