import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Outcome, OutcomeResult } from '#contracts';
import {
  ATTEMPT_ERROR_CODES,
  FRESH_ENDPOINT,
  REGION_POLICIES,
  demandOf,
  isTerminal,
  laneOf,
  planAdmission,
  type Breaker,
  type Candidate,
  type EndpointView,
  type RegionPolicy,
} from '#domain';
import type { SettlingJob } from '#persistence';
import { settle, type SettlementPolicy } from '../engine/settlement.js';

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

const REGIONS = ['US', 'EU', 'ASIA'];
const MODELS = ['a', 'b'];
const BREAKERS: Breaker[] = ['closed', 'open', 'half_open'];
const POLICY: SettlementPolicy = {
  retries: { maxAttempts: 4, backoffMs: 10, backoffMaxMs: 100 },
  breaker: { failures: 2, openMs: 50, openMaxMs: 200 },
};
const TICK_MS = 20;

const region = fc.constantFrom(...REGIONS);
const standing = fc.record({
  paused: fc.boolean(),
  breaker: fc.constantFrom(...BREAKERS),
  warm: fc.boolean(),
  alive: fc.boolean(),
});
const endpoint = fc.record({
  region,
  models: fc.subarray(MODELS, { minLength: 1 }),
  concurrency: fc.integer({ min: 1, max: 3 }),
  workspace: fc.constantFrom('w1', 'w2'),
  standing,
});
const job = fc.record({
  region,
  model: fc.constantFrom(...MODELS),
  policy: fc.constantFrom<RegionPolicy>(...REGION_POLICIES, 'pin', 'pin'),
  maxAttempts: fc.integer({ min: 1, max: 6 }),
  // As an earlier lane may have left them: also the job's own region.
  avoidRegions: fc.subarray(REGIONS),
});
/** What happens between two looks of admission. */
const turn = fc.record({
  /** Endpoints that are well or ill from now on. */
  changes: fc.array(fc.tuple(fc.nat(7), standing), { maxLength: 2 }),
  /** How the calls in flight end, one after the other; null: it goes on. */
  ends: fc.array(
    fc.option(fc.oneof(fc.constantFrom(...ATTEMPT_ERROR_CODES), fc.record({ attested: region }))),
    {
      maxLength: 6,
    },
  ),
});

interface Job extends Mutable<SettlingJob> {
  lane: string;
  notBeforeMs: number;
  isRetry: boolean;
  assigned: { endpointId: string; region: string }[];
  answer: { region: string; substituted: boolean } | undefined;
}

/** Everything that is drawn, played with the decisions that the router itself makes. */
function play(drawn: {
  endpoints: {
    region: string;
    models: string[];
    concurrency: number;
    workspace: string;
    standing: Standing;
  }[];
  jobs: {
    region: string;
    model: string;
    policy: RegionPolicy;
    maxAttempts: number;
    avoidRegions: string[];
  }[];
  turns: { changes: [number, Standing][]; ends: (string | { attested: string } | null)[] }[];
  gpuLimit: number;
}): Job[] {
  let nowMs = 1_800_000_000_000;
  const views: Mutable<EndpointView>[] = drawn.endpoints.map((each, index) => ({
    spec: {
      ...{ id: `${each.region}-${index}`, region: each.region, workspace: each.workspace },
      ...{ models: each.models, concurrency: each.concurrency, scaledownWindowMs: 200 },
      ...{ hasHealthUrl: true, canRelease: false },
    },
    record: FRESH_ENDPOINT,
    leases: 0,
    dispatcherAlive: true,
  }));
  const stand = (
    view: Mutable<EndpointView> | undefined,
    { paused, breaker, warm, alive }: Standing,
  ): void => {
    if (view === undefined) return;
    const untilMs = warm ? nowMs + 1000 : 0;
    view.record = { ...view.record, paused, breaker, warmUntilMs: untilMs, gpuUntilMs: untilMs };
    view.dispatcherAlive = alive;
  };
  for (const [index, each] of drawn.endpoints.entries()) stand(views[index], each.standing);
  const jobs: Job[] = drawn.jobs.map(({ region: home, model, policy, maxAttempts, avoidRegions }, index) => ({
    id: `job-${index}`,
    state: 'queued',
    model,
    ...{ home_region: home, preferred_region: home, region_policy: policy },
    ...{ attempt: 0, epoch: 0, max_attempts: maxAttempts, avoid_regions: avoidRegions },
    ...{ created_at_ms: nowMs, started_at_ms: null, traceparent: null, slot_epoch: null, slot_started: null },
    lane: laneOf(
      policy,
      home,
      views.some(({ spec }) => spec.region === home && spec.models.includes(model)),
    ),
    ...{ notBeforeMs: 0, isRetry: false, assigned: [], answer: undefined },
  }));

  for (const { changes, ends } of drawn.turns) {
    for (const [index, to] of changes) stand(views[index % views.length], to);
    for (const { jobId, endpointId, region: to } of planAdmission(
      views,
      candidates(jobs, views, nowMs),
      drawn.gpuLimit,
      nowMs,
    )) {
      const admitted = jobs.find(({ id }) => id === jobId)!;
      const epoch = admitted.epoch + 1;
      Object.assign(admitted, {
        ...{
          state: 'processing',
          attempt: admitted.attempt + 1,
          epoch,
          slot_epoch: epoch,
          slot_started: true,
        },
        assigned: [...admitted.assigned, { endpointId, region: to }],
      });
      views.find(({ spec }) => spec.id === endpointId)!.leases += 1;
    }
    const inFlight = jobs.filter(({ slot_epoch: slot }) => slot !== null);
    for (const [index, end] of ends.entries()) {
      const ending = inFlight[index];
      if (ending !== undefined && end !== null) finish(ending, end, views, nowMs);
    }
    nowMs += TICK_MS;
  }
  return jobs;
}

