import type { Configuration } from '#config';
import { parseRequest, runListQuerySchema, type RunListView, type RunView } from '#contracts';
import { estimateRemainingSeconds, isRunFinished } from '#domain';
import {
  countCells,
  countOpenOfQuestion,
  countWebhooks,
  findRun,
  findRunGates,
  listRuns,
  readExecutionTimes,
  readSkews,
  type Database,
  type RunEntity,
  type RunProgress,
} from '#persistence';
import { budgetView } from './run-budgets.js';
import { runNotFound } from './run-id.js';
import { runSummary, runView } from './run-view.js';

/** Reads runs from their rows alone, so that it works while the runner is down. */
export class RunReader {
  constructor(
    private readonly database: Database,
    private readonly configuration: Configuration,
  ) {}

  /** @throws ProblemError RUN_NOT_FOUND */
  async find(runId: string): Promise<RunEntity> {
    const run = await findRun(this.database, runId);
    if (run === null) throw runNotFound();
    return run;
  }

  /** @throws ProblemError RUN_NOT_FOUND */
  async view(runId: string): Promise<RunView> {
    const run = await this.find(runId);
    const [progress, gates, webhooks, budget, skews] = await Promise.all([
      countCells(this.database, runId, run.spec.region_policy !== 'pin'),
      findRunGates(this.database, runId),
      countWebhooks(this.database, runId),
      budgetView(this.database, this.configuration, run),
      run.spec.max_skew_s === undefined ? new Map<number, number>() : readSkews(this.database, runId),
    ]);
    const more = { webhooks, budget, skews };
    return runView(run, progress, gates, more, await this.etaSeconds(run, progress));
  }

  async list(query: unknown): Promise<RunListView> {
    const { limit, cursor } = parseRequest(runListQuerySchema, query);
    const runs = await listRuns(this.database, limit + 1, cursor);
    const page = runs.slice(0, limit);
    return {
      runs: page.map(runSummary),
      next_cursor: runs.length > limit ? (page.at(-1)?.runNo ?? null) : null,
    };
  }

  private async etaSeconds(run: RunEntity, { pairs, questions }: RunProgress): Promise<number | null> {
    if (isRunFinished(run.status)) return 0;
    const current = questions.find(({ pending, submitted }) => pending + submitted > 0);
    if (current === undefined) return 0;
    const [openOfQuestion, learned] = await Promise.all([
      run.order === 'question'
        ? countOpenOfQuestion(this.database, run.id, current.questionNo)
        : Promise.resolve(new Map<number, number>()),
      readExecutionTimes(this.database),
    ]);
    const work = pairs.flatMap(({ pairNo, pending, submitted }) => {
      const pair = run.spec.pairs[pairNo - 1];
      const remaining = pending + submitted;
      return pair === undefined
        ? []
        : [{ ...pair, remaining, remainingOfQuestion: openOfQuestion.get(pairNo) ?? 0 }];
    });
    return estimateRemainingSeconds(
      run.order,
      work,
      run.spec.repeats,
      learned.filter(({ cold }) => !cold),
    );
  }
}
