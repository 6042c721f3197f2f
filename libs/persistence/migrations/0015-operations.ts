import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * What operators change while Beacon runs: what is in force, and how it came to be. Older code survives it, but knows of no
 * pause, mode or changed setting: it goes by its configuration.
 */
export class Operations1763769600015 implements MigrationInterface {
  name = 'Operations1763769600015';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      CREATE TABLE control_changes (
        change_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        at         timestamptz NOT NULL DEFAULT clock_timestamp(),
        kind       text NOT NULL CHECK (kind IN ('pause','warm','mode','setting')),
        -- 'endpoint:ID', 'region:NAME', a mode, or the name of a setting
        target     text NOT NULL,
        -- value, reason, actor, tenant, since_ms, until_ms; NULL: nothing was in force
        before     jsonb,
        after      jsonb,
        cause      text NOT NULL CHECK (cause IN ('asked','undone','ended')),
        -- the change that was taken back
        undoes     bigint REFERENCES control_changes (change_id),
        actor      text NOT NULL,
        tenant     text NOT NULL,
        reason     text,
        request_id text
      )`);
    await queryRunner.query(
      `CREATE INDEX control_changes_of ON control_changes (kind, target, change_id DESC)`,
    );
    await queryRunner.query(`
      CREATE TRIGGER control_changes_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON control_changes
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_the_past()`);
    await queryRunner.query(`
      CREATE TABLE controls_in_force (
        kind      text NOT NULL,
        target    text NOT NULL,
        state     jsonb NOT NULL,
        -- ends by itself then; NULL: never
        until     timestamptz,
        change_id bigint NOT NULL REFERENCES control_changes (change_id),
        PRIMARY KEY (kind, target)
      )`);
    // Nothing in Beacon ever set this; what somebody set by hand goes on as a pause.
    await queryRunner.query(`
      WITH paused AS (
             SELECT 'endpoint:' || endpoint_id AS target,
                    jsonb_build_object('value', jsonb_build_object('kind', 'pause', 'drain', false, 'release', false),
                                       'reason', 'was paused before this version', 'actor', 'local', 'tenant', 'local',
                                       'since_ms', floor(extract(epoch FROM updated_at) * 1000), 'until_ms', NULL) AS state
               FROM endpoint_states WHERE paused
           ), changes AS (
             INSERT INTO control_changes (kind, target, after, cause, actor, tenant)
             SELECT 'pause', target, state, 'asked', 'local', 'local' FROM paused
             RETURNING change_id, target, after
           )
      INSERT INTO controls_in_force (kind, target, state, change_id)
      SELECT 'pause', target, after, change_id FROM changes`);
    await queryRunner.query(`
      ALTER TABLE jobs
        -- a caller holds a connection open for the answer
        ADD COLUMN awaited         boolean NOT NULL DEFAULT false,
        -- the job named no timeout: the one in force when a ticket is issued holds
        ADD COLUMN default_timeout boolean NOT NULL DEFAULT false`);
    await queryRunner.query(`
      CREATE INDEX jobs_awaited ON jobs (lane, model, tenant, is_retry DESC, order_key, id)
        WHERE awaited AND state IN ('queued','retrying')`);
  }

  async down(): Promise<void> {
    throw new Error('migrations are append-only: restore a backup instead');
  }
}
