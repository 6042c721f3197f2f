import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Outcome, OutcomeResult } from '#contracts';
import {
  ATTEMPT_ERROR_CODES,
  FRESH_ENDPOINT,
  JOB_STATES,
  REGION_POLICIES,
  isTerminal,
  type EndpointRecord,
  type EndpointView,
  type JobState,
} from '#domain';
import type { SettlingJob } from '#persistence';
import { settle, type Settled, type SettlementPolicy } from './settlement.js';

const NOW_MS = 1_800_000_000_000;
const JOB_ID = '3f0e4dd0-6d2c-4b57-a0d5-0f8a8f4b2d10';
const POLICY: SettlementPolicy = {
  retries: { maxAttempts: 4, backoffMs: 2000, backoffMaxMs: 30_000 },
  breaker: { failures: 2, openMs: 2000, openMaxMs: 60_000 },
};

const SUCCEEDED: OutcomeResult = { kind: 'succeeded', response: 'because', model: 'm', region: 'US' };
const FAILED: OutcomeResult = {
  kind: 'failed',
  code: 'UPSTREAM_ERROR',
  detail: 'answered 500',
  http_status: 500,
};
const CANCELLED: OutcomeResult = { kind: 'cancelled' };

function anOutcome(result: OutcomeResult, changes: Partial<Outcome> = {}): Outcome {
  return {
    v: 1,
    job_id: JOB_ID,
    attempt: 1,
    epoch: 1,
    endpoint_id: 'us-m',
    region: 'US',
    duration_ms: 1234.5,
    reattached: false,
    result,
    ...changes,
  };
}

function aJob(changes: Partial<SettlingJob> = {}): SettlingJob {
  return {
    id: JOB_ID,
    state: 'processing',
    model: 'm',
    home_region: 'US',
    preferred_region: 'US',
    region_policy: 'prefer',
    attempt: 1,
    epoch: 1,
    max_attempts: 4,
    avoid_regions: [],
    created_at_ms: NOW_MS - 10_000,
    started_at_ms: NOW_MS - 2000,
    traceparent: null,
    ...{ slot_epoch: 1, slot_started: true },
    ...changes,
  };
}

function anEndpoint(region: string, record: Partial<EndpointRecord> = {}, workspace = 'w'): EndpointView {
  const id = `${region.toLowerCase()}-m`;
  return {
    spec: {
      id,
      region,
      workspace,
      models: ['m'],
      concurrency: 1,
      scaledownWindowMs: 60_000,
      hasHealthUrl: true,
      canRelease: false,
    },
    record: { ...FRESH_ENDPOINT, ...record },
    leases: 1,
    dispatcherAlive: true,
  };
}

const US_ALONE = [anEndpoint('US')];
const US_AND_EU = [anEndpoint('US'), anEndpoint('EU')];

function settled(
  result: OutcomeResult,
  job: Partial<SettlingJob> = {},
  endpoints: readonly EndpointView[] = US_ALONE,
  jitter = 0.5,
): Settled {
  const found = settle(anOutcome(result), aJob(job), endpoints, POLICY, NOW_MS, jitter);
  if (found === undefined) throw new Error('the outcome is stray');
  return found;
}

