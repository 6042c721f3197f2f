import type { Queryable } from '../../database.js';

/**
 * Marks cells as being submitted, before the router is asked: after a crash the mark tells that a job may
 * exist, and asking again with the cell attempt's idempotency key finds it.
 */
export async function markSubmitting(
  client: Queryable,
  runId: string,
  cellNos: readonly number[],
): Promise<void> {
  await client.query(
    `UPDATE cells SET state = 'submitted', submitted_at = now()
      WHERE run_id = $1 AND cell_no = ANY ($2) AND state = 'pending'`,
    [runId, cellNos],
  );
}

export interface MadeJob {
  readonly cellNo: number;
  readonly cellAttempt: number;
  readonly jobId: string;
}

export interface RecordedSubmission {
  readonly cellNo: number;
  readonly questionId: string;
  readonly model: string;
  readonly region: string;
  readonly repeat: number;
  readonly jobId: string;
  readonly cellAttempt: number;
}

/** @returns the cells whose job id was not known before */
export async function recordJobIds(
  client: Queryable,
  runId: string,
  jobs: readonly MadeJob[],
): Promise<RecordedSubmission[]> {
  const { rows } = await client.query<RecordedSubmission>(
    `UPDATE cells SET job_id = given.job_id
       FROM unnest($2::integer[], $3::integer[], $4::uuid[]) AS given (cell_no, cell_attempt, job_id)
      WHERE cells.run_id = $1 AND cells.cell_no = given.cell_no AND cells.cell_attempt = given.cell_attempt
        AND cells.state = 'submitted' AND cells.job_id IS NULL
      RETURNING cells.cell_no AS "cellNo", question_id AS "questionId", model, region, repeat,
                cells.job_id AS "jobId", cells.cell_attempt AS "cellAttempt"`,
    [
      runId,
      jobs.map(({ cellNo }) => cellNo),
      jobs.map(({ cellAttempt }) => cellAttempt),
      jobs.map(({ jobId }) => jobId),
    ],
  );
  return rows;
}
