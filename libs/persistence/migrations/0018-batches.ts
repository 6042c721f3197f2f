import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Files and batches. Older code survives it: it knows nothing of these tables. */
export class Batches1763769600018 implements MigrationInterface {
  name = 'Batches1763769600018';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      CREATE TABLE files (
        id         uuid PRIMARY KEY,
        file_no    bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
        tenant     text NOT NULL,
        -- who uploaded it, or made the batch it is of; NULL: no key was needed
        key_id     text,
        -- '' until it is known: it may come after the content
        purpose    text NOT NULL,
        filename   text NOT NULL,
        bytes      bigint NOT NULL DEFAULT 0,
        state      text NOT NULL CHECK (state IN ('uploading','stored')),
        created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        -- when the last chunk came
        touched_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        -- NULL: it stays until it is deleted
        expires_at timestamptz
      )`);
    await queryRunner.query(`CREATE INDEX files_tenant ON files (tenant, file_no)`);
    await queryRunner.query(`CREATE INDEX files_uploading ON files (touched_at) WHERE state = 'uploading'`);
    await queryRunner.query(`CREATE INDEX files_expiring ON files (expires_at) WHERE expires_at IS NOT NULL`);
    await queryRunner.query(`
      CREATE TABLE file_chunks (
        file_id  uuid NOT NULL REFERENCES files (id) ON DELETE CASCADE,
        chunk_no integer NOT NULL,
        -- where in the file it begins
        at_byte  bigint NOT NULL,
        content  bytea NOT NULL,
        PRIMARY KEY (file_id, chunk_no)
      )`);
    await queryRunner.query(`
      CREATE TABLE batches (
        id                uuid PRIMARY KEY,
        batch_no          bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
        tenant            text NOT NULL,
        key_id            text,
        -- of the key when the batch was made, for servers that do not know their keys
        key_limits        jsonb NOT NULL,
        status            text NOT NULL CHECK (status IN
                            ('validating','failed','in_progress','finalizing','completed','expired','cancelling','cancelled')),
        endpoint          text NOT NULL,
        -- the file may be deleted once the batch has ended
        input_file_id     uuid NOT NULL,
        output_file_id    uuid,
        error_file_id     uuid,
        completion_window text NOT NULL,
        -- of output and error file; NULL: the default
        output_expires_s  integer,
        -- what its jobs are asked with: a priority, and x-beacon-* headers
        asks              jsonb NOT NULL,
        model             text,
        metadata          jsonb,
        errors            jsonb,
        usage             jsonb,
        total             integer NOT NULL DEFAULT 0,
        -- number of its last line; blank ones are counted there
        last_line         integer NOT NULL DEFAULT 0,
        completed         integer NOT NULL DEFAULT 0,
        failed            integer NOT NULL DEFAULT 0,
        created_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
        expires_at        timestamptz NOT NULL,
        in_progress_at    timestamptz,
        finalizing_at     timestamptz,
        completed_at      timestamptz,
        failed_at         timestamptz,
        expired_at        timestamptz,
        cancelling_at     timestamptz,
        cancelled_at      timestamptz,
        erased_at         timestamptz
      )`);
    await queryRunner.query(`CREATE INDEX batches_tenant ON batches (tenant, batch_no)`);
    await queryRunner.query(`
      CREATE INDEX batches_unfinished ON batches (tenant, batch_no)
        WHERE status IN ('validating','in_progress','finalizing','cancelling')`);
    await queryRunner.query(`
      CREATE INDEX batches_input ON batches (input_file_id)
        WHERE status IN ('validating','in_progress','finalizing','cancelling')`);
    // The lines of a batch that has not ended: where each lies in the input file, and what became of it.
    await queryRunner.query(`
      CREATE TABLE batch_lines (
        batch_id  uuid NOT NULL REFERENCES batches (id) ON DELETE CASCADE,
        line_no   integer NOT NULL,
        at_byte   bigint NOT NULL,
        bytes     integer NOT NULL,
        custom_id text NOT NULL,
        -- NULL: not asked yet
        job_id    uuid,
        -- NULL: under way, or not asked yet
        outcome   text CHECK (outcome IN ('completed','failed','expired','cancelled')),
        -- why it could not be asked
        refusal   jsonb,
        PRIMARY KEY (batch_id, line_no)
      )`);
    await queryRunner.query(`
      CREATE INDEX batch_lines_under_way ON batch_lines (batch_id, line_no)
        WHERE job_id IS NOT NULL AND outcome IS NULL`);
    // Retention asks of a job whether a batch still needs its answer.
    await queryRunner.query(`CREATE INDEX batch_lines_job ON batch_lines (job_id) WHERE job_id IS NOT NULL`);
  }

  async down(): Promise<void> {
    throw new Error('migrations are append-only: restore a backup instead');
  }
}