describe('an outcome', () => {
  /** State that follows, by the job's state and the outcome; `null`: the job stays as it is. */
  const FOLLOWS: Readonly<
    Record<JobState, readonly [succeeded: unknown, failed: unknown, cancelled: unknown]>
  > = {
    // Tickets are out in the next three alone; in the others a slot may only be left over.
    dispatched: ['completed', 'retrying', 'retrying'],
    processing: ['completed', 'retrying', 'retrying'],
    cancelling: ['completed', 'cancelled', 'cancelled'],
    queued: [null, null, null],
    retrying: [null, null, null],
    completed: [null, null, null],
    failed: [null, null, null],
    cancelled: [null, null, null],
    expired: [null, null, null],
  };

  describe.each(JOB_STATES)('for a job that is %s', (state) => {
    it.each([
      ['a success', SUCCEEDED, 0],
      ['a failure', FAILED, 1],
      ['a cancelled call', CANCELLED, 2],
    ] as const)('that is %s leads where the arrows do', (_title, result, column) => {
      const follows = FOLLOWS[state][column];
      const { settlement, from, to } = settled(result, { state });
      expect({ from, to: to ?? null, written: settlement.state }).toEqual({
        from: state,
        to: follows,
        written: follows,
      });
      expect(settlement.is_final).toBe(follows !== null && follows !== 'retrying');
      if (follows !== 'completed') expect(settlement.result).toBeNull();
    });
  });

  it.each<[string, Partial<SettlingJob> | undefined, Partial<Outcome>]>([
    ['there is no such job', undefined, {}],
    ['its ticket was issued again, and begun', { epoch: 2, slot_epoch: 2 }, {}],
    ['another attempt has its slot', { epoch: 2, slot_epoch: 2, slot_started: false, attempt: 2 }, {}],
    ['its slot is gone: it was recorded before', { slot_epoch: null }, {}],
    ['its slot has moved on', { slot_epoch: 2 }, {}],
    ['it comes from a later ticket than any', {}, { epoch: 7 }],
  ])('is stray where %s', (_title, job, outcome) => {
    for (const result of [SUCCEEDED, FAILED, CANCELLED]) {
      const found = job === undefined ? undefined : aJob(job);
      expect(settle(anOutcome(result, outcome), found, US_ALONE, POLICY, NOW_MS, 0)).toBeUndefined();
    }
  });

  it('of an earlier ticket is taken as long as nobody has begun on the new one: that spares a second call', () => {
    const job = { epoch: 2, slot_epoch: 2, slot_started: false };
    const { settlement, to } = settled(SUCCEEDED, job);
    expect({ to, epoch: settlement.epoch }).toEqual({ to: 'completed', epoch: 2 });
    // A failure is not worth it: the new ticket is the next try.
    expect(settle(anOutcome(FAILED), aJob(job), US_ALONE, POLICY, NOW_MS, 0.5)).toBeUndefined();
  });

  it('always closes its attempt and names its slot by epoch', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...JOB_STATES),
        fc.constantFrom(SUCCEEDED, FAILED, CANCELLED),
        fc.integer({ min: 1, max: 5 }),
        fc.constantFrom(...REGION_POLICIES),
        (state, result, attempt, policy) => {
          const { settlement, from, to } = settled(
            result,
            { state, attempt, region_policy: policy },
            US_AND_EU,
          );
          expect(settlement).toMatchObject({ job_id: JOB_ID, epoch: 1, execution_ms: 1235 });
          expect(['succeeded', 'failed', 'cancelled', 'lost']).toContain(settlement.attempt_status);
          expect(isTerminal(from) ? to : undefined).toBeUndefined();
        },
      ),
    );
  });
});

describe('a success', () => {
  it('is stored with what was attested, and not the answer twice', () => {
    const { settlement } = settled({
      ...SUCCEEDED,
      inference_time_s: 1.5,
      tokens_generated: 8,
      gpu: 'T4',
      cold_start: true,
      upstream_call_id: 'fc-1',
    });
    expect(settlement).toMatchObject({
      state: 'completed',
      attempt_status: 'succeeded',
      attempt_error_code: null,
      error_code: null,
      http_status: 200,
      cold_start: true,
      result: {
        response: 'because',
        region: 'US',
        endpoint_id: 'us-m',
        substituted: false,
        inference_time_s: 1.5,
        tokens_generated: 8,
      },
    });
    expect(settlement.attested).toEqual({
      model: 'm',
      region: 'US',
      inference_time_s: 1.5,
      tokens_generated: 8,
      gpu: 'T4',
      cold_start: true,
      upstream_call_id: 'fc-1',
    });
  });

  it.each([
    ['another region than the preferred one', 'EU', true],
    ['the preferred region', 'US', false],
    ['any region where none was preferred', null, false],
  ])('in %s is marked as it is', (_title, preferred, substituted) => {
    const { settlement } = settled(SUCCEEDED, { preferred_region: preferred });
    expect(settlement.result).toMatchObject({ region: 'US', substituted });
  });

  it('closes the breaker and keeps the endpoint warm for its window', () => {
    const ill = anEndpoint('US', { breaker: 'half_open', consecutiveFailures: 3, opens: 2 });
    expect(settled(SUCCEEDED, {}, [ill]).endpoint).toMatchObject({
      breaker: 'closed',
      consecutiveFailures: 0,
      warmUntilMs: NOW_MS + 60_000,
    });
  });

  it('while the job is being cancelled is kept: it exists and was paid for', () => {
    const { settlement, to } = settled(SUCCEEDED, { state: 'cancelling' });
    expect(to).toBe('completed');
    expect(settlement.result).toMatchObject({ response: 'because' });
  });

  it('of a job that has ended closes the attempt and changes no result', () => {
    const { settlement } = settled(SUCCEEDED, { state: 'expired' });
    expect(settlement).toMatchObject({
      state: null,
      result: null,
      attempt_status: 'succeeded',
      is_final: false,
    });
  });
});

