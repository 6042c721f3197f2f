import type { Configuration } from '#config';
import {
  parseRequest,
  runListQuerySchema,
  waitingGatesQuerySchema,
  type CharterView,
  type RunListView,
  type RunView,
  type WaitingGatesView,
  type charterRunCreatedSchema,
  type charterRunListSchema,
  type charterRunSchema,
  type charterWaitingGatesSchema,
} from '#contracts';
import type { Face } from '#domain';
import {
  countCells,
  countCellsOfRuns,
  countWebhooks,
  findCharterGates,
  findCharterRun,
  findRun,
  findRunGates,
  listCharterRuns,
  listRuns,
  listWaitingGates,
  readSkews,
  type CharterDatabase,
  type CharterRun,
  type Database,
  type RunEntity,
  type WaitingGateRow,
} from '#persistence';
import {
  charterRun,
  charterRunCreated,
  charterRunList,
  charterWaitingGates,
  type PlanCosts,
} from '../charter/run-face.js';
import { budgetView } from './run-budgets.js';
import { QuestionIds } from './question-ids.js';
import type { RunEta } from './run-eta.js';
import { runNotFound } from './run-id.js';
import { runProgress, runSkew, runSummary, runView, webhookSummary } from './run-view.js';

/** Reads runs from their rows alone, so that it works while the runner is down. */
export class RunReader {
  private readonly questionIds: QuestionIds;

  constructor(
    private readonly database: Database,
    private readonly configuration: () => Configuration,
    private readonly eta: RunEta,
    /** Left out: every caller sees everything. */
    private readonly charterDatabase?: CharterDatabase,
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

  /** The connections that customers' answers are read with. */
  get charter(): CharterDatabase {
    if (this.charterDatabase === undefined) throw new Error('there is no database of the charter');
    return this.charterDatabase;
  }

  /** @throws ProblemError RUN_NOT_FOUND */
  async findCharter(runId: string): Promise<CharterRun> {
    const run = await findCharterRun(this.charter, runId);
    if (run === undefined) throw runNotFound();
    return run;
  }

  /**
   * The same for customers: rows are read as the charter's role. What is spent and how long it takes is reckoned from more
   * than they may see; only the figures leave.
   */
  async charterView(runId: string, face: Face): Promise<CharterView<typeof charterRunSchema>> {
    const { charter, database } = this;
    const [run, stored] = await Promise.all([this.findCharter(runId), this.find(runId)]);
    const { spec } = run;
    const [progress, gates, webhooks, budget, skews] = await Promise.all([
      countCells(charter, run, this.questionIds.of(run.id)),
      findCharterGates(charter, runId),
      spec.has_webhook ? countWebhooks(database, runId) : undefined,
      budgetView(database, this.configuration(), stored),
      spec.max_skew_s === undefined ? new Map<number, number>() : readSkews(charter, runId),
    ]);
    return charterRun(run, {
      progress: runProgress(run, progress, skews),
      gates,
      budget,
      costs: costsOf(stored, face),
      webhooks: webhooks === undefined ? null : webhookSummary(webhooks),
      etaSeconds: await this.eta.seconds(stored, progress, gates),
      skew: runSkew(spec, skews),
    });
  }

  /** A run that has just been made. */
  async charterCreated(
    runId: string,
    warnings: readonly string[],
    face: Face,
  ): Promise<CharterView<typeof charterRunCreatedSchema>> {
    const run = await this.findCharter(runId);
    return charterRunCreated(run, face.money ? costsOf(await this.find(runId), face) : undefined, warnings);
  }

  async charterList(query: unknown, tenant: string): Promise<CharterView<typeof charterRunListSchema>> {
    const { limit, cursor } = parseRequest(runListQuerySchema, query);
    const runs = await listCharterRuns(this.charter, tenant, limit + 1, cursor);
    const page = runs.slice(0, limit);
    const counted = await countCellsOfRuns(this.charter, page);
    return charterRunList(counted, runs.length > limit ? (page.at(-1)?.runNo ?? null) : null);
  }

  /** @param tenant undefined: everybody's */
  async list(query: unknown, tenant: string | undefined): Promise<RunListView> {
    const { limit, cursor } = parseRequest(runListQuerySchema, query);
    const runs = await listRuns(this.database, tenant, limit + 1, cursor);
    const page = runs.slice(0, limit);
    const counted = await countCellsOfRuns(this.database, page);
    return {
      runs: counted.map(([run, counts]) => runSummary(run, counts)),
      next_cursor: runs.length > limit ? (page.at(-1)?.runNo ?? null) : null,
    };
  }

  /** @param tenant undefined: everybody's */
  async waitingGates(query: unknown, tenant: string | undefined): Promise<WaitingGatesView> {
    const { limit, cursor } = parseRequest(waitingGatesQuerySchema, query);
    return waitingGatesPage(await listWaitingGates(this.database, tenant, limit + 1, cursor), limit);
  }

  async charterWaitingGates(
    query: unknown,
    tenant: string,
  ): Promise<CharterView<typeof charterWaitingGatesSchema>> {
    const { limit, cursor } = parseRequest(waitingGatesQuerySchema, query);
    const gates = await listWaitingGates(this.charter, tenant, limit + 1, cursor);
    return charterWaitingGates(waitingGatesPage(gates, limit));
  }
}

function waitingGatesPage(gates: readonly WaitingGateRow[], limit: number): WaitingGatesView {
  const page = gates.slice(0, limit);
  return {
    gates: page.map((gate) => ({
      run_id: gate.runId,
      run_name: gate.runName,
      run_status: gate.runStatus,
      gate_id: gate.gateId,
      after_question: gate.gateId,
      waiting_since: gate.waitingSince.toISOString(),
      expires_at: gate.expiresAt.toISOString(),
    })),
    next_cursor: gates.length > limit ? (page.at(-1)?.cursor ?? null) : null,
  };
}

function costsOf({ plan }: RunEntity, { money }: Face): PlanCosts {
  return money ? plan : undefined;
}
