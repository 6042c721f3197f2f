import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Runs, their cells, gates and event log. Only adds tables: older code survives it. */
export class Runs1763769600002 implements MigrationInterface {
  name = 'Runs1763769600002';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      CREATE TABLE runs (
        id              uuid PRIMARY KEY,
        -- creation order, for paging
        run_no          bigint GENERATED ALWAYS AS IDENTITY,
        name            text NOT NULL,
        status          text NOT NULL DEFAULT 'planned'
                          CHECK (status IN ('planned','running','awaiting_approval','completed',
                                            'completed_with_failures','failed','cancelled','rejected','expired')),
        -- why it ends before its cells do; the runner carries it out
        ending          text CHECK (ending IN ('cancelled','rejected','expired')),
        cell_order      text NOT NULL CHECK (cell_order IN ('question','region','pipeline')),
        requested_order text NOT NULL,
        spec            jsonb NOT NULL,
        plan            jsonb NOT NULL,
        total_cells     integer NOT NULL,
        idempotency_key text,
        request_hash    bytea,
        created_at      timestamptz NOT NULL DEFAULT now(),
        started_at      timestamptz,
        finished_at     timestamptz,
        CHECK ((finished_at IS NULL) = (status IN ('planned','running','awaiting_approval')))
      ) WITH (fillfactor = 70)`);
    await queryRunner.query(`CREATE UNIQUE INDEX runs_run_no ON runs (run_no)`);
    await queryRunner.query(`
      CREATE UNIQUE INDEX runs_idempotency_key ON runs (idempotency_key) WHERE idempotency_key IS NOT NULL`);
    await queryRunner.query(`CREATE INDEX runs_unfinished ON runs (run_no) WHERE finished_at IS NULL`);

    await queryRunner.query(`
      CREATE TABLE run_questions (
        run_id       uuid NOT NULL REFERENCES runs (id),
        question_no  integer NOT NULL,
        question_id  text NOT NULL,
        text         text NOT NULL,
        -- by region; '' holds for regions that are not named
        systems      jsonb,
        -- checkpoint: every cell of it is closed
        completed_at timestamptz,
        PRIMARY KEY (run_id, question_no),
        UNIQUE (run_id, question_id)
      )`);

    await queryRunner.query(`
      CREATE TABLE cells (
        run_id           uuid NOT NULL,
        -- question by question, then repeat by repeat, then pair by pair; from 1
        cell_no          integer NOT NULL,
        question_no      integer NOT NULL,
        -- the (model, region) pair
        pair_no          integer NOT NULL,
        question_id      text NOT NULL,
        model            text NOT NULL,
        region           text NOT NULL,
        repeat           integer NOT NULL,
        -- region_policy is "pin"
        pinned           boolean NOT NULL,
        -- submitted without a job_id: the job is being made, under this cell attempt's idempotency key
        state            text NOT NULL DEFAULT 'pending'
                           CHECK (state IN ('pending','submitted','accepted','failed','cancelled')),
        cell_attempt     integer NOT NULL DEFAULT 1,
        -- after a failed job: when the next one may be made
        not_before       timestamptz,
        job_id           uuid,
        -- executions over all of its jobs
        attempts         integer NOT NULL DEFAULT 0,
        answer           text,
        answered_region  text,
        substituted      boolean GENERATED ALWAYS AS (answered_region <> region) STORED,
        endpoint_id      text,
        inference_time_s double precision,
        tokens_generated integer,
        error_code       text,
        submitted_at     timestamptz,
        finished_at      timestamptz,
        PRIMARY KEY (run_id, cell_no),
        CONSTRAINT cells_once UNIQUE (run_id, question_id, model, region, repeat),
        CONSTRAINT cells_answer CHECK ((state = 'accepted') = (answer IS NOT NULL)
                                   AND (state = 'accepted') = (answered_region IS NOT NULL)),
        CONSTRAINT cells_pin_holds CHECK (NOT pinned OR answered_region IS NULL OR answered_region = region)
      ) WITH (fillfactor = 80)`);
    // The first open cells of a pair: what a step of the runner looks at.
    await queryRunner.query(`
      CREATE INDEX cells_open ON cells (run_id, pair_no, cell_no) WHERE state IN ('pending','submitted')`);
    // Progress, counted from the index alone.
    await queryRunner.query(`CREATE INDEX cells_progress ON cells (run_id, question_no, state, pair_no)`);

    // One accepted answer per cell, whatever the code does: an accepted cell never changes.
    await queryRunner.query(`
      CREATE FUNCTION refuse_change_of_accepted_cell() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        RAISE EXCEPTION 'cell % of run % has its accepted answer', OLD.cell_no, OLD.run_id;
      END $$`);
    await queryRunner.query(`
      CREATE TRIGGER cells_accepted_once BEFORE UPDATE ON cells
        FOR EACH ROW WHEN (OLD.state = 'accepted') EXECUTE FUNCTION refuse_change_of_accepted_cell()`);

    await queryRunner.query(`
      CREATE TABLE gates (
        run_id            uuid NOT NULL REFERENCES runs (id),
        gate_id           text NOT NULL,
        after_question_no integer NOT NULL,
        status            text NOT NULL DEFAULT 'pending'
                            CHECK (status IN ('pending','waiting','approved','rejected','expired')),
        expires_in_s      integer NOT NULL,
        -- counted from the moment the run stands before the gate
        expires_at        timestamptz,
        waiting_since     timestamptz,
        decided_at        timestamptz,
        PRIMARY KEY (run_id, gate_id)
      )`);
    await queryRunner.query(`CREATE INDEX gates_expiry ON gates (expires_at) WHERE status = 'waiting'`);

    await queryRunner.query(`
      CREATE TABLE run_events (
        run_id uuid NOT NULL,
        seq    bigint GENERATED ALWAYS AS IDENTITY,
        type   text NOT NULL,
        data   jsonb NOT NULL,
        at     timestamptz NOT NULL DEFAULT clock_timestamp(),
        PRIMARY KEY (run_id, seq)
      )`);
  }

  async down(): Promise<void> {
    throw new Error('migrations are append-only: restore a backup instead');
  }
}
