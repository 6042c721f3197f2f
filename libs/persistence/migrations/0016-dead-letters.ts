import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Text of `sha256(text)` in lower-case hexadecimal. */
const SHA256 = (text: string): string => `encode(sha256(convert_to(${text}, 'UTF8')), 'hex')`;

/**
 * What dead letters say and what became of them, who took tickets that came back, and contents that can be erased. Older
 * code survives it: a trigger describes the dead letters that it writes, and it erases nothing; erased answers read as
 * empty there.
 */
export class DeadLetters1763769600016 implements MigrationInterface {
  name = 'DeadLetters1763769600016';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      ALTER TABLE dead_letters
        ADD COLUMN letter_no      bigint GENERATED ALWAYS AS IDENTITY,
        ADD COLUMN tenant         text NOT NULL DEFAULT 'local',
        ADD COLUMN model          text NOT NULL DEFAULT '',
        -- where its last attempt was made
        ADD COLUMN region         text NOT NULL DEFAULT '',
        ADD COLUMN endpoint_id    text,
        ADD COLUMN task_type      text,
        ADD COLUMN run_id         uuid,
        -- of the model and the request; NULL: erased
        ADD COLUMN payload_sha256 text,
        ADD COLUMN poison         boolean NOT NULL DEFAULT false,
        ADD COLUMN state          text NOT NULL DEFAULT 'open' CHECK (state IN ('open','redriven','discarded')),
        -- the latest job that was made of it
        ADD COLUMN redriven_as    uuid REFERENCES jobs (id),
        ADD COLUMN resolved_at    timestamptz,
        -- id of the key, 'local' where there are none
        ADD COLUMN resolved_by    text,
        ADD COLUMN reason         text,
        ADD CONSTRAINT dead_letters_resolved CHECK ((state = 'open') = (resolved_at IS NULL)),
        ADD CONSTRAINT dead_letters_redriven CHECK ((state = 'redriven') = (redriven_as IS NOT NULL)),
        ADD CONSTRAINT dead_letters_reasoned CHECK (state <> 'discarded' OR reason IS NOT NULL)`);
    await queryRunner.query(`
      CREATE FUNCTION describe_dead_letter() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        SELECT tenant, model, task_type, run_id, home_region, ${SHA256(`model || E'\\n' || request::text`)}
          INTO NEW.tenant, NEW.model, NEW.task_type, NEW.run_id, NEW.region, NEW.payload_sha256
          FROM jobs WHERE id = NEW.job_id;
        SELECT coalesce(max(region), NEW.region), max(endpoint_id) INTO NEW.region, NEW.endpoint_id
          FROM attempts WHERE job_id = NEW.job_id AND attempt = NEW.attempts;
        RETURN NEW;
      END $$`);
    await queryRunner.query(`
      CREATE TRIGGER dead_letters_described BEFORE INSERT ON dead_letters
        FOR EACH ROW EXECUTE FUNCTION describe_dead_letter()`);
    await queryRunner.query(`
      UPDATE dead_letters AS letter
         SET tenant = jobs.tenant, model = jobs.model, task_type = jobs.task_type, run_id = jobs.run_id,
             payload_sha256 = ${SHA256(`jobs.model || E'\\n' || jobs.request::text`)},
             region = coalesce(last.region, jobs.home_region), endpoint_id = last.endpoint_id
        FROM jobs LEFT JOIN attempts AS last ON last.job_id = jobs.id AND last.attempt = jobs.attempt
       WHERE jobs.id = letter.job_id`);
    await queryRunner.query(`CREATE UNIQUE INDEX dead_letters_no ON dead_letters (letter_no)`);
    await queryRunner.query(`CREATE INDEX dead_letters_tenant ON dead_letters (tenant, letter_no)`);
    await queryRunner.query(`
      CREATE INDEX dead_letters_open ON dead_letters (code, region, created_at) WHERE state = 'open'`);
    await queryRunner.query(`
      CREATE INDEX dead_letters_payload ON dead_letters (payload_sha256) WHERE payload_sha256 IS NOT NULL`);

    // The dead letter a job was made of again; NULL: it was asked for by itself.
    await queryRunner.query(`ALTER TABLE jobs ADD COLUMN redriven_from uuid`);
    await queryRunner.query(`
      CREATE INDEX jobs_redriven ON jobs (redriven_from) WHERE redriven_from IS NOT NULL`);

    // Dispatchers that have worked on a ticket that came back: all but the last one have lost it.
    await queryRunner.query(`
      CREATE TABLE ticket_takers (
        job_id        uuid NOT NULL,
        attempt       integer NOT NULL,
        dispatcher_id text NOT NULL,
        at            timestamptz NOT NULL DEFAULT clock_timestamp(),
        PRIMARY KEY (job_id, attempt, dispatcher_id)
      )`);
    // The only one of the suspects in its region whose call may be in flight, until then.
    await queryRunner.query(`ALTER TABLE slots ADD COLUMN trial_until timestamptz`);

    await queryRunner.query(`
      ALTER TABLE jobs
        ADD COLUMN prompt_erased_at timestamptz,
        ADD COLUMN result_erased_at timestamptz`);
    await queryRunner.query(`
      CREATE INDEX jobs_with_prompt ON jobs (completed_at)
        WHERE completed_at IS NOT NULL AND run_id IS NULL AND prompt_erased_at IS NULL`);
    await queryRunner.query(`
      CREATE INDEX jobs_with_result ON jobs (completed_at)
        WHERE state = 'completed' AND run_id IS NULL AND result_erased_at IS NULL`);
    await queryRunner.query(`
      ALTER TABLE runs
        -- from then on it cannot go on again
        ADD COLUMN prompts_erased_at timestamptz,
        ADD COLUMN results_erased_at timestamptz,
        -- begun, and not done with all of its parts
        ADD COLUMN erasing boolean NOT NULL DEFAULT false,
        -- of that: asked for by somebody, so that names and hashes of dead letters go, too
        ADD COLUMN erasing_everything boolean NOT NULL DEFAULT false`);
    await queryRunner.query(`
      CREATE INDEX runs_with_contents ON runs (finished_at)
        WHERE finished_at IS NOT NULL AND (prompts_erased_at IS NULL OR results_erased_at IS NULL)`);
    await queryRunner.query(`CREATE INDEX runs_erasing ON runs (run_no) WHERE erasing`);
    // What receipts say of a question whose text is erased: {text_sha256, prompts: {region: {system_sha256, prompt_sha256}}}
    await queryRunner.query(`ALTER TABLE run_questions ADD COLUMN content_hashes jsonb`);

    await queryRunner.query(`
      ALTER TABLE cells
        -- of an answer that is erased
        ADD COLUMN answer_sha256 text,
        ADD COLUMN erased_at     timestamptz,
        DROP CONSTRAINT cells_answer,
        ADD CONSTRAINT cells_answer CHECK ((state = 'accepted') = (coalesce(answer, answer_sha256) IS NOT NULL)
                                       AND (state = 'accepted') = (answered_region IS NOT NULL)),
        ADD CONSTRAINT cells_erased CHECK ((erased_at IS NULL) = (answer_sha256 IS NULL)
                                       AND (answer IS NULL OR answer_sha256 IS NULL))`);
    // An accepted cell never changes, but for this: its answer makes way for the answer's hash. \`substituted\` is
    // computed later, from columns that are compared.
    await queryRunner.query(`
      CREATE OR REPLACE FUNCTION refuse_change_of_accepted_cell() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        IF OLD.answer IS NOT NULL AND NEW.answer IS NULL AND NEW.erased_at IS NOT NULL
           AND NEW.answer_sha256 = ${SHA256('OLD.answer')}
           AND to_jsonb(NEW) - '{answer,answer_sha256,erased_at,substituted}'::text[]
             = to_jsonb(OLD) - '{answer,answer_sha256,erased_at,substituted}'::text[] THEN
          RETURN NEW;
        END IF;
        RAISE EXCEPTION 'cell % of run % has its accepted answer', OLD.cell_no, OLD.run_id;
      END $$`);

    // Webhooks of jobs carry what their callers gave them as metadata. A body is signed when it is sent, so that one that
    // is still to be sent goes out without it.
    await queryRunner.query(`
      CREATE FUNCTION erase_webhook_metadata(of_jobs uuid[]) RETURNS void LANGUAGE plpgsql AS $$
      BEGIN
        UPDATE webhook_deliveries SET body = jsonb_set(body::jsonb, '{data,metadata}', 'null', false)::text
         WHERE job_id = ANY (of_jobs) AND body::jsonb #> '{data,metadata}' <> 'null'::jsonb;
      END $$`);

    await queryRunner.query(`
      CREATE INDEX webhook_deliveries_finished ON webhook_deliveries (finished_at) WHERE finished_at IS NOT NULL`);

    await queryRunner.query(`
      CREATE TABLE tenant_erasures (
        tenant       text PRIMARY KEY,
        -- what was made until then
        requested_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        requested_by text NOT NULL,
        -- NULL: something is left, or had not ended
        completed_at timestamptz
      )`);
  }

  async down(): Promise<void> {
    throw new Error('migrations are append-only: restore a backup instead');
  }
}
