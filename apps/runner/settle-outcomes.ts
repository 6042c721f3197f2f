import { planAfterCellFailure, type CellRetryPolicy } from '#domain';
import {
  acceptAnswers,
  closeCells,
  completeQuestions,
  putCellsBack,
  readTriesBefore,
  type FailedCell,
  type Queryable,
  type ResubmittedCell,
  type SettledCell,
} from '#persistence';
import type { CellOutcome, CellTry } from './cell-outcome.js';
import { recordSpending } from './record-spending.js';
import type { RunCosts } from './run-costs.js';
import type { RunJournal } from './run-journal.js';

/**
 * Records what became of cells' jobs. Outcomes that were recorded before, by whomever, change nothing.
 * The caller has locked the run.
 * @param ending the run is to end early: no cell gets another job
 */
export async function settleOutcomes(
  client: Queryable,
  runId: string,
  outcomes: readonly CellOutcome[],
  ending: boolean,
  policy: CellRetryPolicy,
  costs: RunCosts,
  journal: RunJournal,
): Promise<void> {
  if (outcomes.length === 0) return;
  const failed: FailedCell[] = [];
  const cancelled: FailedCell[] = [];
  const putBack: ResubmittedCell[] = [];
  const unanswered = outcomes.flatMap((outcome) => (outcome.kind === 'answered' ? [] : [outcome]));
  const triesBefore =
    unanswered.length === 0
      ? new Map<number, number>()
      : await readTriesBefore(
          client,
          runId,
          unanswered.map(({ cell }) => cell.cellNo),
        );
  for (const outcome of unanswered) {
    const { cellNo, cellAttempt, code } = outcome.cell;
    const tries = cellAttempt - (triesBefore.get(cellNo) ?? 0);
    const plan = planAfterCellFailure(tries, code, policy, Math.random());
    if (outcome.kind === 'cancelled') (ending ? cancelled : failed).push(outcome.cell);
    else if (plan.kind === 'fail') failed.push(outcome.cell);
    else if (ending) cancelled.push(outcome.cell);
    else putBack.push({ ...outcome.cell, pauseMs: plan.pauseMs });
  }
  const answers = outcomes.flatMap((outcome) => (outcome.kind === 'answered' ? [outcome.answer] : []));
  const codes = new Map([...failed, ...putBack].map(({ cellNo, code }) => [cellNo, code]));
  const closed: SettledCell[] = [];

  for (const cell of answers.length > 0 ? await acceptAnswers(client, runId, answers) : []) {
    closed.push(cell);
    journal.add('cell.accepted', {
      ...idsOf(cell),
      answered_region: cell.answeredRegion,
      substituted: cell.answeredRegion !== cell.region,
      inference_time: cell.inferenceTimeS,
    });
  }
  for (const cell of failed.length > 0 ? await closeCells(client, runId, 'failed', failed) : []) {
    closed.push(cell);
    journal.add('cell.failed', { ...idsOf(cell), error_code: codes.get(cell.cellNo) });
  }
  for (const cell of cancelled.length > 0 ? await closeCells(client, runId, 'cancelled', cancelled) : []) {
    closed.push(cell);
    journal.add('cell.cancelled', idsOf(cell));
  }
  const tries: CellTry[] = closed.map(({ cellNo, cellAttempt }) => ({ cellNo, cellAttempt }));
  for (const cell of putBack.length > 0 ? await putCellsBack(client, runId, putBack) : []) {
    tries.push({ cellNo: cell.cellNo, cellAttempt: cell.cellAttempt - 1 });
    journal.add('cell.retried', { ...idsOf(cell), error_code: codes.get(cell.cellNo) });
  }
  await recordSpending(client, runId, tries, costs);
  if (closed.length === 0 || ending) return;
  const questionNos = [...new Set(closed.map(({ questionNo }) => questionNo))];
  for (const { questionId } of await completeQuestions(client, runId, questionNos)) {
    journal.add('question.completed', { question_id: questionId });
  }
}

function idsOf(cell: SettledCell): Readonly<Record<string, unknown>> {
  return {
    cell_no: cell.cellNo,
    question_id: cell.questionId,
    model: cell.model,
    region: cell.region,
    repeat: cell.repeat,
    job_id: cell.jobId,
    attempts: cell.attempts,
  };
}
