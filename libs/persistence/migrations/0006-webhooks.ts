import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Webhooks of runs and their gates. Only adds a table: older code survives it, and queues none. */
export class Webhooks1763769600006 implements MigrationInterface {
  name = 'Webhooks1763769600006';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      CREATE TABLE webhook_deliveries (
        -- the receiver's key for telling a repetition
        event_id        uuid PRIMARY KEY DEFAULT gen_random_uuid(),
        run_id          uuid NOT NULL REFERENCES runs (id),
        event_type      text NOT NULL,
        url             text NOT NULL,
        -- as it is signed and sent, byte by byte, with every try
        body            text NOT NULL,
        status          text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending','delivered','failed')),
        -- begun; one that a killed process had begun counts
        tries           integer NOT NULL DEFAULT 0,
        -- next try; while one is being made, when it counts as lost
        due_at          timestamptz NOT NULL DEFAULT now(),
        last_error_code text,
        last_status     integer,
        created_at      timestamptz NOT NULL DEFAULT now(),
        finished_at     timestamptz,
        CHECK ((status = 'pending') = (finished_at IS NULL))
      )`);
    await queryRunner.query(`
      CREATE INDEX webhook_deliveries_due ON webhook_deliveries (due_at) WHERE status = 'pending'`);
    await queryRunner.query(`CREATE INDEX webhook_deliveries_run ON webhook_deliveries (run_id, created_at)`);
  }

  async down(): Promise<void> {
    throw new Error('migrations are append-only: restore a backup instead');
  }
}
