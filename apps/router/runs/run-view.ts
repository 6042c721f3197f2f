import type {
  CellCountsView,
  GateView,
  RegionCountsView,
  RunBudgetView,
  RunSummaryView,
  RunTotalsView,
  RunView,
  WebhookSummaryView,
} from '#contracts';
import type {
  PairProgress,
  RunEntity,
  RunGateEntity,
  RunProgress,
  RunTotals,
  StateCounts,
  StoredRunSpec,
  WebhookTally,
} from '#persistence';

/** @param counts as `countCellsOfRuns` has them */
export function runSummary(run: RunEntity, counts: RunTotals): RunSummaryView {
  return { ...runHead(run), progress: runTotals(run, counts) };
}

function runHead(run: RunEntity): Omit<RunSummaryView, 'progress'> {
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

/** What is read beside the run's own rows. */
export interface RunDetails {
  readonly webhooks: WebhookTally;
  readonly budget: RunBudgetView;
  /** By question number, in seconds. */
  readonly skews: ReadonlyMap<number, number>;
}

export function runView(
  run: RunEntity,
  { questions, pairs }: RunProgress,
  gates: readonly RunGateEntity[],
  { webhooks, budget, skews }: RunDetails,
  etaSeconds: number | null,
): RunView {
  const { spec } = run;
  return {
    ...runHead(run),
    models: [...spec.models],
    regions: [...spec.regions],
    repeats: spec.repeats,
    region_policy: spec.region_policy,
    seed: spec.seed ?? null,
    question_order: spec.question_order ?? 'given',
    progress: runProgress(run, { questions, pairs }, skews),
    eta_seconds: etaSeconds,
    ...runSkew(spec, skews),
    budget,
    gates: gates.map(gateView),
    unavailable: [...spec.unavailable],
    plan: run.plan,
    webhooks: spec.webhook_url === null ? null : webhookSummary(webhooks),
  };
}

/** How far apart a run's regions are asked, beside what it allows. @param skews by question number, in seconds */
export function runSkew(
  { max_skew_s: maxSkewS }: Pick<StoredRunSpec, 'max_skew_s'>,
  skews: ReadonlyMap<number, number>,
): Pick<RunView, 'max_skew_s' | 'worst_skew_s' | 'skew_kept'> {
  const worstSkewS = skews.size === 0 ? undefined : Math.max(...skews.values());
  return {
    max_skew_s: maxSkewS ?? null,
    worst_skew_s: worstSkewS ?? null,
    skew_kept: maxSkewS === undefined || worstSkewS === undefined ? null : worstSkewS <= maxSkewS,
  };
}

/** What of a run its progress is counted by. */
export interface ProgressRun {
  readonly totalCells: number;
  readonly spec: Pick<StoredRunSpec, 'pairs' | 'regions' | 'models' | 'max_skew_s'>;
}

export function runProgress(
  { totalCells, spec }: ProgressRun,
  { questions, pairs }: RunProgress,
  skews: ReadonlyMap<number, number>,
): RunView['progress'] {
  const { max_skew_s: maxSkewS } = spec;
  const all = sum(pairs);
  const pairsOf = (belongs: (pair: { model: string; region: string }) => boolean): RegionCountsView =>
    regionCounts(
      pairs.filter(({ pairNo }) => {
        const pair = spec.pairs[pairNo - 1];
        return pair !== undefined && belongs(pair);
      }),
    );
  const substituted = pairs.reduce((count, pair) => count + pair.substituted, 0);
  return {
    ...runTotals({ totalCells }, { ...all, substituted }),
    by_question: questions.map((question) => ({
      question_id: question.questionId,
      ...cellCounts(question),
      ...skewOf(maxSkewS, skews.get(question.questionNo)),
    })),
    by_region: Object.fromEntries(
      spec.regions.map((name) => [name, pairsOf(({ region }) => region === name)]),
    ),
    by_model: Object.fromEntries(spec.models.map((name) => [name, pairsOf(({ model }) => model === name)])),
    by_pair: pairs.flatMap((pair) => {
      const names = spec.pairs[pair.pairNo - 1];
      return names === undefined ? [] : [{ ...names, ...regionCounts([pair]) }];
    }),
  };
}

export function runTotals(
  { totalCells }: Pick<ProgressRun, 'totalCells'>,
  { submitted, accepted, substituted, failed, cancelled, pending }: RunTotals,
): RunTotalsView {
  return { total: totalCells, accepted, substituted, failed, cancelled, running: submitted, pending };
}

function skewOf(
  maxSkewS: number | undefined,
  skewS: number | undefined,
): Pick<RunView['progress']['by_question'][number], 'skew_s' | 'skew_exceeded'> {
  const isExceeded = maxSkewS !== undefined && skewS !== undefined && skewS > maxSkewS;
  return { skew_s: skewS ?? null, skew_exceeded: isExceeded };
}

export function webhookSummary({
  pending,
  delivered,
  failed,
  lastErrorCode,
}: WebhookTally): WebhookSummaryView {
  return { pending, delivered, failed, last_error_code: lastErrorCode };
}

function gateView(gate: RunGateEntity): GateView {
  return {
    gate_id: gate.gateId,
    // A gate is named after its question.
    after_question: gate.gateId,
    status: gate.status,
    expires_in_s: gate.expiresInS,
    waiting_since: gate.waitingSince?.toISOString() ?? null,
    expires_at: gate.expiresAt?.toISOString() ?? null,
    decided_at: gate.decidedAt?.toISOString() ?? null,
  };
}

/** A substitute closes its cell, but never counts as an answer of the region. */
function regionCounts(pairs: readonly PairProgress[]): RegionCountsView {
  const substituted = pairs.reduce((count, pair) => count + pair.substituted, 0);
  const counts = cellCounts(sum(pairs));
  return { ...counts, accepted: counts.accepted - substituted, substituted };
}

function cellCounts({ pending, submitted, accepted, failed, cancelled }: StateCounts): CellCountsView {
  const done = accepted + failed + cancelled;
  return { done, total: done + pending + submitted, accepted, failed, running: submitted };
}

function sum(counts: readonly StateCounts[]): StateCounts {
  return counts.reduce<StateCounts>(
    (total, next) => ({
      pending: total.pending + next.pending,
      submitted: total.submitted + next.submitted,
      accepted: total.accepted + next.accepted,
      failed: total.failed + next.failed,
      cancelled: total.cancelled + next.cancelled,
    }),
    { pending: 0, submitted: 0, accepted: 0, failed: 0, cancelled: 0 },
  );
}
