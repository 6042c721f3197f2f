import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Whose turn it is at an endpoint, and indexes in which each tenant's jobs stand apart. Older code survives it: it
 * sorts what waits instead of reading it in order, and tenants take no turns with what it admits.
 */
export class FairSharing1763769600014 implements MigrationInterface {
  name = 'FairSharing1763769600014';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`ALTER TABLE slots ADD COLUMN tenant text NOT NULL DEFAULT 'local'`);
    await queryRunner.query(`UPDATE slots SET tenant = jobs.tenant FROM jobs WHERE jobs.id = slots.job_id`);
    // One row per endpoint and tenant that ever had a job there. Often updated: room is left to do that in place.
    await queryRunner.query(`
      CREATE TABLE tenant_turns (
        endpoint_id text NOT NULL,
        tenant      text NOT NULL,
        -- when it was last given a ticket there
        served_at   timestamptz NOT NULL,
        PRIMARY KEY (endpoint_id, tenant)
      ) WITH (fillfactor = 50)`);

    // The tenant comes before the order: the first few of each are read without going past everybody else's.
    await queryRunner.query(`DROP INDEX jobs_waiting`);
    await queryRunner.query(`
      CREATE INDEX jobs_waiting ON jobs (lane, model, tenant, is_retry DESC, order_key, id)
        WHERE state IN ('queued','retrying')`);
    // How many of a key wait; without keys it is empty.
    await queryRunner.query(`
      CREATE INDEX jobs_waiting_of_key ON jobs (key_id)
        WHERE key_id IS NOT NULL AND state IN ('queued','retrying')`);
    await queryRunner.query(`DROP INDEX jobs_open`);
    await queryRunner.query(`
      CREATE INDEX jobs_open ON jobs (home_region, state, model, is_retry, lane, priority, tenant, created_at)
        WHERE state IN ('queued','retrying','dispatched','processing','cancelling')`);
  }

  async down(): Promise<void> {
    throw new Error('migrations are append-only: restore a backup instead');
  }
}
