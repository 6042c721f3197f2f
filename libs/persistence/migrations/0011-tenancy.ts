import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Whose jobs and runs these are, the keys they came with, and the log of administrative acts. Older code survives it:
 * what it makes belongs to the tenant `local`; it cannot tell idempotency keys of different tenants apart.
 */
export class Tenancy1763769600011 implements MigrationInterface {
  name = 'Tenancy1763769600011';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      ALTER TABLE jobs
        ADD COLUMN tenant    text NOT NULL DEFAULT 'local',
        -- NULL: the server had no keys
        ADD COLUMN key_id    text,
        -- NULL: no run's
        ADD COLUMN run_id    uuid,
        -- NULL: no task
        ADD COLUMN task_type text,
        -- the client's name for its task; NULL: it gave none, the job's id is the task's
        ADD COLUMN task_id   text,
        -- who answers for the task; NULL: no task
        ADD COLUMN owner_id  text`);
    await queryRunner.query(`
      ALTER TABLE runs
        ADD COLUMN tenant text NOT NULL DEFAULT 'local',
        ADD COLUMN key_id text`);
    await queryRunner.query(`DROP INDEX jobs_idempotency_key`);
    await queryRunner.query(`
      CREATE UNIQUE INDEX jobs_idempotency_key ON jobs (idempotency_key, tenant) WHERE idempotency_key IS NOT NULL`);
    await queryRunner.query(`DROP INDEX runs_idempotency_key`);
    await queryRunner.query(`
      CREATE UNIQUE INDEX runs_idempotency_key ON runs (idempotency_key, tenant) WHERE idempotency_key IS NOT NULL`);
    await queryRunner.query(`CREATE INDEX runs_tenant ON runs (tenant, run_no DESC)`);

    await queryRunner.query(`
      CREATE TABLE api_keys (
        key_id     text PRIMARY KEY,
        name       text NOT NULL,
        tenant     text NOT NULL,
        -- keyed hash of the whole key, hex; the key itself is nowhere
        hash       text NOT NULL,
        roles      text[] NOT NULL,
        limits     jsonb NOT NULL DEFAULT '{}',
        created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        -- NULL: never
        expires_at timestamptz,
        revoked_at timestamptz,
        -- the key that this one takes over from
        replaces   text
      )`);

    await queryRunner.query(`
      CREATE TABLE audit_log (
        entry_no   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        at         timestamptz NOT NULL DEFAULT clock_timestamp(),
        -- 'local' where there were no keys
        actor      text NOT NULL,
        tenant     text NOT NULL,
        act        text NOT NULL,
        -- what it was done to
        target     text NOT NULL,
        detail     jsonb NOT NULL DEFAULT '{}',
        request_id text
      )`);
    // Nobody rewrites the past: not a fault of the code, and not whoever holds Beacon's own credentials.
    await queryRunner.query(`
      CREATE FUNCTION refuse_change_of_the_past() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;
      END $$`);
    await queryRunner.query(`
      CREATE TRIGGER audit_log_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_the_past()`);
  }

  async down(): Promise<void> {
    throw new Error('migrations are append-only: restore a backup instead');
  }
}
