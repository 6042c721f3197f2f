import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Who has had a GPU for how long, who is giving one up, and the order of runs that decides who is next. */
export class GpuHandover1763769600007 implements MigrationInterface {
  name = 'GpuHandover1763769600007';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      ALTER TABLE endpoint_states
        -- when it was last woken
        ADD COLUMN gpu_since       timestamptz NOT NULL DEFAULT '-infinity',
        -- when its last call ended
        ADD COLUMN idle_since      timestamptz NOT NULL DEFAULT '-infinity',
        -- until then the platform is being asked to release its idle container
        ADD COLUMN releasing_until timestamptz NOT NULL DEFAULT '-infinity',
        -- when its last turn ended: it had work, and gave its GPU up to others
        ADD COLUMN turn_ended_at      timestamptz NOT NULL DEFAULT '-infinity',
        -- how long its last release took
        ADD COLUMN release_ms      integer`);
    await queryRunner.query(`
      ALTER TABLE runs
        DROP CONSTRAINT runs_cell_order_check,
        ADD CONSTRAINT runs_cell_order_check CHECK (cell_order IN ('question','region','pipeline','best'))`);
  }

  async down(): Promise<void> {
    throw new Error('migrations are append-only: restore a backup instead');
  }
}
