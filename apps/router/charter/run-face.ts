import {
  charterComparisonSchema,
  charterGateDecidedSchema,
  charterRunCancelSchema,
  charterRunCreatedSchema,
  charterRunExtendSchema,
  charterRunListSchema,
  charterRunRetrySchema,
  charterRunSchema,
  charterRunStateSchema,
  charterView,
  charterWaitingGatesSchema,
  type CharterRunPlan,
  type CharterView,
  type ComparisonView,
  type GateDecidedView,
  type RunBudgetView,
  type RunCancelView,
  type RunExtendView,
  type RunRetryView,
  type RunStateView,
  type RunView,
  type WaitingGatesView,
  type WebhookSummaryView,
} from '#contracts';
import type { CharterRun, RunGateEntity, RunTotals, StoredRunPlan } from '#persistence';
import { runTotals } from '../runs/run-view.js';

/** What the plan of a run costs; undefined: the reader is not shown it. */
export type PlanCosts = Pick<StoredRunPlan, 'estimated_cost_usd' | 'orders'> | undefined;

export function charterRunCreated(
  run: CharterRun,
  costs: PlanCosts,
  warnings: readonly string[],
): CharterView<typeof charterRunCreatedSchema> {
  return charterView(charterRunCreatedSchema, {
    run_id: run.id,
    status: run.status,
    total_cells: run.totalCells,
    unavailable: run.spec.unavailable.map(pairOf),
    plan: planOf(run, costs),
    warnings: [...warnings],
  });
}

export function charterRunList(
  runs: readonly (readonly [CharterRun, RunTotals])[],
  nextCursor: string | null,
): CharterView<typeof charterRunListSchema> {
  return charterView(charterRunListSchema, {
    runs: runs.map(([run, counts]) => ({ ...summaryOf(run), progress: runTotals(run, counts) })),
    next_cursor: nextCursor,
  });
}

/** What is read or reckoned beside the run's own rows. */
export interface CharterRunDetails {
  readonly progress: RunView['progress'];
  readonly gates: readonly RunGateEntity[];
  readonly budget: RunBudgetView;
  readonly costs: PlanCosts;
  readonly webhooks: WebhookSummaryView | null;
  readonly etaSeconds: number | null;
  readonly skew: Pick<RunView, 'max_skew_s' | 'worst_skew_s' | 'skew_kept'>;
}

export function charterRun(
  run: CharterRun,
  { progress, gates, budget, costs, webhooks, etaSeconds, skew }: CharterRunDetails,
): CharterView<typeof charterRunSchema> {
  const { spec } = run;
  const isShownCosts = costs !== undefined;
  return charterView(charterRunSchema, {
    ...summaryOf(run),
    models: [...spec.models],
    regions: [...spec.regions],
    repeats: spec.repeats,
    region_policy: spec.region_policy,
    seed: spec.seed ?? null,
    question_order: spec.question_order ?? 'given',
    progress,
    eta_seconds: etaSeconds,
    max_skew_s: skew.max_skew_s,
    worst_skew_s: skew.worst_skew_s,
    skew_kept: skew.skew_kept,
    budget: {
      usd: budget.usd,
      gpu_seconds: budget.gpu_seconds,
      spent_usd: isShownCosts ? budget.spent_usd : null,
      spent_gpu_seconds: budget.spent_gpu_seconds,
      committed_usd: isShownCosts ? budget.committed_usd : null,
      committed_gpu_seconds: budget.committed_gpu_seconds,
    },
    gates: gates.map((gate) => ({
      gate_id: gate.gateId,
      after_question: gate.gateId,
      status: gate.status,
      expires_in_s: gate.expiresInS,
      waiting_since: gate.waitingSince?.toISOString() ?? null,
      expires_at: gate.expiresAt?.toISOString() ?? null,
      decided_at: gate.decidedAt?.toISOString() ?? null,
    })),
    unavailable: spec.unavailable.map(pairOf),
    plan: planOf(run, costs),
    webhooks:
      webhooks === null
        ? null
        : {
            pending: webhooks.pending,
            delivered: webhooks.delivered,
            failed: webhooks.failed,
            last_error_code: webhooks.last_error_code,
          },
  });
}

