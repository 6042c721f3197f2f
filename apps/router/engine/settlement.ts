import type { Outcome } from '#contracts';
import {
  ANY_LANE,
  afterCancellation,
  afterFailure,
  afterSuccess,
  afterWorkspaceFailure,
  isLive,
  isTerminal,
  nextState,
  planAfterFailure,
  traitsOf,
  type AttemptErrorCode,
  type BreakerPolicy,
  type EndpointRecord,
  type EndpointView,
  type JobEvent,
  type JobState,
  type RetryPlan,
  type RetryPolicy,
} from '#domain';
import type { Settlement, SettlingJob, StoredResult } from '#persistence';

export interface SettlementPolicy {
  readonly retries: RetryPolicy;
  readonly breaker: BreakerPolicy;
  /** In single-region mode: the only region that a job may go to that is not pinned elsewhere. */
  readonly onlyRegion?: string | undefined;
}

export interface Settled {
  readonly settlement: Settlement;
  readonly job: SettlingJob;
  readonly from: JobState;
  readonly to: JobState | undefined;
  readonly plan: RetryPlan | undefined;
  readonly endpoint: EndpointRecord | undefined;
  /** Other endpoints about which the outcome says something, because they share its workspace. */
  readonly neighbours: readonly { readonly endpointId: string; readonly record: EndpointRecord }[];
}

/**
 * Says what one outcome does to its job and endpoint. `undefined`: the outcome is stray, it belongs to a ticket
 * that has been superseded or recorded before, and changes nothing.
 * @param jitter in [0, 1)
 * @param seenBefore an earlier attempt of the job failed with the same code
 */
export function settle(
  outcome: Outcome,
  job: SettlingJob | undefined,
  endpoints: readonly EndpointView[],
  policy: SettlementPolicy,
  nowMs: number,
  jitter: number,
  seenBefore = false,
): Settled | undefined {
  if (job === undefined || !answersTicket(outcome, job)) return undefined;
  const { result } = outcome;
  const view = endpoints.find(({ spec }) => spec.id === outcome.endpoint_id);
  const base = {
    job_id: job.id,
    epoch: job.epoch,
    attempt: outcome.attempt,
    reattached: outcome.reattached,
    execution_ms: Math.round(outcome.duration_ms),
    region: outcome.region,
    lane: null,
    avoid_regions: null,
    not_before_ms: null,
    result: null,
    error_code: null,
    error_detail: null,
    attempt_error_code: null,
    http_status: null,
    cold_start: null,
    attested: null,
    is_final: false,
    dead_letter: false,
  } satisfies Partial<Settlement>;
  const change = (
    event: JobEvent,
  ): { state: JobState | null; is_final: boolean; to: JobState | undefined } => {
    const to = nextState(job.state, event);
    return { state: to ?? null, is_final: to !== undefined && to !== 'retrying', to };
  };

  switch (result.kind) {
    case 'succeeded': {
      const { to, ...changed } = change('succeeded');
      const stored: StoredResult = {
        response: result.response,
        model: result.model,
        region: result.region,
        endpoint_id: outcome.endpoint_id,
        substituted: job.preferred_region !== null && result.region !== job.preferred_region,
        inference_time_s: result.inference_time_s ?? null,
        tokens_generated: result.tokens_generated ?? null,
      };
      const { kind: _kind, response: _response, ...attested } = result;
      return {
        settlement: {
          ...base,
          ...changed,
          result: to === undefined ? null : stored,
          attempt_status: 'succeeded',
          http_status: 200,
          cold_start: result.cold_start ?? null,
          attested,
        },
        job,
        from: job.state,
        to,
        plan: undefined,
        endpoint: view && afterSuccess(view.record, view.spec, nowMs),
        neighbours: [],
      };
    }
    case 'cancelled': {
      const { to, ...changed } = change('callCancelled');
      if (to === undefined && !isTerminal(job.state)) {
        // Nobody asked for it: a stale cancellation hit a live call. The job goes on.
        const lost: Outcome = {
          ...outcome,
          result: {
            kind: 'failed',
            code: 'ATTEMPT_LOST',
            detail: 'the call was cancelled, but the job was not',
          },
        };
        return settle(lost, job, endpoints, policy, nowMs, jitter);
      }
      return {
        settlement: {
          ...base,
          ...changed,
          attempt_status: 'cancelled',
          attempt_error_code: 'CALL_CANCELLED',
        },
        job,
        from: job.state,
        to,
        plan: undefined,
        endpoint: view && afterCancellation(view.record, view.spec, nowMs),
        neighbours: [],
      };
    }
    case 'failed': {
      const plan = planAfterFailure(
        {
          attempt: job.attempt,
          maxAttempts: job.max_attempts,
          regionPolicy: job.region_policy,
          region: outcome.region,
          failedRegions: job.avoid_regions,
          healthyRegions: healthyRegions(endpoints, job.model, policy.onlyRegion),
          regionsOutsideWorkspace: healthyRegions(
            endpoints.filter(({ spec }) => spec.workspace !== view?.spec.workspace),
            job.model,
            policy.onlyRegion,
          ),
        },
        {
          code: result.code,
          ...(result.retry_after_ms === undefined ? {} : { retryAfterMs: result.retry_after_ms }),
          seenBefore,
        },
        policy.retries,
        nowMs,
        jitter,
      );
      const { to, ...changed } = change(plan.kind === 'deadLetter' ? 'deadLettered' : 'retryScheduled');
      return {
        settlement: {
          ...base,
          ...changed,
          attempt_status: result.code === 'ATTEMPT_LOST' ? 'lost' : 'failed',
          attempt_error_code: result.code,
          error_code: result.code,
          error_detail: result.detail,
          http_status: result.http_status ?? null,
          attested:
            result.upstream_call_id === undefined ? null : { upstream_call_id: result.upstream_call_id },
          dead_letter: to === 'failed',
          ...(plan.kind === 'failover'
            ? { lane: ANY_LANE, avoid_regions: plan.avoidRegions, not_before_ms: plan.notBeforeMs }
            : {}),
          ...(plan.kind === 'retry' ? { avoid_regions: [], not_before_ms: plan.notBeforeMs } : {}),
        },
        job,
        from: job.state,
        to,
        // A job that is over gets no other attempt, whatever the plan for one that is not.
        plan: to === 'retrying' || to === 'failed' ? plan : undefined,
        endpoint: view && afterFailure(view.record, view.spec, result.code, policy.breaker, nowMs),
        neighbours: neighboursAfter(result.code, view, endpoints, policy.breaker, nowMs),
      };
    }
  }
}

