import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Jobs, attempts, slots and what is learned about endpoints. First schema: no older code exists. */
export class Jobs1763769600001 implements MigrationInterface {
  name = 'Jobs1763769600001';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      CREATE TABLE jobs (
        id               uuid PRIMARY KEY,
        state            text NOT NULL CHECK (state IN ('queued','dispatched','processing','retrying',
                                                        'completed','failed','cancelling','cancelled','expired')),
        model            text NOT NULL,
        -- region whose queue the job is counted in
        home_region      text NOT NULL,
        -- region the client asked for; NULL: none
        preferred_region text,
        region_policy    text NOT NULL CHECK (region_policy IN ('pin','prefer','any')),
        priority         text NOT NULL CHECK (priority IN ('high','normal','low')),
        -- which endpoints may draw it: 'pin:US', 'prefer:US' or 'any'
        lane             text NOT NULL,
        avoid_regions    text[] NOT NULL DEFAULT '{}',
        is_retry         boolean NOT NULL DEFAULT false,
        -- ms: creation plus the ageing allowance of the priority; smaller goes first
        order_key        bigint NOT NULL,
        not_before       timestamptz NOT NULL DEFAULT '-infinity',
        attempt          integer NOT NULL DEFAULT 0,
        epoch            integer NOT NULL DEFAULT 0,
        max_attempts     integer NOT NULL,
        timeout_ms       integer NOT NULL,
        deadline         timestamptz,
        request          jsonb NOT NULL,
        metadata         jsonb,
        webhook_url      text,
        idempotency_key  text,
        request_hash     bytea,
        error_code       text,
        error_detail     text,
        result           jsonb,
        created_at       timestamptz NOT NULL DEFAULT now(),
        started_at       timestamptz,
        completed_at     timestamptz
      ) WITH (fillfactor = 85)`);
    await queryRunner.query(`
      CREATE INDEX jobs_waiting ON jobs (lane, model, is_retry DESC, order_key, id)
        WHERE state IN ('queued','retrying')`);
    await queryRunner.query(`
      CREATE INDEX jobs_open ON jobs (home_region, state, model, is_retry, lane, priority, created_at)
        WHERE state IN ('queued','retrying','dispatched','processing','cancelling')`);
    await queryRunner.query(`
      CREATE INDEX jobs_not_before ON jobs (not_before)
        WHERE state = 'retrying'`);
    await queryRunner.query(`
      CREATE INDEX jobs_deadline ON jobs (deadline)
        WHERE deadline IS NOT NULL AND state IN ('queued','retrying','dispatched','processing')`);
    await queryRunner.query(`
      CREATE UNIQUE INDEX jobs_idempotency_key ON jobs (idempotency_key) WHERE idempotency_key IS NOT NULL`);

    await queryRunner.query(`
      CREATE TABLE attempts (
        job_id       uuid NOT NULL REFERENCES jobs (id),
        attempt      integer NOT NULL,
        epoch        integer NOT NULL,
        endpoint_id  text NOT NULL,
        region       text NOT NULL,
        status       text NOT NULL CHECK (status IN ('dispatched','running','succeeded','failed','cancelled','lost')),
        error_code   text,
        error_detail text,
        http_status  integer,
        cold_start   boolean,
        reattached   boolean NOT NULL DEFAULT false,
        execution_ms integer,
        -- what the endpoint attested: gpu, model_revision, container_id, call id, token counts
        attested     jsonb,
        admitted_at  timestamptz NOT NULL DEFAULT now(),
        started_at   timestamptz,
        finished_at  timestamptz,
        PRIMARY KEY (job_id, attempt)
      )`);

    await queryRunner.query(`
      CREATE TABLE slots (
        job_id      uuid PRIMARY KEY REFERENCES jobs (id),
        attempt     integer NOT NULL,
        epoch       integer NOT NULL,
        endpoint_id text NOT NULL,
        region      text NOT NULL,
        -- dispatcher that runs the call; NULL: the ticket has not been started
        holder      text,
        -- the ticket was issued to wait for a running call of the endpoint to end
        staged      boolean NOT NULL,
        leased_at   timestamptz NOT NULL DEFAULT now(),
        started_at  timestamptz,
        -- no sign of life by then: the reconciler looks into it
        lease_until timestamptz NOT NULL
      )`);
    await queryRunner.query(`CREATE INDEX slots_endpoint ON slots (endpoint_id)`);

    await queryRunner.query(`
      CREATE TABLE endpoint_states (
        endpoint_id          text PRIMARY KEY,
        paused               boolean NOT NULL DEFAULT false,
        breaker              text NOT NULL DEFAULT 'closed' CHECK (breaker IN ('closed','open','half_open')),
        consecutive_failures integer NOT NULL DEFAULT 0,
        -- times the breaker opened since it was last closed
        opens                integer NOT NULL DEFAULT 0,
        open_until           timestamptz,
        last_error_code      text,
        -- a container has answered, and would answer again without a cold start until then
        warm_until           timestamptz NOT NULL DEFAULT '-infinity',
        -- a container may hold a GPU until then
        gpu_until            timestamptz NOT NULL DEFAULT '-infinity',
        updated_at           timestamptz NOT NULL DEFAULT now()
      )`);

    await queryRunner.query(`
      CREATE TABLE execution_times (
        region     text NOT NULL,
        model      text NOT NULL,
        cold       boolean NOT NULL,
        -- the latest, newest first
        samples_ms integer[] NOT NULL,
        updated_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (region, model, cold)
      )`);

    await queryRunner.query(`
      CREATE TABLE region_totals (
        region    text PRIMARY KEY,
        completed bigint NOT NULL DEFAULT 0,
        failed    bigint NOT NULL DEFAULT 0,
        cancelled bigint NOT NULL DEFAULT 0,
        expired   bigint NOT NULL DEFAULT 0
      )`);

    await queryRunner.query(`
      CREATE TABLE dead_letters (
        job_id     uuid PRIMARY KEY REFERENCES jobs (id),
        code       text NOT NULL,
        detail     text NOT NULL,
        attempts   integer NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now()
      )`);

    // Outcomes that changed no result: duplicates and those of superseded tickets. They were paid for.
    await queryRunner.query(`
      CREATE TABLE stray_outcomes (
        id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        job_id      uuid NOT NULL,
        attempt     integer NOT NULL,
        epoch       integer NOT NULL,
        endpoint_id text NOT NULL,
        kind        text NOT NULL,
        error_code  text,
        duration_ms integer NOT NULL,
        received_at timestamptz NOT NULL DEFAULT now()
      )`);
    await queryRunner.query(`CREATE INDEX stray_outcomes_job ON stray_outcomes (job_id)`);
  }

  async down(): Promise<void> {
    throw new Error('migrations are append-only: restore a backup instead');
  }
}
