import { cellSeed, isRunFinished } from '#domain';
import { checkBounds, checkHistory } from './check-receipt-run.js';
import type { Receipt, ReceiptCell, ReceiptCounts } from './receipts.js';

/**
 * Holds a receipt against itself: nothing is missing, nothing is counted twice, and every figure follows from what is
 * listed. Whether it is signed is another question.
 * @returns what is wrong, one sentence each; empty: nothing is
 */
export function checkReceipt(receipt: Receipt): string[] {
  const faults: string[] = [];
  checkGrid(receipt, faults);
  checkCells(receipt, faults);
  checkSeeds(receipt, faults);
  checkLists(receipt, faults);
  checkCounts(receipt, faults);
  checkEnd(receipt, faults);
  checkBounds(receipt, faults);
  checkHistory(receipt, faults);
  return faults;
}

/** Names cells as `--results` does too. */
export function cellKey(cell: Pick<ReceiptCell, 'question_id' | 'model' | 'region' | 'repeat'>): string {
  return JSON.stringify([cell.question_id, cell.model, cell.region, cell.repeat]);
}

/** Every question x pair x repeat has one cell, and there are no others. */
function checkGrid({ run, questions, cells }: Receipt, faults: string[]): void {
  const wanted = new Set<string>();
  for (const { question_id } of questions)
    for (const { model, region } of run.pairs)
      for (let repeat = 1; repeat <= run.repeats; repeat += 1)
        wanted.add(cellKey({ question_id, model, region, repeat }));
  const expected = questions.length * run.pairs.length * run.repeats;
  if (wanted.size !== expected) faults.push('a question or a pair of model and region is listed twice');
  if (run.total_cells !== expected)
    faults.push(`run.total_cells is ${run.total_cells}; the questions, pairs and repeats make ${expected}`);
  const numbers = new Set<number>();
  for (const cell of cells) {
    if (numbers.has(cell.cell_no)) faults.push(`cell ${cell.cell_no} is listed twice`);
    numbers.add(cell.cell_no);
    if (!wanted.delete(cellKey(cell)))
      faults.push(`cell ${cell.cell_no} (${cellKey(cell)}) does not belong to the run, or is listed again`);
  }
  if (wanted.size > 0) faults.push(`${wanted.size} cells are not listed, first ${[...wanted][0] ?? ''}`);
  const listed = [...run.pairs, ...run.unavailable].map(({ model, region }) =>
    JSON.stringify([model, region]),
  );
  if (
    new Set(listed).size !== run.models.length * run.regions.length ||
    listed.length !== run.models.length * run.regions.length
  )
    faults.push('run.pairs and run.unavailable are not the models times the regions');
}

function checkCells({ run, cells }: Receipt, faults: string[]): void {
  const jobIds = new Set<string>();
  for (const cell of cells) {
    const fault = (what: string): void => void faults.push(`cell ${cell.cell_no} ${what}`);
    const isAnswered = cell.status === 'accepted';
    if (isAnswered !== (cell.answer_sha256 !== null) || isAnswered !== (cell.answered_region !== null))
      fault(`is ${cell.status}, which does not go with its answer`);
    const isSubstitute = cell.answered_region !== null && cell.answered_region !== cell.region;
    if (cell.substituted !== isSubstitute)
      fault(`is${cell.substituted ? '' : ' not'} marked as substituted, but says where its answer is from`);
    if (isSubstitute && run.region_policy === 'pin') fault("is pinned and holds another region's answer");
    if (cell.status === 'failed' && cell.error_code === null) fault('failed without a reason');
    for (const [index, job] of cell.jobs.entries()) {
      if (jobIds.has(job.job_id)) fault(`lists job ${job.job_id}, which is listed already`);
      jobIds.add(job.job_id);
      const before = cell.jobs[index - 1];
      if (before !== undefined && before.cell_attempt >= job.cell_attempt)
        fault('lists its jobs out of order');
      const isCompleted = job.state === 'completed';
      if (isCompleted !== (job.answer_sha256 !== null) || isCompleted !== (job.answered_region !== null))
        fault(`has job ${job.job_id} ${job.state}, which does not go with its answer`);
      for (const [position, { attempt }] of job.attempts.entries())
        if (attempt !== position + 1) fault(`does not list the attempts of job ${job.job_id} from 1 on`);
      const succeeded = job.attempts.filter(({ status }) => status === 'succeeded');
      if (isCompleted && succeeded.length !== 1)
        fault(`has ${succeeded.length} successful attempts of job ${job.job_id}; one answer takes one`);
    }
    if (isAnswered) checkAnswer(cell, fault);
    const isClosed = cell.status !== 'pending' && cell.status !== 'submitted';
    const listed = cell.jobs.reduce((sum, { attempts }) => sum + attempts.length, 0);
    if (isClosed && listed !== cell.attempts_counted)
      fault(`lists ${listed} attempts, but ${cell.attempts_counted} were counted`);
  }
}

