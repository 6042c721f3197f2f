import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * What every call cost. Older code survives it; the calls that it settles have no entries. Calls that ended before have none.
 */
export class Ledger1763769600012 implements MigrationInterface {
  name = 'Ledger1763769600012';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      CREATE TABLE ledger_entries (
        entry_no     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        recorded_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
        -- when the call, or the idle time, began and ended
        began_at     timestamptz NOT NULL,
        at           timestamptz NOT NULL,
        kind         text NOT NULL CHECK (kind IN ('call','idle')),
        -- of the call; idle time has that of the call that left it behind
        call_id      uuid NOT NULL,
        -- no reference: the ledger outlives what it is about
        job_id       uuid NOT NULL,
        attempt      integer NOT NULL,
        epoch        integer NOT NULL,
        -- 1 for the first call of the attempt
        call_no      integer NOT NULL,
        run_id       uuid,
        tenant       text NOT NULL,
        key_id       text,
        task_type    text,
        model        text NOT NULL,
        region       text NOT NULL,
        endpoint_id  text NOT NULL,
        -- 'modal', or the host of an OpenAI-compatible upstream
        provider     text NOT NULL,
        gpu          text,
        outcome      text NOT NULL CHECK (outcome IN ('succeeded','failed','refused','cancelled','lost','orphaned')),
        -- it became the job's answer
        accepted     boolean NOT NULL,
        http_status  integer,
        error_code   text,
        cold_start   boolean,
        -- nobody saw the call end: its time is estimated
        estimated    boolean NOT NULL,
        duration_ms  bigint NOT NULL CHECK (duration_ms >= 0),
        -- of the GPU; no moment of a container is in two entries
        cold_start_ms bigint NOT NULL CHECK (cold_start_ms >= 0),
        busy_ms      bigint NOT NULL CHECK (busy_ms >= 0),
        idle_ms      bigint NOT NULL CHECK (idle_ms >= 0),
        -- integers: billionths of a dollar per second, millionths, millionths of a dollar
        gpu_nano_usd_per_s bigint,
        region_multiplier_millionths bigint,
        gpu_cost_micro_usd bigint,
        tokens_in    bigint,
        tokens_out   bigint,
        input_micro_usd_per_million_tokens bigint,
        output_micro_usd_per_million_tokens bigint,
        llm_cost_micro_usd bigint,
        total_micro_usd bigint NOT NULL CHECK (total_micro_usd >= 0),
        -- something was used whose price is not known, and is not in the total
        unpriced     boolean NOT NULL,
        -- day of the price entry that was in force when the call began
        prices_from  date NOT NULL,
        CHECK (total_micro_usd = coalesce(gpu_cost_micro_usd, 0) + coalesce(llm_cost_micro_usd, 0))
      )`);
    await queryRunner.query(
      `CREATE UNIQUE INDEX ledger_entries_call ON ledger_entries (call_id) WHERE kind = 'call'`,
    );
    await queryRunner.query(`CREATE INDEX ledger_entries_job ON ledger_entries (job_id)`);
    await queryRunner.query(
      `CREATE INDEX ledger_entries_run ON ledger_entries (run_id) WHERE run_id IS NOT NULL`,
    );
    await queryRunner.query(`CREATE INDEX ledger_entries_at ON ledger_entries (at)`);
    await queryRunner.query(`
      CREATE TRIGGER ledger_entries_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_entries
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_the_past()`);

    // Words of upstream's errors may quote what was asked: they stand beside the entries of calls, and can be erased.
    await queryRunner.query(`
      CREATE TABLE ledger_errors (
        call_id uuid PRIMARY KEY,
        job_id  uuid NOT NULL,
        detail  text NOT NULL
      )`);
    await queryRunner.query(`CREATE INDEX ledger_errors_job ON ledger_errors (job_id)`);

    // How far each endpoint's container is charged; libs/domain/ledger/meter.ts says what it means.
    await queryRunner.query(`
      CREATE TABLE ledger_meters (
        endpoint_id      text PRIMARY KEY,
        -- Unix ms
        closed_until_ms  bigint NOT NULL,
        session_from_ms  bigint NOT NULL,
        charged_until_ms bigint NOT NULL,
        idle_certain     boolean NOT NULL,
        -- how long after its end the last call was recorded
        late_ms          bigint NOT NULL,
        -- the last call changed nothing else: how long its container idles is known here alone
        idle_at_least_until_ms bigint NOT NULL,
        -- the call that left the container idle, as its entry has it; NULL: no container is known of
        idle_of          jsonb
      )`);
    await queryRunner.query(`
      CREATE TABLE ledger_days (
        day       date NOT NULL,
        key_id    text NOT NULL,
        micro_usd bigint NOT NULL,
        PRIMARY KEY (key_id, day)
      )`);

    await queryRunner.query(`
      ALTER TABLE slots
        -- start of the first call of the attempt, also where the ticket was issued again since
        ADD COLUMN first_began_at timestamptz,
        -- last sign of life of the holder
        ADD COLUMN seen_at        timestamptz,
        -- and of the holder before it
        ADD COLUMN left_at        timestamptz`);
  }

  async down(): Promise<void> {
    throw new Error('migrations are append-only: restore a backup instead');
  }
}
