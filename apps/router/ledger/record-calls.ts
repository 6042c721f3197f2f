import type { AttemptCalls, Outcome } from '#contracts';
import {
  FRESH_METER,
  LOCAL_TENANT,
  chargeCall,
  containerAfter,
  costOf,
  splitGpuMs,
  startsNoContainer,
  type CallOutcome,
  type MeteredCall,
} from '#domain';
import {
  readLedgerFacts,
  recordEntries,
  type CalledJob,
  type LedgerFacts,
  type NewLedgerEntry,
  type Queryable,
  type StoredMeter,
} from '#persistence';
import { callsOf } from './call-identity.js';
import { callTimes, type Span } from './call-times.js';
import { idleEntry } from './idle-entry.js';
import type { LedgerPricing, PaidEndpoint } from './ledger-pricing.js';

/** More than any model gives: a number beyond is a fault of the upstream, and what it would cost is not known. */
const TOKENS_MAX = 1e9;
const NO_METER: StoredMeter = { meter: FRESH_METER, lateMs: 0, idleAtLeastUntilMs: 0, idleOf: null };

/** How an endpoint stood before an outcome was settled. */
export interface EndpointThen {
  /** Unix ms: its container may hold a GPU until then. */
  readonly gpuUntilMs: number;
  readonly windowMs: number;
}

/** Outcomes of one cycle on their way into the ledger. */
export class CallsOfCycle {
  private readonly entries: NewLedgerEntry[] = [];
  private readonly meters = new Map<string, StoredMeter>();
  private readonly entered = new Set<string>();

  private constructor(
    private readonly facts: LedgerFacts,
    private readonly pricing: LedgerPricing,
  ) {}

  /** Before anything is settled: slots say when calls began, and are freed then. Only under the admission lock. */
  static async read(
    client: Queryable,
    outcomes: readonly Outcome[],
    pricing: LedgerPricing,
  ): Promise<CallsOfCycle> {
    const jobIds = new Set<string>();
    const callIds = new Set<string>();
    const endpointIds = new Set<string>();
    for (const outcome of outcomes) {
      const { id, earlier } = callsOf(outcome);
      jobIds.add(outcome.job_id);
      endpointIds.add(outcome.endpoint_id);
      if (id !== null) callIds.add(id);
      for (const call of earlier) {
        callIds.add(call.id);
        endpointIds.add(call.endpoint_id);
      }
    }
    return new CallsOfCycle(
      await readLedgerFacts(client, [...jobIds], [...callIds], [...endpointIds]),
      pricing,
    );
  }

  /**
   * Takes down the calls that an outcome tells of, but those that have their entries.
   * @param settled whether it changed its job or slot @param isAccepted whether it became the job's answer
   */
  note(
    outcome: Outcome,
    settled: { isAccepted: boolean } | undefined,
    then: EndpointThen,
    nowMs: number,
  ): void {
    const calls = callsOf(outcome);
    const job = this.facts.jobs.get(outcome.job_id);
    const times = callTimes(outcome, calls, job, nowMs);
    let idleUntilMs = then.gpuUntilMs;
    for (const [index, call] of calls.earlier.entries()) {
      if (this.isEntered(call.id)) continue;
      const { earlier } = times;
      const span = index === 0 ? earlier : { ...earlier, fromMs: earlier.untilMs };
      const identity = this.identityOf(
        { ...outcome, endpoint_id: call.endpoint_id },
        job,
        call.id,
        index + 1,
      );
      const orphan = {
        outcome: 'orphaned' as const,
        error_detail: 'its dispatcher fell silent, and nobody reported how it ended',
      };
      this.enter({ ...identity, ...orphan }, span, { after: 'unknown', wasWarm: null }, idleUntilMs, null);
      if (call.endpoint_id === outcome.endpoint_id) idleUntilMs = span.untilMs + then.windowMs;
    }
    if (calls.id === null || this.isEntered(calls.id)) return;
    this.noteOwn(outcome, calls, calls.id, job, times.own, settled?.isAccepted ?? false, idleUntilMs);
    const stored = this.meters.get(outcome.endpoint_id);
    if (stored?.meter.idleOf !== calls.id) return;
    this.meters.set(outcome.endpoint_id, {
      ...stored,
      lateMs: Math.max(0, nowMs - times.own.untilMs),
      idleAtLeastUntilMs: settled === undefined ? times.own.untilMs + then.windowMs : 0,
    });
  }

