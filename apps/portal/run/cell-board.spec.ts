import { describe, expect, it } from '@jest/globals';
import type { RunEvent } from '#router-client';
import { CellBoard, doneOf, totalOf, type CellsPage } from './cell-board.js';

const PAIRS = [
  { model: 'm1', region: 'US' },
  { model: 'm1', region: 'EU' },
];

function aPage(
  questions: Record<string, string>,
  nextCursor: number | null = null,
  failures: Record<string, Record<string, number[]>> = {},
): CellsPage {
  return {
    run_id: 'r',
    status: 'running',
    pairs: PAIRS,
    repeats: 2,
    questions: Object.entries(questions).map(([id, cells]) => ({
      question_id: id,
      cells,
      failures: failures[id] ?? {},
    })),
    last_event_id: '7',
    next_cursor: nextCursor,
  };
}

function anEvent(type: string, questionId: string, region: string, repeat: number, more = {}): RunEvent {
  return { type, question_id: questionId, model: 'm1', region, repeat, ...more } as unknown as RunEvent;
}

describe('the board of a run’s cells', () => {
  it('counts what pages say: of all, of a region, of a question, of a question at one pair', () => {
    const board = new CellBoard(aPage({ q1: 'aasf', q2: 'rppc' }));
    expect(board.counts()).toEqual({
      pending: 2,
      running: 1,
      accepted: 2,
      substituted: 1,
      failed: 1,
      cancelled: 1,
    });
    expect(board.counts(({ region }) => region === 'EU')).toMatchObject({
      accepted: 1,
      failed: 1,
      pending: 1,
    });
    expect(doneOf(board.ofQuestion(0))).toBe(4);
    expect(board.ofQuestionAndPair(0, 0)).toMatchObject({ accepted: 1, substituted: 1 });
    expect(totalOf(board.counts())).toBe(board.size);
  });

  it('knows each cell by its number, and those in a state', () => {
    const board = new CellBoard(aPage({ q1: 'aasf', q2: 'rppc' }));
    expect(board.cell(3)).toEqual({
      questionId: 'q1',
      ...PAIRS[1],
      repeat: 2,
      state: 'failed',
      errorCode: null,
    });
    expect(board.cell(8)).toBeUndefined();
    expect([...board.cellsIn('pending')].map((index) => board.cell(index))).toEqual([
      { questionId: 'q2', ...PAIRS[1], repeat: 1, state: 'pending', errorCode: null },
      { questionId: 'q2', ...PAIRS[0], repeat: 2, state: 'pending', errorCode: null },
    ]);
  });

  it('knows why cells failed, by pages and by events, and forgets it once they are asked again', () => {
    const board = new CellBoard(
      aPage({ q1: 'affa', q2: 'fppp' }, null, { q1: { BUDGET_REACHED: [1, 2] }, q2: { MODEL_ERROR: [0] } }),
    );
    expect([1, 2, 3, 4].map((index) => board.cell(index)?.errorCode)).toEqual([
      'BUDGET_REACHED',
      'BUDGET_REACHED',
      null,
      'MODEL_ERROR',
    ]);
    expect(board.failedWith('BUDGET_REACHED')).toBe(2);
    board.apply(anEvent('cell.submitted', 'q1', 'EU', 1));
    board.apply(anEvent('cell.failed', 'q2', 'EU', 1, { error_code: 'BUDGET_REACHED' }));
    board.apply(anEvent('cell.failed', 'q2', 'US', 2, { error_code: 'EXECUTION_TIMEOUT' }));
    expect(board.cell(1)?.errorCode).toBeNull();
    expect(['BUDGET_REACHED', 'EXECUTION_TIMEOUT', 'X'].map((code) => board.failedWith(code))).toEqual([
      2, 1, 0,
    ]);
  });

  it('follows events, and is the same where one is told again', () => {
    const board = new CellBoard(aPage({ q1: 'pppp' }));
    expect(board.apply(anEvent('cell.submitted', 'q1', 'EU', 2))).toBe(true);
    expect(board.cell(3)?.state).toBe('running');
    const accepted = anEvent('cell.accepted', 'q1', 'EU', 2, { substituted: false });
    expect(board.apply(accepted)).toBe(true);
    expect(board.apply(accepted)).toBe(false);
    expect(board.apply(anEvent('cell.accepted', 'q1', 'US', 1, { substituted: true }))).toBe(true);
    expect(board.apply(anEvent('cell.failed', 'q1', 'US', 2))).toBe(true);
    expect(board.apply(anEvent('question.completed', 'q1', 'US', 2))).toBe(false);
    expect(board.counts()).toMatchObject({ pending: 1, accepted: 1, substituted: 1, failed: 1 });
  });

  it('keeps what is told of a question before its page has come', () => {
    const board = new CellBoard(aPage({ q1: 'aaaa' }, 1));
    expect(board.complete).toBe(false);
    expect(board.apply(anEvent('cell.submitted', 'q2', 'US', 1))).toBe(false);
    expect(board.apply(anEvent('cell.accepted', 'q2', 'US', 1, { substituted: false }))).toBe(false);
    board.add(aPage({ q2: 'pppp' }));
    expect(board.complete).toBe(true);
    expect(board.ofQuestion(1)).toMatchObject({ accepted: 1, pending: 3 });
    // The control: of a question that there is not, nothing is kept.
    expect(board.apply(anEvent('cell.submitted', 'q3', 'US', 1))).toBe(false);
    expect(board.apply(anEvent('cell.submitted', 'q2', 'MARS', 1))).toBe(false);
  });
});
