import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * How long a run's calls take to begin, once they have been decided on: meanwhile containers idle, and a budget reckons
 * with that. Older code survives it: it neither reads nor writes the table.
 */
export class StartGaps1763769600022 implements MigrationInterface {
  name = 'StartGaps1763769600022';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      CREATE TABLE start_gaps (
        region     text NOT NULL,
        model      text NOT NULL,
        -- no container of the run was warm when the call was decided on
        cold       boolean NOT NULL,
        -- the latest, newest first; each at most a scale-down window
        samples_ms integer[] NOT NULL,
        updated_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (region, model, cold)
      )`);
  }

  async down(): Promise<void> {
    throw new Error('migrations are append-only: restore a backup instead');
  }
}
