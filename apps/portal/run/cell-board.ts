import type { AnswerOf, RunEvent } from '#router-client';

export type CellsPage = AnswerOf<'/runs/{id}/cells', 'get'>;
export type Pair = CellsPage['pairs'][number];

export const CELL_STATES = ['pending', 'running', 'accepted', 'substituted', 'failed', 'cancelled'] as const;
export type CellState = (typeof CELL_STATES)[number];
/** As pages of cells spell them, in the order of `CELL_STATES`. */
const LETTERS = 'prasfc';

export type CellCounts = Readonly<Record<CellState, number>>;

export interface BoardCell {
  readonly questionId: string;
  readonly model: string;
  readonly region: string;
  readonly repeat: number;
  readonly state: CellState;
  /** Why it failed; null: it did not, or no code says why. */
  readonly errorCode: string | null;
}

interface CellChange {
  readonly questionId: string;
  readonly model: string;
  readonly region: string;
  readonly repeat: number;
  readonly state: number;
  readonly errorCode: string | null;
}

/**
 * How every cell of a run stands: one byte each, and one for why it failed, so that 100,000 of them are little to keep and quick to count. Filled by
 * pages, then kept up to date by the run's events. An event may tell of a question whose page has not come: it is
 * kept until then, and an event that the page knows already does no harm, since the later ones follow it.
 */
export class CellBoard {
  readonly pairs: readonly Pair[];
  readonly repeats: number;
  private readonly ids: string[] = [];
  private readonly numbers = new Map<string, number>();
  private readonly rows: Uint8Array[] = [];
  /** As `rows`: which of `codes` each cell failed with. */
  private readonly codeRows: Uint8Array[] = [];
  /** Error codes that were met, and how many cells have each; the first stands for none. */
  private readonly codes: { readonly code: string | null; cells: number }[] = [{ code: null, cells: 0 }];
  private readonly pairNumbers: ReadonlyMap<string, number>;
  private readonly byPair: number[][];
  private readonly early: CellChange[] = [];
  private isComplete = false;

  constructor(page: CellsPage) {
    this.pairs = page.pairs;
    this.repeats = page.repeats;
    this.pairNumbers = new Map(page.pairs.map((pair, index) => [nameOf(pair), index]));
    this.byPair = page.pairs.map(() => CELL_STATES.map(() => 0));
    this.add(page);
  }

  /** Every question has its page. */
  get complete(): boolean {
    return this.isComplete;
  }

  get questionIds(): readonly string[] {
    return this.ids;
  }

  /** Cells of the questions that are there. */
  get size(): number {
    return this.rows.length * this.width;
  }

  get width(): number {
    return this.pairs.length * this.repeats;
  }

  add(page: CellsPage): void {
    for (const { question_id: id, cells, failures } of page.questions) {
      const row = Uint8Array.from(cells, (letter) => Math.max(0, LETTERS.indexOf(letter)));
      this.numbers.set(id, this.rows.length);
      this.ids.push(id);
      this.rows.push(row);
      const codeRow = new Uint8Array(row.length);
      this.codeRows.push(codeRow);
      for (const [code, places] of Object.entries(failures))
        for (const place of places) this.setCode(codeRow, place, code);
      row.forEach((state, index) => this.count(index % this.pairs.length, state, 1));
    }
    this.isComplete = page.next_cursor === null;
    for (const change of this.early.splice(0)) this.change(change);
  }

  /** @returns whether something is different now */
  apply(event: RunEvent): boolean {
    switch (event.type) {
      case 'cell.submitted':
        return this.change(changeOf(event, 'running'));
      case 'cell.accepted':
        return this.change(changeOf(event, event.substituted ? 'substituted' : 'accepted'));
      case 'cell.retried':
        return this.change(changeOf(event, 'pending'));
      case 'cell.failed':
        return this.change(changeOf(event, 'failed', event.error_code ?? null));
      case 'cell.cancelled':
        return this.change(changeOf(event, 'cancelled'));
      // None of these is about a cell.
      case 'progress':
      case 'question.completed':
      case 'gate.waiting':
      case 'gate.decided':
      case 'run.started':
      case 'run.paused':
      case 'run.resumed':
      case 'run.reopened':
      case 'run.cancelling':
      case 'run.budget_reached':
      case 'run.finished':
        return false;
    }
  }

  /** @param index question after question, repeat after repeat, pair after pair; below `size` */
  cell(index: number): BoardCell | undefined {
    const { width, pairs } = this;
    const questionNumber = Math.floor(index / width);
    const inRow = index % width;
    const pair = pairs[inRow % pairs.length];
    const questionId = this.ids[questionNumber];
    if (pair === undefined || questionId === undefined) return undefined;
    return {
      questionId,
      model: pair.model,
      region: pair.region,
      repeat: Math.floor(inRow / pairs.length) + 1,
      state: stateOf(this.rows[questionNumber]?.[inRow]),
      errorCode: this.codes[this.codeRows[questionNumber]?.[inRow] ?? 0]?.code ?? null,
    };
  }