describe('a failure', () => {
  it('fails over at once where another region is well', () => {
    const { settlement, plan } = settled(FAILED, {}, US_AND_EU);
    expect(plan).toEqual({ kind: 'failover', avoidRegions: ['US'], notBeforeMs: NOW_MS });
    expect(settlement).toMatchObject({
      state: 'retrying',
      lane: 'any',
      avoid_regions: ['US'],
      not_before_ms: NOW_MS,
      attempt_status: 'failed',
      attempt_error_code: 'UPSTREAM_ERROR',
      error_code: 'UPSTREAM_ERROR',
      error_detail: 'answered 500',
      http_status: 500,
      dead_letter: false,
    });
  });

  it.each<[string, Partial<SettlingJob>, readonly EndpointView[]]>([
    ['of a pinned job', { region_policy: 'pin' }, US_AND_EU],
    ['where no other region serves the model', {}, US_ALONE],
    ['where the other region is down', {}, [anEndpoint('US'), anEndpoint('EU', { breaker: 'open' })]],
    ['where the other region is paused', {}, [anEndpoint('US'), anEndpoint('EU', { paused: true })]],
  ])('%s is tried again there after its backoff', (_title, job, endpoints) => {
    const { settlement, plan } = settled(FAILED, job, endpoints);
    expect(plan).toEqual({ kind: 'retry', notBeforeMs: NOW_MS + 1000 });
    expect(settlement).toMatchObject({
      state: 'retrying',
      lane: null,
      avoid_regions: [],
      not_before_ms: NOW_MS + 1000,
      dead_letter: false,
    });
  });

  it('waits as long as the endpoint asks', () => {
    const limited: OutcomeResult = { kind: 'failed', code: 'RATE_LIMITED', detail: '', retry_after_ms: 9000 };
    expect(settled(limited).settlement.not_before_ms).toBe(NOW_MS + 9000);
  });

  it.each<[string, Partial<SettlingJob>, OutcomeResult]>([
    ['of the last attempt', { attempt: 4 }, FAILED],
    ['that no other attempt would mend', {}, { kind: 'failed', code: 'MODEL_ERROR', detail: 'x' }],
  ])('%s is a dead letter', (_title, job, result) => {
    const { settlement, plan, to } = settled(result, job, US_AND_EU);
    expect(plan).toMatchObject({ kind: 'deadLetter' });
    expect(to).toBe('failed');
    expect(settlement).toMatchObject({
      state: 'failed',
      is_final: true,
      dead_letter: true,
      not_before_ms: null,
    });
  });

  it.each([1, 4])('of attempt %d while the job is being cancelled plans nothing more', (attempt) => {
    const { settlement, plan } = settled(FAILED, { state: 'cancelling', attempt }, US_AND_EU);
    expect(plan).toBeUndefined();
    expect(settlement).toMatchObject({ state: 'cancelled', is_final: true, dead_letter: false });
  });

  it('counts towards its endpoint, which may open its breaker', () => {
    const ill = anEndpoint('US', { consecutiveFailures: 1 });
    expect(settled(FAILED, {}, [ill]).endpoint).toMatchObject({
      breaker: 'open',
      lastErrorCode: 'UPSTREAM_ERROR',
    });
  });

  it('of an endpoint that left the configuration is recorded all the same', () => {
    const { endpoint, settlement } = settled(FAILED, {}, [anEndpoint('EU')]);
    expect(endpoint).toBeUndefined();
    expect(settlement).toMatchObject({ state: 'retrying', lane: 'any' });
  });

  it('of whatever code leads to a retry with a time or to a dead letter with a reason', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...ATTEMPT_ERROR_CODES),
        fc.integer({ min: 1, max: 5 }),
        fc.constantFrom(...REGION_POLICIES),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (code, attempt, region_policy, jitter) => {
          const result: OutcomeResult = { kind: 'failed', code, detail: 'x' };
          const { settlement } = settled(result, { attempt, region_policy }, US_AND_EU, jitter);
          expect(settlement.error_code).toBe(code);
          expect(settlement.attempt_status).toBe(code === 'ATTEMPT_LOST' ? 'lost' : 'failed');
          if (settlement.state === 'retrying') {
            expect(settlement.not_before_ms).toBeGreaterThanOrEqual(NOW_MS);
            expect(attempt).toBeLessThan(4);
          } else expect(settlement).toMatchObject({ state: 'failed', dead_letter: true });
        },
      ),
    );
  });
});

