import type { RunView } from '#contracts';
import type { RunEvent } from './run-events.js';

export interface Count {
  readonly name: string;
  readonly done: number;
  readonly total: number;
}

/** How far the run is, at one moment. */
export interface ProgressSnapshot {
  readonly overall: Count;
  readonly regions: readonly Count[];
  readonly questions: readonly Count[];
}

interface Tally {
  readonly total: number;
  /** Counted from events. */
  seen: number;
  done: number;
}

/** Counts accepted cells: from each event as it comes, and from the run's own view as the safety net. */
export class Progress {
  private readonly regions: ReadonlyMap<string, Tally>;
  private readonly questions: ReadonlyMap<string, Tally>;
  private readonly accepted = new Set<string>();

  constructor(run: RunView) {
    const tally = ({ total, accepted }: { total: number; accepted: number }): Tally => ({
      total,
      seen: 0,
      done: accepted,
    });
    const { by_region, by_question } = run.progress;
    this.regions = new Map(Object.entries(by_region).map(([name, counts]) => [name, tally(counts)]));
    this.questions = new Map(by_question.map((counts) => [counts.question_id, tally(counts)]));
  }

  /** Events may be told again after a broken connection: a cell counts once. */
  apply({ type, question_id: question = '', model = '', region = '' }: RunEvent): void {
    const cell = `${question} ${model} ${region}`;
    if (type !== 'cell.accepted' || this.accepted.has(cell)) return;
    this.accepted.add(cell);
    for (const tally of [this.regions.get(region), this.questions.get(question)]) {
      if (tally === undefined) continue;
      tally.seen += 1;
      raise(tally, tally.seen);
    }
  }

  update({ progress }: RunView): void {
    for (const [name, { accepted }] of Object.entries(progress.by_region)) {
      raise(this.regions.get(name), accepted);
    }
    for (const { question_id, accepted } of progress.by_question) {
      raise(this.questions.get(question_id), accepted);
    }
  }

  snapshot(): ProgressSnapshot {
    const regions = counts(this.regions);
    return {
      overall: {
        name: 'overall',
        done: regions.reduce((sum, { done }) => sum + done, 0),
        total: regions.reduce((sum, { total }) => sum + total, 0),
      },
      regions,
      questions: counts(this.questions),
    };
  }
}

function counts(tallies: ReadonlyMap<string, Tally>): Count[] {
  return [...tallies].map(([name, { done, total }]) => ({ name, done, total }));
}

/** Two sources of different age: progress never goes back. */
function raise(tally: Tally | undefined, done: number): void {
  if (tally !== undefined) tally.done = Math.max(tally.done, done);
}