type Standing = { paused: boolean; breaker: Breaker; warm: boolean; alive: boolean };

/** What the statement that reads candidates gives admission. */
function candidates(jobs: readonly Job[], views: readonly EndpointView[], nowMs: number): Candidate[] {
  const demands = demandOf(views, nowMs);
  return jobs
    .filter(({ state, notBeforeMs }) => (state === 'queued' || state === 'retrying') && notBeforeMs <= nowMs)
    .filter(({ lane, model }) => demands.some((demand) => demand.lane === lane && demand.model === model))
    .map(({ id, lane, model, isRetry, created_at_ms: orderKey, avoid_regions: avoidRegions }) => ({
      ...{ jobId: id, tenant: 'a', lane, model, isRetry, orderKey, avoidRegions },
    }));
}

function finish(
  ending: Job,
  end: string | { attested: string },
  views: Mutable<EndpointView>[],
  nowMs: number,
): void {
  const at = ending.assigned.at(-1)!;
  // A dispatcher checks what the endpoint attests. Here it does not: a wrong region goes on to the router.
  const result: OutcomeResult =
    typeof end === 'string'
      ? { kind: 'failed', code: end as (typeof ATTEMPT_ERROR_CODES)[number], detail: '' }
      : { kind: 'succeeded', response: 'because', model: ending.model, region: end.attested };
  const outcome: Outcome = {
    ...{ v: 1, job_id: ending.id, attempt: ending.attempt, epoch: ending.epoch, endpoint_id: at.endpointId },
    ...{ region: at.region, duration_ms: 1, reattached: false, result },
  };
  const settled = settle(outcome, ending, views, POLICY, nowMs, 0.5);
  const { lane, avoid_regions: avoid, not_before_ms: notBefore, result: answer } = settled!.settlement;
  const view = views.find(({ spec }) => spec.id === at.endpointId)!;
  view.leases -= 1;
  view.record = settled!.endpoint ?? view.record;
  for (const { endpointId, record } of settled!.neighbours)
    views.find(({ spec }) => spec.id === endpointId)!.record = record;
  Object.assign(ending, {
    ...{ state: settled!.to ?? ending.state, slot_epoch: null, slot_started: null, isRetry: true },
    ...{ lane: lane ?? ending.lane, avoid_regions: avoid ?? ending.avoid_regions },
    ...{ notBeforeMs: notBefore ?? 0, answer: answer ?? undefined },
  });
}

const world = fc.record({
  endpoints: fc.array(endpoint, { minLength: 1, maxLength: 8 }),
  jobs: fc.array(job, { minLength: 1, maxLength: 10 }),
  turns: fc.array(turn, { minLength: 5, maxLength: 40 }),
  gpuLimit: fc.integer({ min: 1, max: 8 }),
});

describe('whatever endpoints, breakers, dispatchers and answers do', () => {
  it('a pinned job is only ever given to endpoints of its region, and one that is not pinned to others as well', () => {
    const seen = { pinned: 0, pinnedAgain: 0, elsewhere: 0 };
    fc.assert(
      fc.property(world, (drawn) => {
        for (const { region_policy: policy, home_region: home, assigned } of play(drawn)) {
          const regions = assigned.map((each) => each.region);
          for (const { endpointId, region: to } of assigned)
            expect(endpointId.startsWith(`${to}-`)).toBe(true);
          if (policy === 'pin') {
            expect(regions.filter((to) => to !== home)).toEqual([]);
            seen.pinned += assigned.length;
            if (assigned.length > 1) seen.pinnedAgain += 1;
          } else if (policy === 'prefer') {
            seen.elsewhere += regions.filter((to) => to !== home).length;
          }
        }
      }),
      { numRuns: 1000 },
    );
    // The control: there was something to hold.
    expect(Math.min(...Object.values(seen))).toBeGreaterThan(50);
  });

  it('an answer of another region is marked as a substitute, also where its endpoint is of the right one', () => {
    const seen = { own: 0, substituted: 0 };
    fc.assert(
      fc.property(world, (drawn) => {
        for (const { state, home_region: home, answer } of play(drawn)) {
          expect(answer !== undefined).toBe(state === 'completed');
          if (answer === undefined) continue;
          expect(answer.substituted).toBe(answer.region !== home);
          seen[answer.substituted ? 'substituted' : 'own'] += 1;
        }
      }),
      { numRuns: 500 },
    );
    expect(Math.min(...Object.values(seen))).toBeGreaterThan(50);
  });

  it('a job that is over is never given to an endpoint again', () => {
    fc.assert(
      fc.property(world, (drawn) => {
        for (const { state, attempt, max_attempts: most, assigned } of play(drawn)) {
          expect(attempt).toBeLessThanOrEqual(most);
          expect(assigned).toHaveLength(attempt);
          if (isTerminal(state)) expect(attempt).toBeGreaterThan(0);
        }
      }),
      { numRuns: 200 },
    );
  });
});