describe('a failure of the whole workspace', () => {
  const SPENT: OutcomeResult = { kind: 'failed', code: 'SPEND_LIMIT_REACHED', detail: 'x', http_status: 429 };
  const OUTSIDE = anEndpoint('ASIA', {}, 'elsewhere');

  it('caller rule 10: opens every breaker of the workspace at once, and none outside', () => {
    const { endpoint, neighbours } = settled(SPENT, {}, [...US_AND_EU, OUTSIDE]);
    expect(endpoint).toMatchObject({ breaker: 'open', lastErrorCode: 'SPEND_LIMIT_REACHED' });
    expect(neighbours.map(({ endpointId, record }) => [endpointId, record.breaker])).toEqual([
      ['eu-m', 'open'],
    ]);
  });

  it('caller rule 10: fails over outside the workspace, and otherwise waits where it is', () => {
    expect(settled(SPENT, {}, [...US_AND_EU, OUTSIDE]).plan).toEqual({
      kind: 'failover',
      avoidRegions: ['US', 'EU'],
      notBeforeMs: NOW_MS,
    });
    expect(settled(SPENT, {}, US_AND_EU).plan).toMatchObject({ kind: 'retry' });
  });

  it('leaves a neighbour alone whose breaker is open already', () => {
    const open = anEndpoint('EU', { breaker: 'open', opens: 3, openUntilMs: NOW_MS + 5 });
    expect(settled(SPENT, {}, [anEndpoint('US'), open]).neighbours).toEqual([]);
  });

  it('is not what rejected credentials are: other endpoints may take them', () => {
    const rejected: OutcomeResult = { kind: 'failed', code: 'ENDPOINT_CREDENTIALS_REJECTED', detail: 'x' };
    const { endpoint, neighbours, plan } = settled(rejected, {}, US_AND_EU);
    expect(endpoint).toMatchObject({ breaker: 'open' });
    expect({ neighbours, plan }).toEqual({
      neighbours: [],
      plan: { kind: 'deadLetter', code: 'ENDPOINT_CREDENTIALS_REJECTED' },
    });
  });
});

describe('a cancelled call', () => {
  it('ends the job that was to be cancelled', () => {
    const { settlement, to } = settled(CANCELLED, { state: 'cancelling' });
    expect(to).toBe('cancelled');
    expect(settlement).toMatchObject({
      is_final: true,
      error_code: null,
      attempt_status: 'cancelled',
      attempt_error_code: 'CALL_CANCELLED',
    });
  });

  it('of a job that nobody cancelled counts as lost, and the job goes on', () => {
    const { settlement, plan } = settled(CANCELLED, { state: 'processing' }, US_AND_EU);
    expect(plan).toMatchObject({ kind: 'failover' });
    expect(settlement).toMatchObject({
      state: 'retrying',
      attempt_status: 'lost',
      attempt_error_code: 'ATTEMPT_LOST',
    });
  });

  it('says nothing against its endpoint, whose container idles from now on', () => {
    const busy = anEndpoint('US', { consecutiveFailures: 1, warmUntilMs: NOW_MS + 86_400_000 });
    expect(settled(CANCELLED, { state: 'cancelling' }, [busy]).endpoint).toMatchObject({
      breaker: 'closed',
      consecutiveFailures: 1,
      warmUntilMs: NOW_MS + 60_000,
      gpuUntilMs: NOW_MS + 60_000,
    });
  });
});
