import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { nextCells, type OpenCell, type RunGate } from './next-cells.js';
import { RUN_ORDERS, type RunOrder } from './run.js';

interface Shape {
  readonly questions: number;
  readonly repeats: number;
  /** Region of each pair. */
  readonly regionNos: readonly number[];
  readonly gates: readonly RunGate[];
}

function cellsOf({ questions, repeats, regionNos }: Shape): OpenCell[] {
  const cells: OpenCell[] = [];
  for (let questionNo = 1; questionNo <= questions; questionNo += 1) {
    for (let repeat = 0; repeat < repeats; repeat += 1) {
      for (const [index, regionNo] of regionNos.entries()) {
        cells.push({
          cellNo: cells.length + 1,
          questionNo,
          pairNo: index + 1,
          regionNo,
          state: 'pending',
          restMs: 0,
        });
      }
    }
  }
  return cells;
}

const shapes = fc
  .record({
    questions: fc.integer({ min: 1, max: 5 }),
    repeats: fc.integer({ min: 1, max: 3 }),
    regionNos: fc.array(fc.integer({ min: 0, max: 2 }), { minLength: 1, maxLength: 5 }),
    gateNos: fc.uniqueArray(fc.integer({ min: 1, max: 5 }), { maxLength: 2 }),
  })
  .map(({ gateNos, ...shape }): Shape => ({
    ...shape,
    gates: gateNos
      .filter((afterQuestionNo) => afterQuestionNo <= shape.questions)
      .map((afterQuestionNo) => ({ gateId: `g${afterQuestionNo}`, afterQuestionNo, status: 'pending' })),
  }));

const MAX_STEPS = 10_000;

/**
 * Plays a run to its end. `choose` picks what happens next among: a submitted cell is closed, or fails and rests.
 * @returns what was seen at every step
 */
function play(order: RunOrder, shape: Shape, choices: Iterator<number>) {
  let open = cellsOf(shape);
  let gates = shape.gates;
  const submissions: { cell: OpenCell; before: readonly OpenCell[]; gates: readonly RunGate[] }[] = [];
  const approvedAtEnd: string[] = [];
  let steps = 0;
  for (; steps < MAX_STEPS; steps += 1) {
    const { submit, atGate } = nextCells(order, open, gates);
    for (const cell of submit) {
      submissions.push({ cell, before: open, gates });
      open = open.map((other) => (other.cellNo === cell.cellNo ? { ...other, state: 'submitted' } : other));
    }
    if (atGate !== null) {
      expect(submit).toEqual([]);
      approvedAtEnd.push(atGate.gateId);
      gates = gates.map((gate) => (gate === atGate ? { ...gate, status: 'approved' } : gate));
      continue;
    }
    const moving = open.filter(({ state, restMs }) => state === 'submitted' || restMs > 0);
    const choice = choices.next().value as number;
    const chosen = moving[choice % Math.max(1, moving.length)];
    if (chosen === undefined) {
      if (open.length === 0) break;
      throw new Error('nothing is in flight and nothing is submitted');
    }
    if (chosen.restMs > 0) open = open.map((cell) => (cell === chosen ? { ...cell, restMs: 0 } : cell));
    else if (choice % 7 === 0) {
      open = open.map((cell) => (cell === chosen ? { ...cell, state: 'pending', restMs: 5 } : cell));
    } else open = open.filter((cell) => cell !== chosen);
  }
  return { steps, open, submissions, approvedAtEnd };
}

const plays = fc.record({
  order: fc.constantFrom(...RUN_ORDERS),
  shape: shapes,
  choices: fc.infiniteStream(fc.nat(97)),
});