  /** @returns what was entered */
  async write(client: Queryable): Promise<readonly NewLedgerEntry[]> {
    if (this.entries.length > 0) await recordEntries(client, this.entries, this.meters);
    return this.entries;
  }

  private noteOwn(
    outcome: Outcome,
    calls: AttemptCalls,
    callId: string,
    job: CalledJob | undefined,
    span: Span,
    isAccepted: boolean,
    idleUntilMs: number,
  ): void {
    const { result } = outcome;
    const identity = this.identityOf(outcome, job, callId, calls.earlier.length + 1);
    const failed = result.kind === 'failed' ? result : undefined;
    const answered = result.kind === 'succeeded' ? result : undefined;
    const isLost = failed?.code === 'ATTEMPT_LOST';
    const after = isLost ? 'unknown' : containerAfter({ kind: result.kind, code: failed?.code ?? null });
    const coldStart = answered?.cold_start ?? null;
    this.enter(
      {
        ...identity,
        outcome: outcomeName(outcome),
        accepted: isAccepted,
        http_status: answered === undefined ? (failed?.http_status ?? null) : 200,
        error_code: failed?.code ?? null,
        error_detail: failed?.detail ?? null,
        cold_start: coldStart,
        tokens_in: tokensOf(answered?.tokens_in),
        tokens_out: tokensOf(answered?.tokens_generated),
      },
      span,
      after === 'none' ? undefined : { after, wasWarm: coldStart === null ? null : !coldStart },
      idleUntilMs,
      answered?.inference_time_s === undefined ? null : answered.inference_time_s * 1000,
    );
  }

  /** @param container undefined: none was asked for */
  private enter(
    call: CallIdentity,
    span: Span,
    container: Pick<MeteredCall, 'after' | 'wasWarm'> | undefined,
    idleUntilMs: number,
    inferenceMs: number | null,
  ): void {
    this.entered.add(call.call_id);
    const { endpoint_id: endpointId } = call;
    const paid = this.paid(endpointId, call.region);
    const stored = this.meters.get(endpointId) ?? this.facts.meters.get(endpointId) ?? NO_METER;
    const charge =
      container === undefined || paid.billing === 'tokens'
        ? undefined
        : chargeCall(
            stored.meter,
            { callId: call.call_id, startMs: span.fromMs, endMs: span.untilMs, ...container },
            Math.round(Math.max(idleUntilMs - stored.lateMs, stored.idleAtLeastUntilMs)),
          );
    const gpuMs = charge?.gpuMs ?? 0;
    const { coldStartMs, busyMs } = splitGpuMs(gpuMs, call.cold_start, inferenceMs);
    const prices = this.pricing.pricesAt(span.fromMs);
    const cost = costOf(
      {
        ...{ billing: paid.billing, gpu: paid.gpu, region: call.region, model: call.model, gpuMs },
        ...{ tokensIn: call.tokens_in, tokensOut: call.tokens_out },
        isAnswered: call.outcome === 'succeeded',
      },
      prices,
    );
    // Member by member: copied as a whole and added to, each would have a hidden class of its own, kilobytes that stay
    // until the next full collection.
    const entry: NewLedgerEntry = {
      call_id: call.call_id,
      job_id: call.job_id,
      attempt: call.attempt,
      epoch: call.epoch,
      call_no: call.call_no,
      run_id: call.run_id,
      tenant: call.tenant,
      key_id: call.key_id,
      task_type: call.task_type,
      model: call.model,
      region: call.region,
      endpoint_id: call.endpoint_id,
      outcome: call.outcome,
      accepted: call.accepted,
      http_status: call.http_status,
      error_code: call.error_code,
      error_detail: call.error_detail,
      cold_start: call.cold_start,
      tokens_in: call.tokens_in,
      tokens_out: call.tokens_out,
      kind: 'call',
      provider: paid.provider,
      gpu: paid.billing === 'tokens' ? null : paid.gpu,
      estimated: span.isEstimated,
      began_ms: span.fromMs,
      at_ms: span.untilMs,
      cold_start_ms: coldStartMs,
      busy_ms: busyMs,
      idle_ms: 0,
      gpu_nano_usd_per_s: decimal(cost.gpuNanoUsdPerS),
      region_multiplier_millionths: decimal(cost.regionMultiplier),
      gpu_cost_micro_usd: decimal(cost.gpuMicroUsd),
      input_micro_usd_per_million_tokens: decimal(cost.tokenPrice?.inputMicroUsdPerMillion ?? null),
      output_micro_usd_per_million_tokens: decimal(cost.tokenPrice?.outputMicroUsdPerMillion ?? null),
      llm_cost_micro_usd: decimal(cost.llmMicroUsd),
      total_micro_usd: String(cost.totalMicroUsd),
      unpriced: cost.isUnpriced,
      prices_from: prices.from,
    };
    if (charge !== undefined) {
      if (charge.idle !== null && stored.idleOf !== null)
        this.entries.push(idleEntry(stored.idleOf, charge.idle));
      const isNowIdle = charge.meter.idleOf === call.call_id;
      this.meters.set(endpointId, {
        meter: charge.meter,
        lateMs: isNowIdle ? 0 : stored.lateMs,
        idleAtLeastUntilMs: isNowIdle ? 0 : stored.idleAtLeastUntilMs,
        idleOf: isNowIdle ? entry : charge.meter.idleOf === null ? null : stored.idleOf,
      });
    }
    this.entries.push(entry);
  }

