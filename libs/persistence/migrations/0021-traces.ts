import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * The trace that a job belongs to. What follows its acceptance is minutes, restarts and regions away from it, so the context
 * is kept with the job. Older code survives it: it leaves the column empty.
 */
export class Traces1763769600021 implements MigrationInterface {
  name = 'Traces1763769600021';

  async up(queryRunner: QueryRunner): Promise<void> {
    // W3C traceparent of the request that brought the job; NULL: no trace is recorded.
    await queryRunner.query('ALTER TABLE jobs ADD COLUMN traceparent text');
  }

  async down(): Promise<void> {
    throw new Error('migrations are append-only: restore a backup instead');
  }
}