describe('nextCells', () => {
  it('brings every run to its end, whatever fails or is slow, and passes every gate', () => {
    fc.assert(
      fc.property(plays, ({ order, shape, choices }) => {
        const { steps, open, approvedAtEnd } = play(order, shape, choices);
        expect(steps).toBeLessThan(MAX_STEPS);
        expect(open).toEqual([]);
        expect(approvedAtEnd.length).toBe(shape.gates.length);
      }),
    );
  });

  it('never submits a cell that is in flight, resting, or of a question behind a gate that is not approved', () => {
    fc.assert(
      fc.property(plays, ({ order, shape, choices }) => {
        for (const { cell, before, gates } of play(order, shape, choices).submissions) {
          const now = before.find(({ cellNo }) => cellNo === cell.cellNo);
          expect(now).toMatchObject({ state: 'pending', restMs: 0 });
          const closed = gates.filter(({ status }) => status !== 'approved');
          expect(closed.every(({ afterQuestionNo }) => cell.questionNo <= afterQuestionNo)).toBe(true);
        }
      }),
    );
  });

  it('keeps the order of a pair: earlier questions are closed before a later one is submitted', () => {
    fc.assert(
      fc.property(plays, ({ order, shape, choices }) => {
        for (const { cell, before } of play(order, shape, choices).submissions) {
          const earlier = before.filter(
            ({ pairNo, questionNo }) => pairNo === cell.pairNo && questionNo < cell.questionNo,
          );
          expect(earlier).toEqual([]);
        }
      }),
    );
  });

  it('has one cell of a pair in flight in the orders that go pair by pair', () => {
    const pairwise = plays.filter(({ order }) => order !== 'question');
    fc.assert(
      fc.property(pairwise, ({ order, shape, choices }) => {
        for (const { cell, before } of play(order, shape, choices).submissions) {
          const others = before.filter(
            ({ pairNo, state }) => pairNo === cell.pairNo && state === 'submitted',
          );
          expect(others).toEqual([]);
        }
      }),
    );
  });

  it('finishes a question everywhere before the next in order "question"', () => {
    fc.assert(
      fc.property(shapes, fc.infiniteStream(fc.nat(97)), (shape, choices) => {
        for (const { cell, before } of play('question', shape, choices).submissions) {
          expect(before.filter(({ questionNo }) => questionNo < cell.questionNo)).toEqual([]);
        }
      }),
    );
  });

  it('finishes a region before the next in order "region", between one gate and the next', () => {
    fc.assert(
      fc.property(shapes, fc.infiniteStream(fc.nat(97)), (shape, choices) => {
        for (const { cell, before, gates } of play('region', shape, choices).submissions) {
          const barrier = Math.min(
            ...gates
              .filter(({ status }) => status !== 'approved')
              .map(({ afterQuestionNo }) => afterQuestionNo),
          );
          const earlier = before.filter(
            ({ regionNo, questionNo }) => regionNo < cell.regionNo && questionNo <= barrier,
          );
          expect(earlier).toEqual([]);
        }
      }),
    );
  });

  it('decides the same from the first open cells of each pair as from all of them', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...RUN_ORDERS),
        shapes,
        fc.integer({ min: 1, max: 3 }),
        fc.infiniteStream(fc.nat(3)),
        (order, shape, window, drops) => {
          const open = cellsOf(shape).filter(() => drops.next().value !== 0);
          const seen = new Map<number, number>();
          const firsts = open.filter(({ pairNo }) => {
            seen.set(pairNo, (seen.get(pairNo) ?? 0) + 1);
            return (seen.get(pairNo) ?? 0) <= window;
          });
          const all = nextCells(order, open, shape.gates);
          const some = nextCells(order, firsts, shape.gates);
          expect(some.atGate).toEqual(all.atGate);
          const expected =
            order === 'question' ? all.submit.filter((cell) => firsts.includes(cell)) : all.submit;
          expect(some.submit).toEqual(expected);
        },
      ),
    );
  });

  it('stands before a gate after the last question, too', () => {
    const gate: RunGate = { gateId: 'q2', afterQuestionNo: 2, status: 'pending' };
    expect(nextCells('pipeline', [], [gate])).toEqual({ submit: [], atGate: gate });
    expect(nextCells('pipeline', [], [{ ...gate, status: 'approved' }])).toEqual({
      submit: [],
      atGate: null,
    });
  });
});
