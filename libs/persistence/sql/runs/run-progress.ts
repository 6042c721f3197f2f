import type { Queryable } from '../../database.js';
import type { RunEntity, StoredRunSpec } from '../../entities/run.entity.js';

export interface StateCounts {
  readonly pending: number;
  readonly submitted: number;
  readonly accepted: number;
  readonly failed: number;
  readonly cancelled: number;
}

export interface QuestionProgress extends StateCounts {
  readonly questionNo: number;
  readonly questionId: string;
}

export interface PairProgress extends StateCounts {
  readonly pairNo: number;
  /** Accepted answers of another region. */
  readonly substituted: number;
}

// The counts are kept by the statements that change cells: reading them costs a row per question, not one per cell.
// They are not joined with the questions here: where the database has no statistics of a large run yet, it may compare
// every question with every other.
const QUESTION_COUNTS = `
  SELECT question_no AS "questionNo", pending, submitted, accepted, failed, cancelled
    FROM run_question_counts WHERE run_id = $1 ORDER BY question_no`;

const QUESTION_IDS = `
  SELECT question_no AS "questionNo", question_id AS "questionId" FROM run_questions WHERE run_id = $1
   ORDER BY question_no`;

const PAIRS = `
  SELECT pair_no AS "pairNo", pending, submitted, accepted, failed, cancelled, substituted
    FROM run_pair_counts WHERE run_id = $1 ORDER BY pair_no`;

export interface RunProgress {
  readonly questions: readonly QuestionProgress[];
  readonly pairs: readonly PairProgress[];
}

/** How cells of a run that have no rows yet are counted: as pending, which they will be. */
export type CountedRun = Pick<RunEntity, 'id' | 'cellsMade'> & {
  readonly spec: Pick<StoredRunSpec, 'repeats' | 'pairs'>;
};

/** By question number, in that order. They never change. */
export async function readQuestionIds(
  database: Queryable,
  runId: string,
): Promise<ReadonlyMap<number, string>> {
  const { rows } = await database.query<Pick<QuestionProgress, 'questionNo' | 'questionId'>>(QUESTION_IDS, [
    runId,
  ]);
  return new Map(rows.map(({ questionNo, questionId }) => [questionNo, questionId]));
}

/** @param questionIds as `readQuestionIds` has them, where they are known or being read */
export async function countCells(
  database: Queryable,
  run: CountedRun,
  questionIds: Promise<ReadonlyMap<number, string>> = readQuestionIds(database, run.id),
): Promise<RunProgress> {
  const { id, cellsMade, spec } = run;
  const [counts, idOf, pairs] = await Promise.all([
    database.query<Omit<QuestionProgress, 'questionId'> & Record<string, unknown>>(QUESTION_COUNTS, [id]),
    questionIds,
    database.query<PairProgress & Record<string, unknown>>(PAIRS, [id]),
  ]);
  if (cellsMade !== null) {
    const questionNos = [...idOf.keys()];
    const countOf = new Map(counts.rows.map((row) => [row.questionNo, row]));
    const pairOf = new Map(pairs.rows.map((row) => [row.pairNo, row]));
    counts.rows = questionNos.map((questionNo) =>
      withUnmade({ ...NONE, questionNo, ...countOf.get(questionNo) }, spec.repeats * spec.pairs.length),
    );
    pairs.rows = spec.pairs.map((_, index) => {
      const pairNo = index + 1;
      const total = spec.repeats * questionNos.length;
      return withUnmade({ ...NONE, substituted: 0, pairNo, ...pairOf.get(pairNo) }, total);
    });
  }
  const questions = counts.rows.map((row) => ({ ...row, questionId: idOf.get(row.questionNo) ?? '' }));
  return { questions, pairs: pairs.rows };
}

const NONE: StateCounts = { pending: 0, submitted: 0, accepted: 0, failed: 0, cancelled: 0 };

function withUnmade<Counts extends StateCounts>(counts: Counts, total: number): Counts {
  const { pending, submitted, accepted, failed, cancelled } = counts;
  return { ...counts, pending: Math.max(pending, total - submitted - accepted - failed - cancelled) };
}

/** Of all cells of a run. */
export interface RunTotals extends StateCounts {
  /** Accepted answers of another region. */
  readonly substituted: number;
}

/** Of several runs at once, in their order. Costs a row for each pair of each run, found by the key of the counts. */
export async function countCellsOfRuns<Run extends Pick<RunEntity, 'id' | 'totalCells'>>(
  database: Queryable,
  runs: readonly Run[],
): Promise<(readonly [Run, RunTotals])[]> {
  const { rows } = await database.query<Omit<RunTotals, 'pending'> & { readonly runId: string }>(
    `SELECT run_id AS "runId", sum(submitted)::integer AS submitted, sum(accepted)::integer AS accepted,
            sum(substituted)::integer AS substituted, sum(failed)::integer AS failed,
            sum(cancelled)::integer AS cancelled
       FROM run_pair_counts WHERE run_id = ANY($1::uuid[]) GROUP BY run_id`,
    [runs.map(({ id }) => id)],
  );
  const countsOf = new Map(rows.map(({ runId, ...counts }) => [runId, counts]));
  return runs.map((run) => {
    const counts = { ...NONE, substituted: 0, ...countsOf.get(run.id) };
    const { submitted, accepted, failed, cancelled } = counts;
    // Cells that have no rows yet are pending.
    const pending = Math.max(0, run.totalCells - submitted - accepted - failed - cancelled);
    return [run, { ...counts, pending }];
  });
}

/** Open cells of one question, by pair. */
export async function countOpenOfQuestion(
  database: Queryable,
  runId: string,
  questionNo: number,
): Promise<Map<number, number>> {
  const { rows } = await database.query<{ pairNo: number; open: number }>(
    `SELECT pair_no AS "pairNo", count(*)::integer AS open FROM cells
      WHERE run_id = $1 AND question_no = $2 AND state IN ('pending','submitted') GROUP BY pair_no`,
    [runId, questionNo],
  );
  return new Map(rows.map(({ pairNo, open }) => [pairNo, open]));
}
