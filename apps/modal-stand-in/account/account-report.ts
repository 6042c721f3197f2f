import type { Account, EndpointAccount } from './account.js';
import type { CallRecord } from './call-log.js';
import type { GpuMeter, GpuTime } from './gpu-meter.js';
import { NO_GPU } from '../simulation/gpu-quota.js';
import { USD_PER_S } from './gpu-prices.js';

export interface CallFilter {
  readonly endpoint?: string | undefined;
  readonly key?: string | undefined;
  readonly jobId?: string | undefined;
  readonly outcome?: string | undefined;
}

/** `GET /_stand-in/account`. */
export function accountReport(account: Account): Record<string, unknown> {
  const { nowMs, configuration, totals, log } = account;
  const repeated = repeatedKeys(log.all());
  return {
    simulated_time_s: seconds(nowMs / 1000),
    time_scale: configuration.time_scale,
    totals: {
      ...totals.tally.toJson(),
      ...gpuUse(totals.gpus, nowMs),
      gpu_limit: Math.min(configuration.gpus, configuration.containers),
      cost_usd: totalCost(account),
    },
    endpoints: Object.fromEntries(
      [...account.endpoints].map(([id, page]) => [id, endpointReport(account, page)]),
    ),
    /** The same idempotency key more than once: work that was paid for twice. */
    repeated_keys: repeated,
    callbacks: account.callbacks,
    calls_dropped: log.dropped,
  };
}

/** `GET /_stand-in/account/calls`. */
export function callsReport({ log }: Account, filter: CallFilter): Record<string, unknown> {
  const chosen = log.all().filter((record) => {
    const key = splitKey(record.key);
    return (
      (filter.endpoint ?? record.endpointId) === record.endpointId &&
      (filter.key === undefined || filter.key === record.key) &&
      (filter.jobId === undefined || filter.jobId === key.jobId) &&
      (filter.outcome === undefined || filter.outcome === record.outcome)
    );
  });
  return { calls: chosen.map(callJson), calls_dropped: log.dropped };
}

function endpointReport(account: Account, page: EndpointAccount): Record<string, unknown> {
  const { endpoint, tally, gpus } = page;
  return {
    region: endpoint.region,
    models: endpoint.models,
    gpu: endpoint.gpu,
    concurrency: endpoint.concurrency,
    ...tally.toJson(),
    ...(endpoint.gpu === NO_GPU ? NO_GPU_USE : gpuUse(gpus, account.nowMs)),
    container_seconds: seconds(sum(gpus.total(account.nowMs))),
    cost_usd: costUsd(account, page),
  };
}

function gpuUse(gpus: GpuMeter, nowMs: number): Record<string, unknown> {
  const time = gpus.total(nowMs);
  return {
    gpus_now: gpus.now,
    gpus_peak: gpus.peak,
    gpu_seconds: seconds(sum(time)),
    gpu_seconds_by: {
      cold_start: seconds(time.coldStartS),
      busy: seconds(time.busyS),
      idle: seconds(time.idleS),
    },
  };
}

/** Of an endpoint whose containers have none. */
const NO_GPU_USE = {
  gpus_now: 0,
  gpus_peak: 0,
  gpu_seconds: 0,
  gpu_seconds_by: { cold_start: 0, busy: 0, idle: 0 },
};

/** Rule 28. @returns `null` where the GPU has no known price */
function costUsd({ configuration, nowMs }: Account, { endpoint, gpus }: EndpointAccount): number | null {
  const usdPerS = configuration.usd_per_s[endpoint.gpu] ?? USD_PER_S[endpoint.gpu];
  if (usdPerS === undefined) return null;
  return microDollars(sum(gpus.total(nowMs)) * usdPerS * endpoint.region_price_multiplier);
}

function totalCost(account: Account): number | null {
  let total = 0;
  for (const page of account.endpoints.values()) {
    const cost = costUsd(account, page);
    if (cost === null) return null;
    total += cost;
  }
  return microDollars(total);
}

function repeatedKeys(records: readonly CallRecord[]): { key: string; calls: number; call_ids: string[] }[] {
  const byKey = new Map<string, string[]>();
  for (const { key, callId } of records) {
    if (key === undefined) continue;
    const ids = byKey.get(key);
    if (ids === undefined) byKey.set(key, [callId]);
    else ids.push(callId);
  }
  return [...byKey]
    .filter(([, ids]) => ids.length > 1)
    .map(([key, ids]) => ({ key, calls: ids.length, call_ids: ids }));
}

function callJson(record: CallRecord): Record<string, unknown> {
  const { jobId, attempt } = splitKey(record.key);
  return {
    call_id: record.callId,
    endpoint: record.endpointId,
    kind: record.kind,
    model: record.model,
    key: record.key ?? null,
    job_id: jobId ?? null,
    attempt: attempt ?? null,
    received_at: timestamp(record.receivedWallMs),
    started_at: timestamp(record.startedWallMs),
    finished_at: timestamp(record.finishedWallMs),
    queued_s: duration(record.receivedMs, record.startedMs),
    execution_s: duration(record.startedMs, record.finishedMs),
    outcome: record.outcome ?? null,
    container_id: record.containerId ?? null,
    cold_start: record.coldStart,
    runs: record.runs,
    redirects_303: record.redirects,
    result_requests: record.resultRequests,
    polls: record.polls,
    spawn_repeats: record.spawnRepeats,
    hung_up: record.hungUp,
    faults: record.faultIds,
  };
}

/** Beacon's keys are `<job_id>:<attempt>`; anything else is a key without either. */
function splitKey(key: string | undefined): { jobId?: string; attempt?: number } {
  const match = /^(.+):(\d+)$/.exec(key ?? '');
  return match?.[1] === undefined ? {} : { jobId: match[1], attempt: Number(match[2]) };
}

function timestamp(wallMs: number | undefined): string | null {
  return wallMs === undefined ? null : new Date(wallMs).toISOString();
}

function duration(fromMs: number | undefined, toMs: number | undefined): number | null {
  return fromMs === undefined || toMs === undefined ? null : seconds((toMs - fromMs) / 1000);
}

function sum({ coldStartS, busyS, idleS }: GpuTime): number {
  return coldStartS + busyS + idleS;
}

function seconds(value: number): number {
  return Math.round(value * 1000) / 1000;
}

function microDollars(value: number): number {
  return Math.round(value * 1e6) / 1e6;
}
