import type { GateStatus } from './gate.js';
import type { OpenCellState, RunOrder } from './run.js';

/** A cell that still wants an answer. Cell numbers grow with the question, then the repeat. */
export interface OpenCell {
  readonly cellNo: number;
  readonly questionNo: number;
  /** The (model, region) pair it belongs to. */
  readonly pairNo: number;
  /** Position of its region in the run's list. */
  readonly regionNo: number;
  readonly state: OpenCellState;
  /** Milliseconds until it may be submitted again; 0: now. */
  readonly restMs: number;
}

export interface RunGate {
  readonly gateId: string;
  readonly afterQuestionNo: number;
  readonly status: GateStatus;
}

export interface NextCells {
  readonly submit: readonly OpenCell[];
  /** The run stands before this gate: everything before it is closed. */
  readonly atGate: RunGate | null;
}

/**
 * Decides what to submit now.
 *
 * - `question`: all cells of the first unfinished question, everywhere at once.
 * - `region`: one region after the other; within it, each pair goes through the questions in order.
 * - `pipeline`, `best`: every pair goes through the questions in order at its own pace, one cell in flight.
 *
 * A gate that is not approved hides every later question, in every order: the part before it is a run of its own.
 *
 * @param open open cells in ascending order. Not all of them are needed: the first `n` of each pair lead to the
 *   same decision as all of them for `region` and `pipeline`, and to the first `n` of each pair for `question`.
 */
export function nextCells(order: RunOrder, open: readonly OpenCell[], gates: readonly RunGate[]): NextCells {
  const closedGates = gates.filter(({ status }) => status !== 'approved');
  const gate = closedGates.reduce<RunGate | null>(
    (first, next) => (first === null || next.afterQuestionNo < first.afterQuestionNo ? next : first),
    null,
  );
  const reachable =
    gate === null ? open : open.filter(({ questionNo }) => questionNo <= gate.afterQuestionNo);
  if (reachable.length === 0) return { submit: [], atGate: gate };
  return { submit: due(order, reachable).filter(isReady), atGate: null };
}

function isReady({ state, restMs }: OpenCell): boolean {
  return state === 'pending' && restMs <= 0;
}

/** The cells whose turn it is, submitted and resting ones included. */
function due(order: RunOrder, cells: readonly OpenCell[]): readonly OpenCell[] {
  switch (order) {
    case 'question': {
      const question = cells.reduce((first, { questionNo }) => Math.min(first, questionNo), Infinity);
      return cells.filter(({ questionNo }) => questionNo === question);
    }
    case 'region': {
      const region = cells.reduce((first, { regionNo }) => Math.min(first, regionNo), Infinity);
      return firstOfEachPair(cells.filter(({ regionNo }) => regionNo === region));
    }
    case 'pipeline':
    case 'best':
      return firstOfEachPair(cells);
  }
}

function firstOfEachPair(cells: readonly OpenCell[]): readonly OpenCell[] {
  const first = new Map<number, OpenCell>();
  for (const cell of cells) {
    const known = first.get(cell.pairNo);
    if (known === undefined || cell.cellNo < known.cellNo) first.set(cell.pairNo, cell);
  }
  return [...first.values()];
}
