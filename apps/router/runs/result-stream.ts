import type { CellResultView, ResultFormat } from '#contracts';
import { readQuestionsByNo, readResults, type CellResult, type Queryable } from '#persistence';
import { promptHashes } from './prompt-hash.js';
import { charterResultRow } from '../charter/result-face.js';
import { csvHeader, csvRow } from '../http/csv.js';
import { CHARTER_COLUMNS, COLUMNS, resultView, type ResultRun } from './result-rows.js';

/** Rows read at once: bounds what one reader holds, even where every answer is long. */
const BATCH = 200;

export const CONTENT_TYPES: Readonly<Record<ResultFormat, string>> = {
  json: 'application/json; charset=utf-8',
  jsonl: 'application/x-ndjson; charset=utf-8',
  csv: 'text/csv; charset=utf-8',
};

/** How rows are told, and under which columns. */
export interface ResultFace {
  readonly columns: readonly (keyof CellResultView)[];
  readonly row: (row: CellResultView) => Readonly<Partial<CellResultView>>;
}
const WHOLE_RESULTS: ResultFace = { columns: COLUMNS, row: (row) => row };
export const CHARTER_RESULTS: ResultFace = { columns: CHARTER_COLUMNS, row: charterResultRow };

/** The body of `GET /runs/{id}/results`, piece by piece, as fast as the client takes it. */
export async function* resultStream(
  database: Queryable,
  run: ResultRun,
  format: ResultFormat,
  face: ResultFace = WHOLE_RESULTS,
): AsyncGenerator<string, void, undefined> {
  if (format === 'csv') yield csvHeader(face.columns);
  if (format === 'json')
    yield `${JSON.stringify({ run_id: run.id, status: run.status }).slice(0, -1)},"results":[`;
  let separator = '';
  for await (const cells of readResults(database, run.id, BATCH)) {
    const rows = (await viewsOf(database, run, cells)).map(face.row);
    switch (format) {
      case 'csv':
        yield rows.map((row) => csvRow(row, face.columns)).join('');
        break;
      case 'jsonl':
        yield rows.map((row) => `${JSON.stringify(row)}\n`).join('');
        break;
      case 'json':
        yield separator + rows.map((row) => JSON.stringify(row)).join(',');
        separator = ',';
        break;
    }
  }
  if (format === 'json') yield ']}\n';
}

async function viewsOf(
  database: Queryable,
  run: ResultRun,
  cells: readonly CellResult[],
): Promise<CellResultView[]> {
  const questionNos = [...new Set(cells.map(({ questionNo }) => questionNo))];
  const questions = new Map(
    (await readQuestionsByNo(database, run.id, questionNos)).map((question) => [
      question.questionNo,
      question,
    ]),
  );
  const hashes = new Map<string, string>();
  return cells.map((cell) => {
    const key = `${cell.questionNo} ${cell.region}`;
    let hash = hashes.get(key);
    if (hash === undefined) {
      const question = questions.get(cell.questionNo);
      if (question === undefined) throw new Error(`run ${run.id} has no question ${cell.questionNo}`);
      hash =
        question.contentHashes?.prompts[cell.region]?.prompt_sha256 ??
        promptHashes(cell.region, run.spec.system_prompts, question).prompt_sha256;
      hashes.set(key, hash);
    }
    return resultView(cell, run.spec, hash);
  });
}
