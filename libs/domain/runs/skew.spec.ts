import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { nextCells, type OpenCell } from './next-cells.js';
import { REQUESTED_ORDERS } from './run.js';
import { canKeepTogether, keepTogether } from './skew.js';

interface Shape {
  readonly questions: number;
  readonly repeats: number;
  readonly models: number;
  readonly regions: number;
}

const pairModels = ({ models, regions }: Shape): string[] =>
  Array.from({ length: regions * models }, (_, index) => `m${index % models}`);

function cellsOf(shape: Shape): OpenCell[] {
  const pairs = pairModels(shape).length;
  return Array.from({ length: shape.questions * shape.repeats * pairs }, (_, index) => ({
    cellNo: index + 1,
    questionNo: Math.floor(index / (pairs * shape.repeats)) + 1,
    pairNo: (index % pairs) + 1,
    regionNo: Math.floor((index % pairs) / shape.models),
    state: 'pending' as const,
    restMs: 0,
  }));
}

/** Plays a run in which each call takes what is drawn. @returns when each cell was asked, last, and the end */
function play(shape: Shape, order: 'question' | 'pipeline', together: boolean, draw: () => number) {
  const models = pairModels(shape);
  let open = cellsOf(shape);
  const askedAt = new Map<number, number>();
  const ends = new Map<number, number>();
  let now = 0;
  let asked = 0;
  while (open.length > 0) {
    const { submit } = nextCells(order, open, []);
    for (const { cellNo } of together ? keepTogether(submit, open, models) : submit) {
      askedAt.set(cellNo, now);
      asked += 1;
      ends.set(cellNo, now + 1 + draw());
      open = open.map((cell) => (cell.cellNo === cellNo ? { ...cell, state: 'submitted' } : cell));
    }
    const [cellNo, endMs] = [...ends].sort(([, a], [, b]) => a - b)[0] ?? [];
    if (cellNo === undefined || endMs === undefined) throw new Error('nothing is in flight');
    ends.delete(cellNo);
    now = endMs;
    open = open.filter((cell) => cell.cellNo !== cellNo);
  }
  const places = new Map<string, number[]>();
  for (const [cellNo, atMs] of askedAt) {
    const key = `${Math.floor((cellNo - 1) / models.length)} ${models[(cellNo - 1) % models.length]}`;
    places.set(key, [...(places.get(key) ?? []), atMs]);
  }
  const skews = [...places.values()].map((times) => Math.max(...times) - Math.min(...times));
  return { asked, worstSkew: Math.max(...skews) };
}

const shapes = fc.record({
  questions: fc.integer({ min: 1, max: 5 }),
  repeats: fc.integer({ min: 1, max: 3 }),
  models: fc.integer({ min: 1, max: 3 }),
  regions: fc.integer({ min: 1, max: 3 }),
});

describe('keepTogether', () => {
  it('has all regions asked one question at the same moment, whatever calls take, and asks every cell', () => {
    fc.assert(
      fc.property(
        shapes,
        fc.constantFrom('question' as const, 'pipeline' as const),
        fc.infiniteStream(fc.nat(1000)),
        (shape, order, draws) => {
          const { asked, worstSkew } = play(shape, order, true, () => draws.next().value as number);
          expect(worstSkew).toBe(0);
          expect(asked).toBe(cellsOf(shape).length);
        },
      ),
    );
  });

  it('makes the difference: without it a slow region falls behind', () => {
    const slowRegion = () => {
      let call = 0;
      return () => (call++ % 2 === 0 ? 0 : 100);
    };
    const shape = { questions: 4, repeats: 1, models: 1, regions: 2 };
    expect(play(shape, 'pipeline', false, slowRegion()).worstSkew).toBeGreaterThan(0);
    expect(play(shape, 'pipeline', true, slowRegion()).worstSkew).toBe(0);
  });

  it('lets models go at their own pace', () => {
    const open = cellsOf({ questions: 2, repeats: 1, models: 2, regions: 2 });
    // m0 is through with the first question in both regions, m1 in one.
    const left = open.filter(({ cellNo }) => ![1, 3, 2].includes(cellNo));
    const { submit } = nextCells('pipeline', left, []);
    expect(keepTogether(submit, left, ['m0', 'm1', 'm0', 'm1']).map(({ cellNo }) => cellNo)).toEqual([
      4, 5, 7,
    ]);
  });
});

describe('canKeepTogether', () => {
  it('goes with orders in which a region does not come after another', () => {
    expect(REQUESTED_ORDERS.filter(canKeepTogether)).toEqual(['auto', 'question', 'pipeline']);
  });
});
