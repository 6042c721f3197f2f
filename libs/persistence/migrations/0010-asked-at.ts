import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * When the call began that gave a cell its answer, and what follows for the regions of a question. Older code survives
 * it; cells that it settles do not say when they were asked, and are not judged.
 */
export class AskedAt1763769600010 implements MigrationInterface {
  name = 'AskedAt1763769600010';

  async up(queryRunner: QueryRunner): Promise<void> {
    // NULL: no answer, or one from before this was kept
    await queryRunner.query(`ALTER TABLE cells ADD COLUMN asked_at timestamptz`);
    // Of runs that bound the skew. Kept as answers are accepted: a run's readers are many, and its cells too.
    await queryRunner.query(`
      CREATE TABLE run_question_skews (
        run_id      uuid NOT NULL REFERENCES runs (id),
        question_no integer NOT NULL,
        -- the worst of its models and repeats that two regions or more have answered
        skew_s      double precision NOT NULL,
        PRIMARY KEY (run_id, question_no)
      ) WITH (fillfactor = 70)`);
  }

  async down(): Promise<void> {
    throw new Error('migrations are append-only: restore a backup instead');
  }
}
