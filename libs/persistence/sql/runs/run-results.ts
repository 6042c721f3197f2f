import type { CellState } from '#domain';
import { CharterDatabase } from '../../charter-database.js';
import type { Queryable } from '../../database.js';
import { unmadeCells } from './unmade-cells.js';

export interface CellResult {
  readonly cellNo: number;
  readonly questionNo: number;
  readonly questionId: string;
  readonly model: string;
  readonly region: string;
  readonly repeat: number;
  readonly state: CellState;
  readonly answer: string | null;
  readonly answeredRegion: string | null;
  readonly substituted: boolean | null;
  readonly endpointId: string | null;
  readonly jobId: string | null;
  readonly attempts: number;
  readonly inferenceTimeS: number | null;
  readonly tokensGenerated: number | null;
  readonly errorCode: string | null;
  readonly finishedAt: Date | null;
  /** As the endpoint attested it with the answer. */
  readonly modelRevision: string | null;
  /** When the answering call began. */
  readonly askedAt: Date | null;
  /** When its answer was erased; null: it was not. */
  readonly erasedAt: Date | null;
}

// The charter's view of cells names no endpoints.
const resultsSql = (endpoint: 'endpoint_id' | 'NULL'): string => `
  (SELECT cell_no AS "cellNo", question_no AS "questionNo", question_id AS "questionId", model, region, repeat, state,
         answer, answered_region AS "answeredRegion", substituted, ${endpoint} AS "endpointId", job_id AS "jobId",
         attempts, inference_time_s AS "inferenceTimeS", tokens_generated AS "tokensGenerated",
         error_code AS "errorCode", finished_at AS "finishedAt",
         CASE WHEN state = 'accepted' THEN
           (SELECT attested->>'model_revision' FROM attempts
             WHERE attempts.job_id = cells.job_id AND attempts.status = 'succeeded'
             ORDER BY attempt DESC LIMIT 1) END AS "modelRevision",
         asked_at AS "askedAt", erased_at AS "erasedAt"
    FROM cells WHERE run_id = $1 AND cell_no > $2 ORDER BY cell_no LIMIT $3)
  UNION ALL
  SELECT cell_no, question_no, question_id, model, region, repeat, state,
         NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL
    FROM ${unmadeCells('$1', '$2', '$2::bigint + $3')} AS unmade
  ORDER BY 1 LIMIT $3`;
const RESULTS = resultsSql('endpoint_id');
const CHARTER_RESULTS = resultsSql('NULL');

/**
 * Every cell in order, in batches that are read as the reader takes them: no long transaction, no run in memory.
 * While the run goes on, each batch is as fresh as the moment it was read.
 */
export async function* readResults(
  database: Queryable,
  runId: string,
  batchSize: number,
): AsyncGenerator<CellResult[], void, undefined> {
  const sql = database instanceof CharterDatabase ? CHARTER_RESULTS : RESULTS;
  let lastCellNo = 0;
  for (;;) {
    const { rows } = await database.query<CellResult>(sql, [runId, lastCellNo, batchSize]);
    const last = rows.at(-1);
    if (last === undefined) return;
    yield rows;
    if (rows.length < batchSize) return;
    lastCellNo = last.cellNo;
  }
}
