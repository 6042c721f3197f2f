import type { Receipt, ReceiptCell } from './receipts.js';

/** What bounds the run and what was done to it goes with its cells. Receipts from before either was listed say nothing. */
export function checkBounds({ run, cells }: Receipt, faults: string[]): void {
  for (const cell of cells) checkAskedAt(cell, faults);
  if (run.budget === null) {
    const stopped = cells.find(({ error_code: code }) => code === 'BUDGET_REACHED');
    if (stopped !== undefined)
      faults.push(`cell ${stopped.cell_no} was not asked for the budget, but the run has none`);
  }
}

/** The answering call began within the attempt that made it. */
function checkAskedAt({ cell_no: cellNo, asked_at: askedAt, ...cell }: ReceiptCell, faults: string[]): void {
  if (askedAt === undefined || askedAt === null) return;
  if (cell.status !== 'accepted') {
    faults.push(`cell ${cellNo} is ${cell.status}, but says when its answer was asked for`);
    return;
  }
  const job = cell.jobs.find(({ job_id: id }) => id === cell.job_id);
  // That there is one is held against the receipt elsewhere.
  const answering = job?.attempts.findLast(({ status }) => status === 'succeeded');
  if (answering === undefined) return;
  const { started_at: startedAt, finished_at: finishedAt } = answering;
  if (
    startedAt === null ||
    finishedAt === null ||
    isBefore(askedAt, startedAt) ||
    isBefore(finishedAt, askedAt)
  )
    faults.push(`cell ${cellNo} was asked at ${askedAt}, which is not within the attempt that answered it`);
}

/** Pauses and resumptions take turns; an end that was taken back ends a pause, too. */
export function checkHistory({ run, issued_at: issuedAt }: Receipt, faults: string[]): void {
  const { history } = run;
  if (history === undefined) return;
  let isPaused = false;
  let before = run.created_at;
  for (const [index, turn] of history.entries()) {
    const fault = (what: string): void =>
      void faults.push(`run.history, ${turn.type} at ${turn.at}: ${what}`);
    if (isBefore(turn.at, before)) fault(index === 0 ? 'the run was not there yet' : 'is not in order');
    before = turn.at;
    switch (turn.type) {
      case 'run.paused':
        if (isPaused) fault('the run was paused already');
        isPaused = true;
        break;
      case 'run.resumed':
        if (!isPaused) fault('the run was not paused');
        isPaused = false;
        break;
      case 'run.reopened':
        if (turn.cells > run.total_cells) fault(`is about ${turn.cells} cells, more than the run has`);
        isPaused = false;
    }
  }
  if (isBefore(issuedAt, before)) faults.push('run.history goes on after the receipt was issued');
  if (run.status === 'paused' && !isPaused) faults.push('the run is paused, but run.history does not say so');
  const isGoingOn = ['planned', 'running', 'awaiting_approval'].includes(run.status);
  const hasAllAsked = ['completed', 'completed_with_failures', 'failed'].includes(run.status);
  if (isPaused && (isGoingOn || hasAllAsked))
    faults.push(`the run is ${run.status}, but run.history does not say that it was resumed`);
}

function isBefore(one: string, other: string): boolean {
  return Date.parse(one) < Date.parse(other);
}