/** Every cell has the seed that follows from the run's, and every one of its jobs was made with it. */
function checkSeeds({ run, cells }: Receipt, faults: string[]): void {
  const { seed: runSeed } = run.parameters;
  for (const { cell_no: cellNo, question_id: questionId, model, repeat, seed, jobs } of cells) {
    const expected =
      runSeed === null || runSeed === undefined ? null : cellSeed(runSeed, { questionId, model, repeat });
    if ((seed ?? null) !== expected)
      faults.push(`cell ${cellNo} has the seed ${seed ?? null}; that of the run makes ${expected}`);
    for (const job of jobs)
      if ((job.seed ?? null) !== expected)
        faults.push(
          `cell ${cellNo} lists job ${job.job_id}, which was made with the seed ${job.seed ?? null}`,
        );
  }
}

/** The accepted answer is the one that one of the cell's own jobs was given. */
function checkAnswer(cell: ReceiptCell, fault: (what: string) => void): void {
  const job = cell.jobs.find(({ job_id }) => job_id === cell.job_id);
  if (job === undefined) return fault('holds the answer of a job that it does not list');
  const answering = job.attempts.findLast(({ status }) => status === 'succeeded');
  if (job.state !== 'completed' || answering === undefined)
    return fault(`holds the answer of job ${job.job_id}, which was not answered`);
  if (job.answer_sha256 !== cell.answer_sha256)
    fault(`does not hold the answer that job ${job.job_id} was given`);
  if (job.answered_region !== cell.answered_region || answering.region !== cell.answered_region)
    fault(`does not say where job ${job.job_id} was answered`);
  if (answering.endpoint_id !== cell.endpoint_id)
    fault(`does not name the endpoint that answered job ${job.job_id}`);
}

/** `missing` and `substitutes` say of the cells what the cells say. */
function checkLists(receipt: Receipt, faults: string[]): void {
  const { run, questions, cells, gates, missing, substitutes, stray_outcomes: strays } = receipt;
  const name = (
    cell: Pick<ReceiptCell, 'cell_no' | 'question_id' | 'model' | 'region' | 'repeat'>,
    more: unknown,
  ) => JSON.stringify([cell.cell_no, cellKey(cell), more]);
  const compare = (list: string, listed: readonly string[], expected: readonly string[]): void => {
    const rest = new Set(expected);
    for (const one of listed)
      if (!rest.delete(one)) faults.push(`${list} lists what the cells do not: ${one}`);
    for (const one of rest) faults.push(`${list} leaves out ${one}`);
  };
  const unanswered = cells.filter(({ status }) => status !== 'accepted');
  compare(
    'missing',
    missing.map((cell) => name(cell, cell.status)),
    unanswered.map((cell) => name(cell, cell.status)),
  );
  const reasons = new Map(cells.map(({ cell_no, error_code }) => [cell_no, error_code]));
  for (const { cell_no, status, reason } of missing)
    if (status === 'failed' && reason !== reasons.get(cell_no))
      faults.push(`missing gives another reason for cell ${cell_no} than the cell`);
  compare(
    'substitutes',
    substitutes.map((cell) => name(cell, cell.answered_region)),
    cells.filter(({ substituted }) => substituted).map((cell) => name(cell, cell.answered_region)),
  );
  const cellOfJob = new Map(
    cells.flatMap(({ cell_no, jobs }) => jobs.map(({ job_id }) => [job_id, cell_no])),
  );
  for (const { cell_no, job_id } of strays)
    if (cellOfJob.get(job_id) !== cell_no)
      faults.push(`stray_outcomes names job ${job_id}, which is not of cell ${cell_no}`);
  const ids = new Set(questions.map(({ question_id }) => question_id));
  for (const { gate_id, after_question } of gates)
    if (!ids.has(after_question)) faults.push(`gate ${gate_id} comes after no question of the run`);
  for (const { question_id, prompts } of questions)
    if (run.regions.some((region) => prompts[region] === undefined))
      faults.push(`question ${question_id} does not say what every region was asked`);
}

