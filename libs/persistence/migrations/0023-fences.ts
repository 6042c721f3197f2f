import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * What lets one router take up what another has left, and holds the other back where it lives on; and what lets a client
 * that asks for a batch again find the one it made. Older code survives it: it knows neither fences nor keys.
 */
export class Fences1763769600023 implements MigrationInterface {
  name = 'Fences1763769600023';

  async up(queryRunner: QueryRunner): Promise<void> {
    // Raised by each router that begins to drive the batch; what an earlier one writes is refused.
    await queryRunner.query(`ALTER TABLE batches ADD COLUMN fence integer NOT NULL DEFAULT 0`);
    // NULL: it was made before there were keys of batches.
    await queryRunner.query(
      `ALTER TABLE batches ADD COLUMN idempotency_key text, ADD COLUMN request_hash bytea`,
    );
    await queryRunner.query(
      `CREATE UNIQUE INDEX batches_idempotency ON batches (idempotency_key, tenant) WHERE idempotency_key IS NOT NULL`,
    );
    // Nobody came back for it: its jobs are being cancelled, by `holder` until `held_until`, and nobody takes it over.
    await queryRunner.query(
      `ALTER TABLE unkeyed_requests ADD COLUMN given_up boolean NOT NULL DEFAULT false`,
    );
  }

  async down(): Promise<void> {
    throw new Error('migrations are append-only: restore a backup instead');
  }
}
