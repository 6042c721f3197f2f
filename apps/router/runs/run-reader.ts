import type { Configuration } from '#config';
import { parseRequest, runListQuerySchema, type RunListView, type RunView } from '#contracts';
import {
  countCells,
  countWebhooks,
  findRun,
  findRunGates,
  listRuns,
  readSkews,
  type Database,
  type RunEntity,
} from '#persistence';
import { budgetView } from './run-budgets.js';
import { QuestionIds } from './question-ids.js';
import type { RunEta } from './run-eta.js';
import { runNotFound } from './run-id.js';
import { runSummary, runView } from './run-view.js';

/** Reads runs from their rows alone, so that it works while the runner is down. */
export class RunReader {
  private readonly questionIds: QuestionIds;

  constructor(
    private readonly database: Database,
    private readonly configuration: () => Configuration,
    private readonly eta: RunEta,
  ) {
    this.questionIds = new QuestionIds(database);
  }

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
      countCells(this.database, run, this.questionIds.of(run.id)),
      findRunGates(this.database, runId),
      countWebhooks(this.database, runId),
      budgetView(this.database, this.configuration(), run),
      run.spec.max_skew_s === undefined ? new Map<number, number>() : readSkews(this.database, runId),
    ]);
    const more = { webhooks, budget, skews };
    return runView(run, progress, gates, more, await this.eta.seconds(run, progress, gates));
  }

  /** @param tenant undefined: everybody's */
  async list(query: unknown, tenant: string | undefined): Promise<RunListView> {
    const { limit, cursor } = parseRequest(runListQuerySchema, query);
    const runs = await listRuns(this.database, tenant, limit + 1, cursor);
    const page = runs.slice(0, limit);
    return {
      runs: page.map(runSummary),
      next_cursor: runs.length > limit ? (page.at(-1)?.runNo ?? null) : null,
    };
  }
}