function checkCounts({ cells, counts, run, stray_outcomes: strays }: Receipt, faults: string[]): void {
  const follows = countsOf(cells, run.regions, strays.length);
  const { by_region: regions, ...totals } = counts;
  for (const [name, value] of Object.entries(totals)) {
    const right = follows[name as keyof typeof totals];
    if (value !== right) faults.push(`counts.${name} is ${value}; the cells make ${right}`);
  }
  const names = [...new Set([...Object.keys(regions), ...Object.keys(follows.by_region)])];
  for (const region of names) {
    const [said, right] = [regions[region], follows.by_region[region]].map((one) =>
      one === undefined ? 'nothing' : JSON.stringify([one.cells, one.answered, one.substituted, one.missing]),
    );
    if (said !== right) faults.push(`counts.by_region.${region} is ${said}; the cells make ${right}`);
  }
}

function countsOf(cells: readonly ReceiptCell[], regions: readonly string[], strays: number): ReceiptCounts {
  const none = { cells: 0, answered: 0, substituted: 0, missing: 0 };
  const byRegion = new Map(regions.map((region) => [region, { ...none }]));
  const states = { accepted: 0, failed: 0, cancelled: 0, submitted: 0, pending: 0 };
  let [jobs, attempts, notTaken] = [0, 0, 0];
  const all = { ...none };
  for (const cell of cells) {
    states[cell.status] += 1;
    const ofRegion = byRegion.get(cell.region) ?? { ...none };
    byRegion.set(cell.region, ofRegion);
    const kind = cell.status !== 'accepted' ? 'missing' : cell.substituted ? 'substituted' : 'answered';
    for (const counted of [all, ofRegion]) {
      counted.cells += 1;
      counted[kind] += 1;
    }
    for (const job of cell.jobs) {
      jobs += 1;
      attempts += job.attempts.length;
      const isTaken = cell.status === 'accepted' && job.job_id === cell.job_id;
      if (job.state === 'completed' && !isTaken) notTaken += 1;
    }
  }
  const { failed, cancelled, submitted, pending } = states;
  return {
    ...all,
    ...{ failed, cancelled, submitted, pending },
    by_region: Object.fromEntries(byRegion),
    ...{ jobs, attempts, answers_not_taken: notTaken, stray_outcomes: strays },
  };
}

/** A run that is said to be over has no open cell, and ended as its cells and gates say. */
function checkEnd(receipt: Receipt, faults: string[]): void {
  const { ended, run, cells, gates } = receipt;
  if (ended !== isRunFinished(run.status)) faults.push(`ended is ${ended}, but the run is ${run.status}`);
  if (ended !== (run.finished_at !== null))
    faults.push(`ended is ${ended}, which does not go with run.finished_at`);
  if (!ended) return;
  const open = cells.filter(({ status }) => status === 'pending' || status === 'submitted').length;
  if (open > 0) faults.push(`the run has ended, but ${open} cells are open`);
  const accepted = cells.filter(({ status }) => status === 'accepted').length;
  const unpassed = gates
    .filter(({ status, after_question }) => status !== 'approved' && !isUnreached(receipt, after_question))
    .map(({ gate_id }) => gate_id);
  switch (run.status) {
    case 'completed':
    case 'completed_with_failures':
    case 'failed':
      if (unpassed.length > 0)
        faults.push(`the run is ${run.status} past gates nobody approved: ${unpassed.join(', ')}`);
      if ((run.status === 'completed') !== (accepted === cells.length))
        faults.push(`the run is ${run.status} with ${accepted} of ${cells.length} cells answered`);
      if ((run.status === 'failed') !== (accepted === 0))
        faults.push(`the run is ${run.status} with ${accepted} cells answered`);
      break;
    case 'rejected':
    case 'expired':
      if (!gates.some(({ status }) => status === run.status))
        faults.push(`the run is ${run.status}, but no gate is`);
      break;
    case 'planned':
    case 'running':
    case 'awaiting_approval':
    case 'paused':
    case 'cancelled':
  }
}

/** The budget was reached before the gate: nothing after it was asked. */
function isUnreached({ questions, cells }: Receipt, question: string): boolean {
  const order = new Map(questions.map(({ question_id }, index) => [question_id, index]));
  const gateAt = order.get(question) ?? -1;
  const later = cells.filter(({ question_id }) => (order.get(question_id) ?? -1) > gateAt);
  return (
    cells.some(({ error_code }) => error_code === 'BUDGET_REACHED') &&
    later.every(({ error_code, jobs }) => error_code === 'BUDGET_REACHED' && jobs.length === 0)
  );
}
