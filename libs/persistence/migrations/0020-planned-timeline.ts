import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * What each endpoint was expected to do when a run was submitted. Apart from the plan, because it names endpoints and
 * customers read plans. Older code survives it, and leaves it empty.
 */
export class PlannedTimeline1763769600020 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`ALTER TABLE runs ADD COLUMN planned_timeline jsonb`);
  }

  async down(): Promise<void> {
    throw new Error('migrations are append-only: restore a backup instead');
  }
}