  /** How many cells failed with a code. */
  failedWith(code: string): number {
    return this.codes.find((each) => each.code === code)?.cells ?? 0;
  }

  /** Indices, as of `cell`, of the cells in a state. */
  cellsIn(state: CellState): Int32Array {
    const wanted = CELL_STATES.indexOf(state);
    const found = new Int32Array(this.byPair.reduce((sum, counts) => sum + (counts[wanted] ?? 0), 0));
    let next = 0;
    this.rows.forEach((row, questionNumber) => {
      for (let inRow = row.indexOf(wanted); inRow >= 0; inRow = row.indexOf(wanted, inRow + 1))
        found[next++] = questionNumber * this.width + inRow;
    });
    return found;
  }

  ofQuestion(questionNumber: number): CellCounts {
    const counts = CELL_STATES.map(() => 0);
    for (const state of this.rows[questionNumber] ?? []) counts[state] = (counts[state] ?? 0) + 1;
    return named(counts);
  }

  /** All repeats of one question at one pair. */
  ofQuestionAndPair(questionNumber: number, pairNumber: number): CellCounts {
    const counts = CELL_STATES.map(() => 0);
    const row = this.rows[questionNumber] ?? new Uint8Array();
    for (let index = pairNumber; index < row.length; index += this.pairs.length) {
      const state = row[index] ?? 0;
      counts[state] = (counts[state] ?? 0) + 1;
    }
    return named(counts);
  }

  /** Of the pairs that `include` takes. */
  counts(include: (pair: Pair) => boolean = () => true): CellCounts {
    const sums = CELL_STATES.map((_, state) =>
      this.byPair.reduce(
        (sum, counts, index) => (include(this.pairs[index] as Pair) ? sum + (counts[state] ?? 0) : sum),
        0,
      ),
    );
    return named(sums);
  }

  private change(change: CellChange): boolean {
    const questionNumber = this.numbers.get(change.questionId);
    const pairNumber = this.pairNumbers.get(nameOf(change));
    if (questionNumber === undefined) {
      if (!this.isComplete) this.early.push(change);
      return false;
    }
    const row = this.rows[questionNumber];
    if (row === undefined || pairNumber === undefined) return false;
    const index = (change.repeat - 1) * this.pairs.length + pairNumber;
    const before = row[index];
    if (before === undefined || before === change.state) return false;
    row[index] = change.state;
    const codeRow = this.codeRows[questionNumber];
    if (codeRow !== undefined) this.setCode(codeRow, index, change.errorCode);
    this.count(pairNumber, before, -1);
    this.count(pairNumber, change.state, 1);
    return true;
  }

  private setCode(row: Uint8Array, index: number, code: string | null): void {
    const before = this.codes[row[index] ?? 0];
    if (before !== undefined) before.cells -= 1;
    let number = this.codes.findIndex((each) => each.code === code);
    if (number < 0) number = this.codes.push({ code, cells: 0 }) - 1;
    const known = this.codes[number];
    if (known !== undefined) known.cells += 1;
    row[index] = number;
  }

  private count(pairNumber: number, state: number, by: number): void {
    const counts = this.byPair[pairNumber];
    if (counts !== undefined) counts[state] = (counts[state] ?? 0) + by;
  }
}

/** Cells with an answer: a substitute's is one, too. */
export function answeredOf({ accepted, substituted }: CellCounts): number {
  return accepted + substituted;
}

/** Cells that have come to their end. */
export function doneOf({ accepted, substituted, failed, cancelled }: CellCounts): number {
  return accepted + substituted + failed + cancelled;
}

export function totalOf(counts: CellCounts): number {
  return doneOf(counts) + counts.running + counts.pending;
}

function nameOf({ model, region }: Pair): string {
  return `${model} ${region}`;
}

function stateOf(state: number | undefined): CellState {
  return CELL_STATES[state ?? 0] ?? 'pending';
}

function named(counts: readonly number[]): CellCounts {
  const of = (state: CellState): number => counts[CELL_STATES.indexOf(state)] ?? 0;
  return {
    pending: of('pending'),
    running: of('running'),
    accepted: of('accepted'),
    substituted: of('substituted'),
    failed: of('failed'),
    cancelled: of('cancelled'),
  };
}

function changeOf(
  event: { question_id: string; model: string; region: string; repeat: number },
  state: CellState,
  errorCode: string | null = null,
): CellChange {
  return {
    questionId: event.question_id,
    model: event.model,
    region: event.region,
    repeat: event.repeat,
    state: CELL_STATES.indexOf(state),
    errorCode,
  };
}