export function charterRunCancel(view: RunCancelView): CharterView<typeof charterRunCancelSchema> {
  return charterView(charterRunCancelSchema, {
    run_id: view.run_id,
    status: view.status,
    cancelling: view.cancelling,
  });
}

export function charterRunState(view: RunStateView): CharterView<typeof charterRunStateSchema> {
  return charterView(charterRunStateSchema, { run_id: view.run_id, status: view.status });
}

export function charterRunRetry(view: RunRetryView): CharterView<typeof charterRunRetrySchema> {
  return charterView(charterRunRetrySchema, {
    run_id: view.run_id,
    status: view.status,
    retried_cells: view.retried_cells,
  });
}

export function charterRunExtend(view: RunExtendView): CharterView<typeof charterRunExtendSchema> {
  return charterView(charterRunExtendSchema, {
    run_id: view.run_id,
    status: view.status,
    repeats: view.repeats,
    total_cells: view.total_cells,
    added_cells: view.added_cells,
  });
}

export function charterGateDecided(view: GateDecidedView): CharterView<typeof charterGateDecidedSchema> {
  return charterView(charterGateDecidedSchema, {
    run_id: view.run_id,
    gate_id: view.gate_id,
    status: view.status,
  });
}

export function charterWaitingGates(view: WaitingGatesView): CharterView<typeof charterWaitingGatesSchema> {
  return charterView(charterWaitingGatesSchema, {
    gates: view.gates.map((gate) => ({
      run_id: gate.run_id,
      run_name: gate.run_name,
      run_status: gate.run_status,
      gate_id: gate.gate_id,
      after_question: gate.after_question,
      waiting_since: gate.waiting_since,
      expires_at: gate.expires_at,
    })),
    next_cursor: view.next_cursor,
  });
}

export function charterComparison(view: ComparisonView): CharterView<typeof charterComparisonSchema> {
  return charterView(charterComparisonSchema, {
    run_id: view.run_id,
    status: view.status,
    question_id: view.question_id,
    question: view.question,
    question_erased: view.question_erased,
    repeat: view.repeat,
    repeats: view.repeats,
    answers: view.answers,
    similarities: view.similarities,
    next_cursor: view.next_cursor,
    next_question: view.next_question,
  });
}

function summaryOf(run: CharterRun) {
  return {
    run_id: run.id,
    name: run.name,
    status: run.status,
    cancelling: run.ending === 'cancelled' && run.finishedAt === null,
    order: run.order,
    total_cells: run.totalCells,
    created_at: run.createdAt.toISOString(),
    started_at: run.startedAt?.toISOString() ?? null,
    finished_at: run.finishedAt?.toISOString() ?? null,
  };
}

function planOf({ plan, spec, totalCells }: CharterRun, costs: PlanCosts): CharterRunPlan {
  const costOf = new Map(costs?.orders?.map(({ order, cost_usd: costUsd }) => [order, costUsd]));
  return {
    order: plan.order,
    requested_order: plan.requested_order,
    reason: plan.reason,
    cells_per_region: cellsPerRegion(spec.pairs, totalCells),
    estimated_makespan_seconds: plan.estimated_makespan_seconds,
    estimated_cost_usd: costs?.estimated_cost_usd ?? null,
    orders: plan.orders.map((order) => ({
      order: order.order,
      makespan_s: order.makespan_s,
      gpu_seconds: {
        cold_start: order.gpu_seconds.cold_start,
        busy: order.gpu_seconds.busy,
        idle: order.gpu_seconds.idle,
        total: order.gpu_seconds.total,
      },
      cost_usd: costOf.get(order.order) ?? null,
      cold_starts: order.cold_starts,
      peak_gpus: order.peak_gpus,
      exact: order.exact,
    })),
    assumed_times: plan.assumed_times ?? null,
  };
}

/** Cells that each region is asked: every pair of model and region has as many. */
export function cellsPerRegion(
  pairs: readonly { readonly region: string }[],
  totalCells: number,
): Record<string, number> {
  const cells: Record<string, number> = {};
  for (const { region } of pairs) cells[region] = (cells[region] ?? 0) + totalCells / pairs.length;
  return cells;
}

function pairOf({ model, region }: { readonly model: string; readonly region: string }) {
  return { model, region };
}
