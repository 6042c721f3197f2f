import { describe, expect, it } from '@jest/globals';
import { aReceipt } from '#testing';
import { checkReceipt } from './check-receipt.js';
import { receiptSchema, type Receipt } from './receipts.js';

type Draft = { -readonly [Name in keyof Receipt]: Receipt[Name] };
const faultsAfter = (change: (receipt: Draft) => unknown): string => {
  const receipt = structuredClone(aReceipt());
  change(receipt);
  return checkReceipt(receipt).join('\n');
};

describe('a receipt held against itself', () => {
  it('adds up as it was issued', () => {
    expect(receiptSchema.parse(aReceipt())).toEqual(aReceipt());
    expect(checkReceipt(aReceipt())).toEqual([]);
  });

  it.each<[string, (receipt: Draft) => unknown, string]>([
    ['a cell is left out', ({ cells }) => cells.splice(3, 1), '1 cells are not listed'],
    ['a cell is listed twice', ({ cells }) => cells.push(cells[0]!), 'cell 1 is listed twice'],
    [
      'a cell stands in for another',
      ({ cells }) => Object.assign(cells[0]!, { repeat: 2 }),
      'does not belong',
    ],
    [
      'a run stopped at its budget, but went past a gate before',
      ({ cells, gates, missing }) => {
        gates[0]!.status = 'pending';
        cells[4]!.error_code = missing[0]!.reason = 'BUDGET_REACHED';
      },
      'past gates nobody approved',
    ],
    ['the run is said to be smaller', ({ run }) => (run.total_cells = 5), 'make 6'],
    ['a pair is forgotten', ({ run }) => (run.unavailable = []), 'models times the regions'],
    [
      "a substitute is counted as the region's own",
      ({ counts }) => Object.assign(counts, { answered: 5, substituted: 0 }),
      'counts.answered',
    ],
    [
      "a substitute is counted as the region's own there",
      ({ counts }) => Object.assign(counts.by_region['EU']!, { answered: 3, substituted: 0 }),
      'counts.by_region.EU',
    ],
    [
      'a substitute is not marked',
      ({ cells }) => (cells[1]!.substituted = false),
      'not marked as substituted',
    ],
    ['a substitute is not listed', (receipt) => (receipt.substitutes = []), 'substitutes leaves out'],
    [
      'a substitute is listed that is none',
      ({ substitutes }) => substitutes.push({ ...substitutes[0]!, cell_no: 1 }),
      'substitutes lists what',
    ],
    ['the run is said to be pinned', ({ run }) => (run.region_policy = 'pin'), "another region's answer"],
    ['a cell has another seed', ({ cells }) => (cells[0]!.seed = 1), 'cell 1 has the seed 1'],
    ['a cell has no seed', ({ cells }) => delete cells[0]!.seed, 'cell 1 has the seed null'],
    [
      'a job was made with another seed',
      ({ cells }) => (cells[2]!.jobs[0]!.seed = null),
      'which was made with the seed null',
    ],
    ['the run is said to have another seed', ({ run }) => (run.parameters.seed = 8), 'that of the run makes'],
    ['the run is said to have no seed', ({ run }) => (run.parameters.seed = null), 'of the run makes null'],
    ['a missing answer is not listed', (receipt) => (receipt.missing = []), 'missing leaves out'],
    ['a missing answer has another reason', ({ missing }) => (missing[0]!.reason = 'X'), 'another reason'],
    [
      'an accepted cell has no answer',
      ({ cells }) => (cells[0]!.answer_sha256 = null),
      'does not go with its answer',
    ],
    [
      "the answer is not its job's",
      ({ cells }) => (cells[0]!.answer_sha256 = 'a'.repeat(64)),
      'does not hold the answer',
    ],
    [
      'the answer is of a job that is not listed',
      ({ cells }) => (cells[0]!.jobs = []),
      'job that it does not list',
    ],
    [
      "the job's answer came from elsewhere",
      ({ cells }) => (cells[0]!.jobs[0]!.answered_region = 'EU'),
      'does not say where',
    ],
    [
      'the attempt ran elsewhere',
      ({ cells }) => (cells[0]!.jobs[0]!.attempts[0]!.region = 'EU'),
      'does not say where',
    ],
    ['the endpoint is another', ({ cells }) => (cells[0]!.endpoint_id = 'x'), 'does not name the endpoint'],
    [
      'no attempt succeeded',
      ({ cells }) => (cells[0]!.jobs[0]!.attempts[0]!.status = 'failed'),
      '0 successful attempts',
    ],
    [
      'an attempt is left out',
      ({ cells }) => cells[2]!.jobs[0]!.attempts.pop(),
      'lists 1 attempts, but 2 were counted',
    ],
    [
      'a job is listed in two cells',
      ({ cells }) => cells[3]!.jobs.unshift(cells[2]!.jobs[0]!),
      'which is listed already',
    ],
    [
      'the attempts are miscounted',
      ({ counts }) => (counts.attempts = 6),
      'counts.attempts is 6; the cells make 7',
    ],
    ['a stray outcome is left out', (receipt) => (receipt.stray_outcomes = []), 'counts.stray_outcomes'],
    [
      'a stray outcome is of no cell',
      ({ stray_outcomes: [stray] }) => (stray!.cell_no = 2),
      'is not of cell 2',
    ],
    [
      'a cell is open after the end',
      ({ cells }) => Object.assign(cells[4]!, { status: 'pending' }),
      '1 cells are open',
    ],
    ['the run is said to go on', (receipt) => (receipt.ended = false), 'ended is false'],
    ['the run is said to be complete', ({ run }) => (run.status = 'completed'), 'completed with 5 of 6'],
    [
      'a gate was not passed',
      ({ gates }) => (gates[0]!.status = 'waiting'),
      'past gates nobody approved: q1',
    ],
    ['the run is said to be rejected', ({ run }) => (run.status = 'rejected'), 'no gate is'],
    ['a gate is after no question', ({ gates }) => (gates[0]!.after_question = 'q9'), 'after no question'],
    [
      'a region was asked nobody knows what',
      ({ questions }) => delete questions[0]!.prompts['EU'],
      'what every region was asked',
    ],
    [
      'a cell was asked before its attempt',
      ({ cells }) => (cells[0]!.asked_at = '2026-11-01T11:59:59.999Z'),
      'cell 1 was asked at 2026-11-01T11:59:59.999Z, which is not within the attempt',
    ],
    [
      'a cell was asked after its attempt',
      ({ cells }) => (cells[2]!.asked_at = '2026-11-01T12:00:00.001Z'),
      'cell 3 was asked at 2026-11-01T12:00:00.001Z, which is not within the attempt',
    ],
    [
      'a cell without an answer was asked',
      ({ cells }) => (cells[4]!.asked_at = cells[0]!.asked_at),
      'cell 5 is failed, but says when',
    ],
    [
      'a run without a budget stopped at it',
      ({ run, cells, missing }) => {
        run.budget = null;
        cells[4]!.error_code = missing[0]!.reason = 'BUDGET_REACHED';
      },
      'cell 5 was not asked for the budget, but the run has none',
    ],
    ['a pause is left out', ({ run }) => run.history!.shift(), 'the run was not paused'],
    ['a resumption is left out', ({ run }) => run.history!.splice(1, 2), 'that it was resumed'],
    [
      'a pause is listed twice',
      ({ run }) => run.history!.unshift(run.history![0]!),
      'the run was paused already',
    ],
    [
      'the history begins before the run',
      ({ run }) => (run.history![0]!.at = '2026-10-31T12:00:00.000Z'),
      'the run was not there yet',
    ],
    [
      'the history is out of order',
      ({ run }) => (run.history![1]!.at = '2026-10-31T12:00:00.000Z'),
      'run.resumed at 2026-10-31T12:00:00.000Z: is not in order',
    ],
    [
      'the history goes on after the receipt',
      ({ run }) => (run.history![2]!.at = '2026-11-02T12:00:00.000Z'),
      'goes on after the receipt was issued',
    ],
    [
      'more cells were asked again than there are',
      ({ run }) => Object.assign(run.history![2]!, { cells: 7 }),
      'is about 7 cells',
    ],
    [
      'the run is paused, and nobody paused it',
      ({ run }) => Object.assign(run, { status: 'paused', history: [] }),
      'the run is paused, but',
    ],
    ['a failure has no reason', ({ cells }) => (cells[4]!.error_code = null), 'failed without a reason'],
  ])('does not where %s', (_what, change, fault) => {
    expect(faultsAfter(change)).toContain(fault);
  });

  it('adds up where its run was paused and ended in that state', () => {
    const at = '2026-11-01T12:00:00.000Z';
    expect(
      faultsAfter(({ run, gates }) => {
        Object.assign(run, { status: 'rejected', history: [{ type: 'run.paused', at }] });
        gates[0]!.status = 'rejected';
      }),
    ).toBe('');
  });

  it('adds up where it is from before it said when cells were asked, and what bounded the run', () => {
    const receipt = structuredClone(aReceipt());
    const { run, cells } = receipt;
    for (const name of ['max_skew_s', 'budget', 'history'] as const) delete run[name];
    for (const cell of cells) delete cell.asked_at;
    expect(receiptSchema.parse(receipt)).toEqual(receipt);
    expect(checkReceipt(receipt)).toEqual([]);
  });
});