  private isEntered(callId: string): boolean {
    return this.entered.has(callId) || this.facts.recorded.has(callId);
  }

  private identityOf(
    outcome: Outcome,
    job: CalledJob | undefined,
    callId: string,
    callNo: number,
  ): CallIdentity {
    const { endpoint_id, result } = outcome;
    return {
      call_id: callId,
      job_id: outcome.job_id,
      attempt: outcome.attempt,
      epoch: outcome.epoch,
      call_no: callNo,
      run_id: job?.runId ?? null,
      tenant: job?.tenant ?? LOCAL_TENANT,
      key_id: job?.keyId ?? null,
      task_type: job?.taskType ?? null,
      // A job that was erased meanwhile has left its call.
      model: job?.model ?? (result.kind === 'succeeded' ? result.model : 'unknown'),
      region: this.pricing.endpoint(endpoint_id)?.region ?? outcome.region,
      endpoint_id,
      outcome: 'failed',
      accepted: false,
      http_status: null,
      error_code: null,
      error_detail: null,
      cold_start: null,
      tokens_in: null,
      tokens_out: null,
    };
  }

  /** What an endpoint was that is not configured any more, nobody can say: its GPU has no price. */
  private paid(endpointId: string, region: string): PaidEndpoint {
    const unknown: PaidEndpoint = { region, billing: 'gpu', gpu: 'unknown', provider: 'unknown' };
    return this.pricing.endpoint(endpointId) ?? unknown;
  }
}

type CallIdentity = Pick<
  NewLedgerEntry,
  | 'call_id'
  | 'job_id'
  | 'attempt'
  | 'epoch'
  | 'call_no'
  | 'run_id'
  | 'tenant'
  | 'key_id'
  | 'task_type'
  | 'model'
  | 'region'
  | 'endpoint_id'
  | 'outcome'
  | 'accepted'
  | 'http_status'
  | 'error_code'
  | 'error_detail'
  | 'cold_start'
  | 'tokens_in'
  | 'tokens_out'
>;

function outcomeName({ result }: Outcome): CallOutcome {
  switch (result.kind) {
    case 'succeeded':
      return 'succeeded';
    case 'cancelled':
      return 'cancelled';
    case 'failed':
      if (result.code === 'ATTEMPT_LOST') return 'lost';
      return startsNoContainer(result.code) ? 'refused' : 'failed';
  }
}

function tokensOf(count: number | undefined): number | null {
  return count === undefined || count < 0 || count > TOKENS_MAX ? null : count;
}

function decimal(value: bigint | null): string | null {
  return value === null ? null : String(value);
}
