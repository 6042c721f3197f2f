import type { Configuration } from '#config';
import { isRunFinished, remainingMs, type CellsLeft, type PlanInput } from '#domain';
import {
  countOpenByPart,
  countOpenOfQuestion,
  readRunCalls,
  type Database,
  type RunEntity,
  type RunGateEntity,
  type RunProgress,
} from '#persistence';
import { isAllAssumed, planInputOf } from './plan-input.js';
import type { RunPlanner } from './run-planner.js';

/** So long an estimate is good enough: whoever polls faster reads the same one. */
const FRESH_MS = 1000;
const REMEMBERED_MAX = 1000;

interface Estimate {
  readonly atMs: number;
  readonly seconds: Promise<number | null>;
}

/** How long runs still take, by the planner: the rest of a run in virtual time, from how the endpoints stand now. */
export class RunEta {
  private readonly estimates = new Map<string, Estimate>();

  constructor(
    private readonly database: Database,
    private readonly configuration: () => Configuration,
    private readonly planner: RunPlanner,
  ) {}

  /** @returns null while nothing has been learned about the run's models, or where nothing serves an open cell */
  async seconds(
    run: RunEntity,
    progress: RunProgress,
    gates: readonly RunGateEntity[],
  ): Promise<number | null> {
    const isOpen = progress.pairs.some(({ pending, submitted }) => pending + submitted > 0);
    if (isRunFinished(run.status) || !isOpen) return 0;
    const known = this.estimates.get(run.id);
    if (known !== undefined && performance.now() - known.atMs < FRESH_MS) return known.seconds;
    const estimate = { atMs: performance.now(), seconds: this.estimate(run, progress, gates) };
    // Set anew, so that the oldest is the first.
    this.estimates.delete(run.id);
    this.estimates.set(run.id, estimate);
    const [oldest] = this.estimates.keys();
    if (this.estimates.size > REMEMBERED_MAX && oldest !== undefined) this.estimates.delete(oldest);
    estimate.seconds.catch(() => {
      if (this.estimates.get(run.id) === estimate) this.estimates.delete(run.id);
    });
    return estimate.seconds;
  }

  private async estimate(
    run: RunEntity,
    progress: RunProgress,
    gates: readonly RunGateEntity[],
  ): Promise<number | null> {
    const undecided = gates.filter(({ status }) => status !== 'approved');
    const [facts, calls] = await Promise.all([this.planner.readFacts(), readRunCalls(this.database, run.id)]);
    const input = planInputOf(
      { spec: run.spec, questions: progress.questions, gates: undecided },
      this.configuration(),
      facts,
    );
    if (isAllAssumed(input)) return null;
    const leftMs = remainingMs(run.order, input, await this.openCells(run, progress, input), calls);
    return leftMs === null ? null : leftMs / 1000;
  }

  private async openCells(
    run: RunEntity,
    { pairs, questions }: RunProgress,
    { pairs: { length }, gatesAfter }: PlanInput,
  ): Promise<CellsLeft> {
    const byPair = (open: (pairNo: number) => number | undefined): number[] =>
      Array.from({ length }, (_, index) => open(index + 1) ?? 0);
    const totals = new Map(pairs.map(({ pairNo, pending, submitted }) => [pairNo, pending + submitted]));
    const whole = byPair((pairNo) => totals.get(pairNo));
    const { repeats } = run.spec;
    // Cells that are still being made are all open, and no row says so.
    const isUntouched = run.cellsMade !== null;
    if (run.order === 'question') {
      const open = questions.filter(({ pending, submitted }) => pending + submitted > 0);
      if (isUntouched)
        return { parts: [whole], questions: open.length, ofFirstQuestion: byPair(() => repeats) };
      const first = await countOpenOfQuestion(this.database, run.id, open[0]?.questionNo ?? 0);
      return {
        parts: [whole],
        questions: open.length,
        ofFirstQuestion: byPair((pairNo) => first.get(pairNo)),
      };
    }
    const none = { questions: 0, ofFirstQuestion: [] };
    if (gatesAfter.length === 0) return { parts: [whole], ...none };
    if (isUntouched) {
      const ends = [...gatesAfter, questions.length];
      const parts = ends.map((end, part) => byPair(() => (end - (ends[part - 1] ?? 0)) * repeats));
      return { parts, ...none };
    }
    const counts = await countOpenByPart(this.database, run.id, gatesAfter);
    const parts = Array.from({ length: gatesAfter.length + 1 }, (_, part) => {
      const ofPart = new Map(
        counts.filter((count) => count.part === part).map(({ pairNo, open }) => [pairNo, open]),
      );
      return byPair((pairNo) => ofPart.get(pairNo));
    });
    return { parts, ...none };
  }
}
