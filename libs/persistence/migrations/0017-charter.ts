import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Tasks, and what customers may see of everything: views that one role may read, and nothing else. Older code survives
 * it: it reads the tables themselves.
 */
export class Charter1763769600017 implements MigrationInterface {
  name = 'Charter1763769600017';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(
      `CREATE UNIQUE INDEX jobs_task_id ON jobs (coalesce(task_id, id::text), tenant) WHERE task_type IS NOT NULL`,
    );
    await queryRunner.query(
      `CREATE INDEX jobs_tasks ON jobs (tenant, created_at DESC, id DESC) WHERE task_type IS NOT NULL`,
    );
    // A worker's name for customers: without this nobody can try out which endpoint's it is.
    await queryRunner.query(`CREATE TABLE charter_salt (salt text NOT NULL)`);
    await queryRunner.query(
      `INSERT INTO charter_salt VALUES (gen_random_uuid()::text || gen_random_uuid()::text)`,
    );

    // A role is the cluster's, and other databases of it may be migrated at this moment.
    await queryRunner.query(`
      DO $$
      DECLARE
        may_be boolean;
      BEGIN
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'beacon_charter') THEN
          BEGIN
            CREATE ROLE beacon_charter NOLOGIN;
          EXCEPTION
            WHEN duplicate_object OR unique_violation THEN NULL;
            WHEN insufficient_privilege THEN
              RAISE EXCEPTION 'the role beacon_charter is missing, and % may not make it; as an administrator: CREATE ROLE beacon_charter NOLOGIN; GRANT beacon_charter TO %', current_user, quote_ident(current_user);
          END;
        END IF;
        FOR tried IN 1..20 LOOP
          EXECUTE format('SELECT pg_has_role(current_user, ''beacon_charter'', %L)',
                         CASE WHEN current_setting('server_version_num')::integer >= 160000 THEN 'SET' ELSE 'MEMBER' END)
            INTO may_be;
          EXIT WHEN may_be;
          BEGIN
            EXECUTE format('GRANT beacon_charter TO %I', current_user);
          EXCEPTION
            WHEN insufficient_privilege THEN
              RAISE EXCEPTION '% may not become the role beacon_charter; as an administrator: GRANT beacon_charter TO %', current_user, quote_ident(current_user);
            -- "tuple concurrently updated": somebody else was at it
            WHEN internal_error OR unique_violation THEN PERFORM pg_sleep(0.05);
          END;
        END LOOP;
      END $$`);

    // In a schema of their own the views bear the names of the tables: a statement that reads no forbidden column reads
    // either, by the search_path of its connection; one that does is refused there.
    await queryRunner.query(`CREATE SCHEMA charter`);
    for (const [name, query] of Object.entries(VIEWS)) {
      await queryRunner.query(`CREATE VIEW charter.${name} AS ${query}`);
    }
    await queryRunner.query(`GRANT USAGE ON SCHEMA charter TO beacon_charter`);
    await queryRunner.query(`GRANT SELECT ON ALL TABLES IN SCHEMA charter TO beacon_charter`);
  }

  async down(): Promise<void> {
    throw new Error('migrations are append-only: restore a backup instead');
  }
}

const ORDER_WITHOUT_COST = `
  (SELECT jsonb_agg(planned.value - 'cost_usd' - 'unpriced_gpus' ORDER BY number)
     FROM jsonb_array_elements(plan->'orders') WITH ORDINALITY AS planned (value, number))`;

const VIEWS = {
  // Jobs of tasks are not among them: their models are nobody's to know.
  jobs: `
    SELECT id, tenant, run_id, state, model, home_region, region_policy, priority, lane, is_retry, not_before, attempt,
           idempotency_key, jsonb_build_object('seed', request->'seed') AS request, metadata, error_code,
           CASE WHEN result IS NOT NULL THEN
             jsonb_build_object('response', result->'response', 'model', result->'model', 'region', result->'region',
                                'substituted', result->'substituted', 'inference_time_s', result->'inference_time_s',
                                'tokens_generated', result->'tokens_generated',
                                'response_sha256', result->'response_sha256') END AS result,
           coalesce(result_erased_at, prompt_erased_at) AS erased_at, redriven_from, created_at, started_at, completed_at
      FROM public.jobs WHERE task_type IS NULL`,
  attempts: `
    SELECT job_id, attempt, region, status, error_code, cold_start, reattached, execution_ms,
           jsonb_build_object('model_revision', attested->'model_revision') AS attested, started_at, finished_at
      FROM public.attempts`,
  stray_outcomes: `
    SELECT id, job_id, attempt, kind, error_code, duration_ms, received_at FROM public.stray_outcomes`,
  runs: `
    SELECT id, tenant, run_no, name, status, ending, cell_order, requested_order,
           spec - 'webhook_url' || jsonb_build_object('has_webhook', spec->'webhook_url' IS DISTINCT FROM 'null'::jsonb) AS spec,
           plan - 'cells_per_endpoint' - 'estimated_cost_usd'
             || jsonb_build_object('orders', coalesce(${ORDER_WITHOUT_COST}, '[]'::jsonb)) AS plan,
           total_cells, cells_made, created_at, started_at, finished_at
      FROM public.runs`,
  run_questions: `
    SELECT run_id, question_no, question_id, text, systems, content_hashes, completed_at FROM public.run_questions`,
  cells: `
    SELECT run_id, cell_no, question_no, pair_no, question_id, model, region, repeat, pinned, state, cell_attempt,
           job_id, attempts, answer, answered_region, substituted, inference_time_s, tokens_generated, error_code,
           submitted_at, finished_at, asked_at, answer_sha256, erased_at
      FROM public.cells`,
  gates: `
    SELECT run_id, gate_id, after_question_no, status, expires_in_s, expires_at, waiting_since, decided_at
      FROM public.gates`,
  run_events: `
    SELECT run_id, seq, type, data - 'spent_usd' AS data, at FROM public.run_events`,
  run_question_counts: `
    SELECT run_id, question_no, pending, submitted, accepted, failed, cancelled FROM public.run_question_counts`,
  run_pair_counts: `
    SELECT run_id, pair_no, pending, submitted, accepted, failed, cancelled, substituted FROM public.run_pair_counts`,
  run_question_skews: `
    SELECT run_id, question_no, skew_s FROM public.run_question_skews`,
  tasks: `
    SELECT coalesce(job.task_id, job.id::text) AS task_id, job.id AS sort_id, job.tenant, job.task_type, job.owner_id, job.state,
           job.attempt, job.priority, job.metadata, job.error_code, job.result->>'response' AS response,
           coalesce(job.result_erased_at, job.prompt_erased_at) AS erased_at,
           (SELECT coalesce(old.task_id, old.id::text) FROM public.jobs AS old WHERE old.id = job.redriven_from) AS redriven_from,
           (SELECT letter.redriven_as::text FROM public.dead_letters AS letter WHERE letter.job_id = job.id) AS redriven_as,
           latest.execution_ms, latest.worker_id, job.created_at, job.started_at, job.completed_at
      FROM public.jobs AS job
      LEFT JOIN LATERAL (
           SELECT execution_ms,
                  'worker-' || left(encode(sha256(convert_to(salt || endpoint_id, 'UTF8')), 'hex'), 12) AS worker_id
             FROM public.attempts, public.charter_salt
            WHERE attempts.job_id = job.id ORDER BY attempt DESC LIMIT 1) AS latest ON true
     WHERE job.task_type IS NOT NULL`,
} as const;
