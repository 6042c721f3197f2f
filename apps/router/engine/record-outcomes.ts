import type { Outcome } from '#contracts';
import {
  ATTEMPT_ERROR_CODES,
  POISON_LETTERS,
  blamesPayload,
  traitsOf,
  type AttemptErrorCode,
  type EndpointView,
} from '#domain';
import type { JsMsg } from '#messaging';
import {
  addExecutionTimes,
  keepStrayOutcomes,
  lockSettlingJobs,
  markPoison,
  readEarlierFailures,
  settleJobs,
  type ExecutionSample,
  type NewLedgerEntry,
  type Queryable,
} from '#persistence';
import type { LedgerPricing } from '../ledger/ledger-pricing.js';
import { CallsOfCycle, type EndpointThen } from '../ledger/record-calls.js';
import type { EndpointBook } from './endpoint-book.js';
import { settle, type Settled, type SettlementPolicy } from './settlement.js';

/** An outcome and what to do once it is recorded. */
export interface ReceivedOutcome {
  readonly outcome: Outcome;
  /** Absent for outcomes the router itself concludes, e.g. of a lost attempt. */
  readonly message?: JsMsg;
}

export interface RecordedOutcomes {
  readonly settled: readonly { readonly settled: Settled; readonly outcome: Outcome }[];
  /** They changed nothing. */
  readonly strays: readonly Outcome[];
  readonly entries: readonly NewLedgerEntry[];
}

const PAYLOAD_CODES = ATTEMPT_ERROR_CODES.filter(blamesPayload);

/** Settles jobs, frees their slots, and books what their calls cost. @param random in [0, 1), for each outcome anew */
export async function recordOutcomes(
  client: Queryable,
  received: readonly ReceivedOutcome[],
  book: EndpointBook,
  rules: {
    readonly policy: SettlementPolicy;
    readonly pricing: LedgerPricing;
    readonly random: () => number;
    readonly nowMs: number;
  },
): Promise<RecordedOutcomes> {
  if (received.length === 0) return { settled: [], strays: [], entries: [] };
  const { policy, pricing, random, nowMs } = rules;
  const settled: { settled: Settled; outcome: Outcome }[] = [];
  const strays: Outcome[] = [];
  const jobs = await lockSettlingJobs(client, [...new Set(received.map(({ outcome }) => outcome.job_id))]);
  const earlier = await earlierFailures(client, received);
  const calls = await CallsOfCycle.read(
    client,
    received.map(({ outcome }) => outcome),
    pricing,
  );
  const seen = new Set<string>();
  for (const { outcome, message } of received) {
    const views = book.views();
    const next = seen.has(outcome.job_id)
      ? undefined
      : settle(
          outcome,
          jobs.get(outcome.job_id),
          views,
          policy,
          nowMs,
          random(),
          outcome.result.kind === 'failed' && earlier.has(`${outcome.job_id}:${outcome.result.code}`),
        );
    const then = endpointThen(views, outcome.endpoint_id);
    if (next === undefined) {
      // What this router concluded by itself cost nothing.
      if (message === undefined) continue;
      calls.note(outcome, undefined, then, nowMs);
      // One that tells of earlier calls alone is no second outcome.
      if (outcome.calls?.id !== null) strays.push(outcome);
      continue;
    }
    calls.note(outcome, { isAccepted: next.to === 'completed' }, then, nowMs);
    // Its slot is freed: nothing else that arrived with this can be what it waits for.
    seen.add(outcome.job_id);
    settled.push({ settled: next, outcome });
    book.freeSlot(outcome.endpoint_id, next.endpoint);
    for (const { endpointId, record } of next.neighbours) book.change(endpointId, record);
  }
  if (settled.length > 0)
    await settleJobs(
      client,
      settled.map((entry) => entry.settled.settlement),
    );
  await notePoison(client, settled);
  const samples = settled.flatMap(({ settled: { job }, outcome }) => sampleOf(job.model, outcome));
  if (samples.length > 0) await addExecutionTimes(client, samples);
  if (strays.length > 0) await keepStrayOutcomes(client, strays.map(strayOf));
  return { settled, strays, entries: await calls.write(client) };
}

/** Read only where a code is met that a job survives once. */
async function earlierFailures(
  client: Queryable,
  received: readonly ReceivedOutcome[],
): Promise<ReadonlySet<string>> {
  const jobIds = new Set<string>();
  const codes = new Set<AttemptErrorCode>();
  for (const { outcome } of received) {
    if (outcome.result.kind !== 'failed' || traitsOf(outcome.result.code).once !== true) continue;
    jobIds.add(outcome.job_id);
    codes.add(outcome.result.code);
  }
  return jobIds.size === 0 ? new Set() : readEarlierFailures(client, [...jobIds], [...codes]);
}

/** What has just failed for good may be the latest of many like it. */
async function notePoison(
  client: Queryable,
  settled: readonly { readonly settled: Settled }[],
): Promise<void> {
  const buried = settled.flatMap(({ settled: { settlement } }) =>
    settlement.dead_letter && settlement.error_code !== null && blamesPayload(settlement.error_code)
      ? [settlement.job_id]
      : [],
  );
  if (buried.length > 0) await markPoison(client, buried, PAYLOAD_CODES, POISON_LETTERS);
}

function endpointThen(views: readonly EndpointView[], endpointId: string): EndpointThen {
  const view = views.find(({ spec }) => spec.id === endpointId);
  return { gpuUntilMs: view?.record.gpuUntilMs ?? 0, windowMs: view?.spec.scaledownWindowMs ?? 0 };
}

function sampleOf(model: string, { result, region, duration_ms }: Outcome): ExecutionSample[] {
  if (result.kind !== 'succeeded') return [];
  return [{ region, model, cold: result.cold_start === true, executionMs: duration_ms }];
}

function strayOf({ job_id, attempt, epoch, endpoint_id, result, duration_ms }: Outcome) {
  return {
    job_id,
    attempt,
    epoch,
    endpoint_id,
    kind: result.kind,
    error_code: result.kind === 'failed' ? result.code : null,
    duration_ms: Math.round(duration_ms),
  };
}
