import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Of rows that came, or that changed (`by` is 1 for what is, -1 for what was): how many more are in each state. */
const ADD = (table: string, key: string, substituted: boolean): string => {
  const states = ['pending', 'submitted', 'accepted', 'failed', 'cancelled'];
  const columns = [...states, ...(substituted ? ['substituted'] : [])];
  const sums = [
    ...states.map((state) => `coalesce(sum(by) FILTER (WHERE state = '${state}'), 0)`),
    ...(substituted ? ['coalesce(sum(by) FILTER (WHERE substituted), 0)'] : []),
  ];
  return `
    INSERT INTO ${table} AS counts (run_id, ${key}, ${columns.join(', ')})
    SELECT run_id, ${key}, ${sums.join(', ')} FROM moved
     GROUP BY run_id, ${key}
    HAVING ${sums.map((sum) => `${sum} <> 0`).join(' OR ')}
    ON CONFLICT (run_id, ${key}) DO UPDATE
       SET ${columns.map((column) => `${column} = counts.${column} + excluded.${column}`).join(', ')}`;
};

const COUNT = (moved: string): string => `
  WITH moved AS (${moved}), of_questions AS (${ADD('run_question_counts', 'question_no', false)} RETURNING 1)
  ${ADD('run_pair_counts', 'pair_no', true)}`;

const FIELDS = 'run_id, question_no, pair_no, state, substituted';

/**
 * Counts of a run's cells, kept up to date by the statements that change cells, whichever they are: counting 100,000
 * cells for each reader of a run's progress was most of the work that reading one took. Older code survives it, and
 * keeps the counts right.
 */
export class RunCounts1763769600008 implements MigrationInterface {
  name = 'RunCounts1763769600008';

  async up(queryRunner: QueryRunner): Promise<void> {
    for (const [table, key, more] of [
      ['run_question_counts', 'question_no', ''],
      ['run_pair_counts', 'pair_no', 'substituted integer NOT NULL,'],
    ] as const) {
      await queryRunner.query(`
        CREATE TABLE ${table} (
          run_id    uuid NOT NULL,
          ${key}    integer NOT NULL,
          pending   integer NOT NULL,
          submitted integer NOT NULL,
          accepted  integer NOT NULL,
          failed    integer NOT NULL,
          cancelled integer NOT NULL,
          ${more}
          PRIMARY KEY (run_id, ${key})
        ) WITH (fillfactor = 70)`);
    }
    await queryRunner.query(`
      CREATE FUNCTION count_new_cells() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        ${COUNT(`SELECT ${FIELDS}, 1 AS by FROM came`)};
        RETURN NULL;
      END $$`);
    await queryRunner.query(`
      CREATE FUNCTION count_changed_cells() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        ${COUNT(`SELECT ${FIELDS}, 1 AS by FROM is_now UNION ALL SELECT ${FIELDS}, -1 FROM was`)};
        RETURN NULL;
      END $$`);
    await queryRunner.query(`
      CREATE TRIGGER cells_counted_new AFTER INSERT ON cells REFERENCING NEW TABLE AS came
        FOR EACH STATEMENT EXECUTE FUNCTION count_new_cells()`);
    await queryRunner.query(`
      CREATE TRIGGER cells_counted_changed AFTER UPDATE ON cells REFERENCING OLD TABLE AS was NEW TABLE AS is_now
        FOR EACH STATEMENT EXECUTE FUNCTION count_changed_cells()`);
    await queryRunner.query(COUNT(`SELECT ${FIELDS}, 1 AS by FROM cells`));
  }

  async down(): Promise<void> {
    throw new Error('migrations are append-only: restore a backup instead');
  }
}
