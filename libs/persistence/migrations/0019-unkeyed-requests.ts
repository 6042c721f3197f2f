import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Requests of OpenAI's clients that came without an idempotency key, each with the one that Beacon gave it. A row is there
 * from before the job is made until its answer has been sent. Older code survives it: it gives no keys.
 */
export class UnkeyedRequests1763769600019 implements MigrationInterface {
  name = 'UnkeyedRequests1763769600019';

  async up(queryRunner: QueryRunner): Promise<void> {
    // Every row changes a few times and goes: room is left to change it in place.
    await queryRunner.query(`
      CREATE TABLE unkeyed_requests (
        idempotency_key text PRIMARY KEY,
        tenant          text NOT NULL,
        -- SHA-256 of who asked for what: that of another try is the same
        fingerprint     bytea NOT NULL,
        -- how many jobs it makes
        jobs            integer NOT NULL,
        -- the router whose client waits
        holder          uuid NOT NULL,
        -- from then on nobody is known to wait, and another try may take it over
        held_until      timestamptz NOT NULL
      ) WITH (fillfactor = 70)`);
    await queryRunner.query(`CREATE INDEX unkeyed_requests_alike ON unkeyed_requests (fingerprint, tenant)`);
  }

  async down(): Promise<void> {
    throw new Error('migrations are append-only: restore a backup instead');
  }
}
