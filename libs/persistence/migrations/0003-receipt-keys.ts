import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The keys that sign receipts. Only adds a table: older code survives it. */
export class ReceiptKeys1763769600003 implements MigrationInterface {
  name = 'ReceiptKeys1763769600003';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      CREATE TABLE receipt_keys (
        key_id      text PRIMARY KEY,
        -- DER SubjectPublicKeyInfo
        public_key  bytea NOT NULL,
        -- DER PKCS #8; NULL: retired, it signs nothing any more
        private_key bytea,
        created_at  timestamptz NOT NULL DEFAULT now(),
        retired_at  timestamptz,
        CHECK ((retired_at IS NULL) = (private_key IS NOT NULL))
      )`);
    // One key signs at a time, however many routers make one at once.
    await queryRunner.query(`
      CREATE UNIQUE INDEX receipt_keys_active ON receipt_keys ((true)) WHERE retired_at IS NULL`);
  }

  async down(): Promise<void> {
    throw new Error('migrations are append-only: restore a backup instead');
  }
}