/**
 * Whether this is what the job waits for: the outcome of its ticket, or an answer to an earlier ticket of the same attempt
 * that was thought lost. While nobody has begun to work on the new ticket, taking the answer spares a second call.
 */
function answersTicket({ epoch, attempt, result }: Outcome, job: SettlingJob): boolean {
  if (job.slot_epoch !== job.epoch) return false;
  if (epoch === job.epoch) return true;
  const isEarlierTicket = epoch < job.epoch && attempt === job.attempt;
  return isEarlierTicket && result.kind === 'succeeded' && job.slot_started === false;
}

/** One refusal of the whole workspace is enough: its other endpoints need not be asked, one failed job each. */
function neighboursAfter(
  code: AttemptErrorCode,
  failed: EndpointView | undefined,
  endpoints: readonly EndpointView[],
  policy: BreakerPolicy,
  nowMs: number,
): Settled['neighbours'] {
  if (failed === undefined || traitsOf(code).scope !== 'workspace') return [];
  return endpoints.flatMap(({ spec, record }) => {
    if (spec.id === failed.spec.id || spec.workspace !== failed.spec.workspace) return [];
    const next = afterWorkspaceFailure(record, spec, code, policy, nowMs);
    return next === record ? [] : [{ endpointId: spec.id, record: next }];
  });
}

function healthyRegions(
  endpoints: readonly EndpointView[],
  model: string,
  onlyRegion: string | undefined,
): string[] {
  return [
    ...new Set(
      endpoints
        .filter((view) => isLive(view) && view.spec.models.includes(model))
        .filter(({ spec }) => onlyRegion === undefined || spec.region === onlyRegion)
        .map(({ spec }) => spec.region),
    ),
  ];
}
