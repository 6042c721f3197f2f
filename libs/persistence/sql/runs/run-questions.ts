import type { Queryable } from '../../database.js';
import type { ContentHashes } from '../retention.js';

export interface RunQuestion {
  readonly questionNo: number;
  readonly questionId: string;
  readonly text: string;
  /** System prompt by region; the key '' holds for regions that are not named. */
  readonly systems: Readonly<Record<string, string>> | null;
  /** In the place of both where they are erased; null: they are there. */
  readonly contentHashes: ContentHashes | null;
}

const COLUMNS = `question_no AS "questionNo", question_id AS "questionId", text, systems,
  content_hashes AS "contentHashes"`;

/** A run's questions in order, in batches: their texts may be long and many. */
export async function* readRunQuestions(
  client: Queryable,
  runId: string,
  batchSize: number,
): AsyncGenerator<RunQuestion[], void, undefined> {
  let lastNo = 0;
  for (;;) {
    const { rows } = await client.query<RunQuestion & Record<string, unknown>>(
      `SELECT ${COLUMNS} FROM run_questions WHERE run_id = $1 AND question_no > $2 ORDER BY question_no LIMIT $3`,
      [runId, lastNo, batchSize],
    );
    const last = rows.at(-1);
    if (last === undefined) return;
    yield rows;
    lastNo = last.questionNo;
  }
}

export async function readQuestionsByNo(
  client: Queryable,
  runId: string,
  questionNos: readonly number[],
): Promise<RunQuestion[]> {
  const { rows } = await client.query<RunQuestion & Record<string, unknown>>(
    `SELECT ${COLUMNS} FROM run_questions WHERE run_id = $1 AND question_no = ANY ($2)`,
    [runId, questionNos],
  );
  return rows;
}

/** @param questionId undefined: the first question */
export async function findRunQuestion(
  client: Queryable,
  runId: string,
  questionId: string | undefined,
): Promise<(RunQuestion & { readonly nextQuestionId: string | null }) | undefined> {
  const { rows } = await client.query<
    RunQuestion & { readonly nextQuestionId: string | null } & Record<string, unknown>
  >(
    `SELECT ${COLUMNS},
            (SELECT next.question_id FROM run_questions AS next
              WHERE next.run_id = $1 AND next.question_no > question.question_no
              ORDER BY next.question_no LIMIT 1) AS "nextQuestionId"
       FROM run_questions AS question
      WHERE run_id = $1 AND ($2::text IS NULL OR question_id = $2)
      ORDER BY question_no LIMIT 1`,
    [runId, questionId ?? null],
  );
  return rows[0];
}
