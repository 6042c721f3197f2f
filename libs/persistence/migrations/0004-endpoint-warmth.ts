import type { MigrationInterface, QueryRunner } from 'typeorm';

/** How long idle containers stay, where the platform was told. Only adds: older code survives it. */
export class EndpointWarmth1763769600004 implements MigrationInterface {
  name = 'EndpointWarmth1763769600004';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      CREATE TABLE endpoint_warmth (
        endpoint_id    text PRIMARY KEY,
        mode           text NOT NULL CHECK (mode IN ('configured','hybrid','hot')),
        -- the scale-down window that the platform confirmed last
        window_ms      float8 NOT NULL,
        -- the longest that may be in force: one that was told counts from before it was told
        ceiling_ms     float8 NOT NULL,
        reason         text NOT NULL,
        -- the mode is in force since then
        since          timestamptz NOT NULL DEFAULT now(),
        told_at        timestamptz NOT NULL DEFAULT '-infinity',
        -- a router is telling the platform, or shall not try again before
        changing_until timestamptz NOT NULL DEFAULT '-infinity'
      )`);
    // The latest attempts of an endpoint are read every few seconds.
    await queryRunner.query(`CREATE INDEX attempts_by_endpoint ON attempts (endpoint_id, admitted_at DESC)`);
  }

  async down(): Promise<void> {
    throw new Error('migrations are append-only: restore a backup instead');
  }
}
