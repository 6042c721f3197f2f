import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Webhooks of jobs, whose they are, and their redelivery. Older code survives it: the webhooks of runs that it queues
 * belong to the tenant `local` and have no number; those of jobs are queued by the database whoever ends the job.
 */
export class WebhooksOfJobs1763769600013 implements MigrationInterface {
  name = 'WebhooksOfJobs1763769600013';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      ALTER TABLE webhook_deliveries
        ALTER COLUMN run_id DROP NOT NULL,
        -- in the order in which they were queued
        ADD COLUMN delivery_no  bigint GENERATED ALWAYS AS IDENTITY,
        ADD COLUMN tenant       text NOT NULL DEFAULT 'local',
        ADD COLUMN job_id       uuid REFERENCES jobs (id) ON DELETE CASCADE,
        -- counts the events of one job or run from 1: what came first. NULL: queued by older code
        ADD COLUMN sequence     integer,
        -- a try is being made, or was when its process died
        ADD COLUMN is_claimed   boolean NOT NULL DEFAULT false,
        -- those that were made before it was last sent again by hand: the schedule begins anew
        ADD COLUMN tries_before integer NOT NULL DEFAULT 0,
        -- host and port that are called: what a share of the deliveries is given to
        ADD COLUMN receiver     text NOT NULL
          GENERATED ALWAYS AS (coalesce(lower(substring(url FROM '^[^:]+://([^/?#]*)')), '')) STORED,
        ADD CHECK (num_nonnulls(run_id, job_id) = 1)`);
    await queryRunner.query(`
      UPDATE webhook_deliveries AS delivery
         SET tenant = runs.tenant, sequence = numbered.place
        FROM runs, (SELECT event_id, row_number() OVER (PARTITION BY run_id ORDER BY created_at, event_id) AS place
                      FROM webhook_deliveries) AS numbered
       WHERE runs.id = delivery.run_id AND numbered.event_id = delivery.event_id`);
    await queryRunner.query(`DROP INDEX webhook_deliveries_due`);
    // Whoever looks for what is due goes through the tenants, and through what is due of each.
    await queryRunner.query(`
      CREATE INDEX webhook_deliveries_due ON webhook_deliveries (tenant, due_at) INCLUDE (receiver)
        WHERE status = 'pending'`);
    await queryRunner.query(`
      CREATE UNIQUE INDEX webhook_deliveries_of_job ON webhook_deliveries (job_id, sequence)
        WHERE job_id IS NOT NULL`);
    await queryRunner.query(`
      CREATE UNIQUE INDEX webhook_deliveries_of_run ON webhook_deliveries (run_id, sequence)
        WHERE run_id IS NOT NULL`);
    await queryRunner.query(`
      CREATE INDEX webhook_deliveries_tenant ON webhook_deliveries (tenant, delivery_no)`);
    await queryRunner.query(`CREATE UNIQUE INDEX webhook_deliveries_no ON webhook_deliveries (delivery_no)`);
    await queryRunner.query(`
      CREATE INDEX webhook_deliveries_failed ON webhook_deliveries (delivery_no) WHERE status = 'failed'`);

    // A job ends in many statements, of several processes. Here none can forget to tell, and what is told is named
    // column by column: a new column of jobs is told to nobody. It must not fail, or a whole batch of outcomes would.
    await queryRunner.query(`
      CREATE FUNCTION queue_webhook_of_job() RETURNS trigger LANGUAGE plpgsql AS $$
      DECLARE
        last_attempt record;
        place integer;
        kind text := CASE WHEN NEW.task_type IS NULL THEN 'job.' ELSE 'task.' END || NEW.state;
        execution_time_s float8;
      BEGIN
        SELECT region, execution_ms INTO last_attempt
          FROM attempts WHERE job_id = NEW.id AND attempt = NEW.attempt;
        execution_time_s := last_attempt.execution_ms / 1000.0;
        -- The row of the job is locked: nobody else counts its events now.
        SELECT coalesce(max(sequence), 0) + 1 INTO place FROM webhook_deliveries WHERE job_id = NEW.id;
        INSERT INTO webhook_deliveries (tenant, job_id, sequence, event_type, url, body)
        VALUES (NEW.tenant, NEW.id, place, kind, NEW.webhook_url, json_build_object(
          'type', kind,
          'timestamp', to_char(coalesce(NEW.completed_at, clock_timestamp()) AT TIME ZONE 'UTC',
                               'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
          'data', CASE WHEN NEW.task_type IS NULL THEN json_build_object(
              'job_id', NEW.id,
              'sequence', place,
              'status', NEW.state,
              'region', coalesce(NEW.result->>'region', last_attempt.region, NEW.home_region),
              'substituted', CASE WHEN NEW.state = 'completed' THEN NEW.result->'substituted' = 'true'::jsonb END,
              'retry_count', greatest(0, NEW.attempt - 1),
              'execution_time_s', execution_time_s,
              'error_code', CASE WHEN NEW.state IN ('failed', 'expired') THEN NEW.error_code END,
              'metadata', NEW.metadata,
              'path', '/inference/status/' || NEW.id)
            ELSE json_build_object(
              'task_id', coalesce(NEW.task_id, NEW.id::text),
              'sequence', place,
              'task_type', NEW.task_type,
              'status', NEW.state,
              'execution_time_s', execution_time_s,
              'path', '/tasks/' || coalesce(NEW.task_id, NEW.id::text))
            END)::text);
        RETURN NULL;
      END $$`);
    await queryRunner.query(`
      CREATE TRIGGER jobs_webhook AFTER UPDATE OF state ON jobs FOR EACH ROW
        WHEN (NEW.webhook_url IS NOT NULL
              AND NEW.state IN ('completed', 'failed', 'cancelled', 'expired')
              AND OLD.state NOT IN ('completed', 'failed', 'cancelled', 'expired'))
        EXECUTE FUNCTION queue_webhook_of_job()`);
  }

  async down(): Promise<void> {
    throw new Error('migrations are append-only: restore a backup instead');
  }
}
