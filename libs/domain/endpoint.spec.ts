import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  FRESH_ENDPOINT,
  afterCancellation,
  afterFailure,
  afterProbe,
  afterSuccess,
  afterWorkspaceFailure,
  capacityOf,
  endpointState,
  holdsGpu,
  type BreakerPolicy,
  type EndpointRecord,
  type EndpointSpec,
  type EndpointView,
} from './endpoint.js';
import { ATTEMPT_ERROR_CODES, traitsOf } from './errors.js';

const NOW_MS = 1_000_000;
const spec: EndpointSpec = {
  id: 'a',
  region: 'US',
  workspace: 'w',
  models: ['m'],
  concurrency: 2,
  scaledownWindowMs: 5000,
  hasHealthUrl: true,
  canRelease: false,
};
const policy: BreakerPolicy = { failures: 2, openMs: 100, openMaxMs: 1000 };
const view = (record: Partial<EndpointRecord>, leases = 0, dispatcherAlive = true): EndpointView => ({
  spec,
  record: { ...FRESH_ENDPOINT, ...record },
  leases,
  dispatcherAlive,
});
const warm = { warmUntilMs: NOW_MS + 1 };

describe('the state of an endpoint', () => {
  it.each<[string, EndpointView, string, { start: number; stage: number }]>([
    ['cold: gets one pilot', view({}), 'cold', { start: 1, stage: 0 }],
    ['warming: the rest wait for the pilot', view({}, 1), 'warming', { start: 0, stage: 0 }],
    ['warm: its concurrency and one staged', view(warm), 'warm', { start: 2, stage: 1 }],
    ['warm and busy: one staged', view(warm, 2), 'warm', { start: 0, stage: 1 }],
    ['warm and full', view(warm, 3), 'warm', { start: 0, stage: 0 }],
    ['paused', view({ ...warm, paused: true }), 'paused', { start: 0, stage: 0 }],
    ['paused with calls in flight', view({ ...warm, paused: true }, 1), 'draining', { start: 0, stage: 0 }],
    ['open breaker', view({ ...warm, breaker: 'open' }), 'down', { start: 0, stage: 0 }],
    ['half-open: one probe', view({ ...warm, breaker: 'half_open' }), 'down', { start: 1, stage: 0 }],
    ['half-open while probed', view({ breaker: 'half_open' }, 1), 'down', { start: 0, stage: 0 }],
    ['no dispatcher', view(warm, 0, false), 'down', { start: 0, stage: 0 }],
  ])('%s', (_title, endpoint, state, capacity) => {
    expect(endpointState(endpoint, NOW_MS)).toBe(state);
    expect(capacityOf(endpoint, NOW_MS)).toEqual(capacity);
  });
});

describe('the breaker', () => {
  it('opens after consecutive failures of the endpoint, and a success closes it', () => {
    const once = afterFailure(FRESH_ENDPOINT, spec, 'UPSTREAM_ERROR', policy, NOW_MS);
    expect(once.breaker).toBe('closed');
    const twice = afterFailure(once, spec, 'UPSTREAM_ERROR', policy, NOW_MS);
    expect(twice).toMatchObject({ breaker: 'open', opens: 1, openUntilMs: NOW_MS + 100 });
    expect(afterSuccess(twice, spec, NOW_MS)).toMatchObject({
      breaker: 'closed',
      opens: 0,
      consecutiveFailures: 0,
    });
  });

  it.each(ATTEMPT_ERROR_CODES.filter((code) => traitsOf(code).conclusive === true))(
    'opens at once after %s, which no second call would tell better',
    (code) => {
      expect(afterFailure(FRESH_ENDPOINT, spec, code, policy, NOW_MS)).toMatchObject({
        breaker: 'open',
        opens: 1,
        lastErrorCode: code,
      });
    },
  );

  it('is not moved by a pilot that runs out of time: cold is not down', () => {
    let record: EndpointRecord = FRESH_ENDPOINT;
    for (let count = 0; count < 5; count += 1)
      record = afterFailure(record, spec, 'EXECUTION_TIMEOUT', policy, NOW_MS);
    expect(record).toMatchObject({ breaker: 'closed', consecutiveFailures: 0 });
    const busy: EndpointRecord = { ...FRESH_ENDPOINT, warmUntilMs: NOW_MS + 5000 };
    const once = afterFailure(busy, spec, 'EXECUTION_TIMEOUT', policy, NOW_MS);
    expect(once.consecutiveFailures).toBe(1);
  });

  it('waits longest at once for what lasts, where only a call can find out whether it is over', () => {
    const blind = { ...spec, hasHealthUrl: false };
    const pauseAfter = (code: 'SPEND_LIMIT_REACHED' | 'UPSTREAM_ERROR', of: EndpointSpec): number =>
      afterFailure({ ...FRESH_ENDPOINT, consecutiveFailures: 1 }, of, code, policy, NOW_MS).openUntilMs -
      NOW_MS;
    expect(pauseAfter('SPEND_LIMIT_REACHED', blind)).toBe(policy.openMaxMs);
    expect(pauseAfter('SPEND_LIMIT_REACHED', spec)).toBe(policy.openMs);
    expect(pauseAfter('UPSTREAM_ERROR', blind)).toBe(policy.openMs);
  });

  it('asks again soon where a probe has not answered yet, and pauses no longer for it', () => {
    const open: EndpointRecord = { ...FRESH_ENDPOINT, breaker: 'open', opens: 4 };
    expect(afterProbe(open, 'pending', policy, NOW_MS)).toEqual({ ...open, openUntilMs: NOW_MS + 100 });
  });

  it('opens with the workspace, and says why; the containers stay as they are', () => {
    const busy: EndpointRecord = { ...FRESH_ENDPOINT, warmUntilMs: NOW_MS + 5, gpuUntilMs: NOW_MS + 7 };
    expect(afterWorkspaceFailure(busy, spec, 'WORKSPACE_DISABLED', policy, NOW_MS)).toEqual({
      ...busy,
      breaker: 'open',
      opens: 1,
      openUntilMs: NOW_MS + 100,
      lastErrorCode: 'WORKSPACE_DISABLED',
    });
    const open: EndpointRecord = { ...busy, breaker: 'open', opens: 4 };
    expect(afterWorkspaceFailure(open, spec, 'WORKSPACE_DISABLED', policy, NOW_MS)).toBe(open);
  });

  it('forgets failures that a success came between', () => {
    const once = afterFailure(FRESH_ENDPOINT, spec, 'UPSTREAM_ERROR', policy, NOW_MS);
    const again = afterFailure(afterSuccess(once, spec, NOW_MS), spec, 'UPSTREAM_ERROR', policy, NOW_MS);
    expect(again.breaker).toBe('closed');
  });

  it.each(ATTEMPT_ERROR_CODES.filter((code) => ['request', 'call'].includes(traitsOf(code).scope)))(
    'is not moved by %s, which says nothing about the endpoint',
    (code) => {
      let record: EndpointRecord = FRESH_ENDPOINT;
      for (let count = 0; count < 5; count += 1) record = afterFailure(record, spec, code, policy, NOW_MS);
      expect(record).toMatchObject({ breaker: 'closed', consecutiveFailures: 0 });
    },
  );

  it('waits twice as long after every failed probe, up to its limit', () => {
    let record: EndpointRecord = { ...FRESH_ENDPOINT, breaker: 'open', opens: 1 };
    const pauses: number[] = [];
    for (let count = 0; count < 5; count += 1) {
      record = afterProbe(record, 'ill', policy, NOW_MS);
      pauses.push(record.openUntilMs - NOW_MS);
    }
    expect(pauses).toEqual([200, 400, 800, 1000, 1000]);
  });

  it('lets one call try after a healthy probe, and opens again if that fails', () => {
    const open: EndpointRecord = { ...FRESH_ENDPOINT, breaker: 'open', opens: 1, consecutiveFailures: 2 };
    const halfOpen = afterProbe(open, 'well', policy, NOW_MS);
    expect(halfOpen.breaker).toBe('half_open');
    expect(afterFailure(halfOpen, spec, 'UPSTREAM_ERROR', policy, NOW_MS)).toMatchObject({
      breaker: 'open',
      opens: 2,
    });
    expect(afterSuccess(halfOpen, spec, NOW_MS).breaker).toBe('closed');
  });

  it('pauses once for one outage, however many calls were in flight when it opened', () => {
    const twice = ['UPSTREAM_ERROR', 'CONNECTION_LOST'] as const;
    const open = twice.reduce<EndpointRecord>(
      (record, code) => afterFailure(record, spec, code, policy, NOW_MS),
      FRESH_ENDPOINT,
    );
    const late = afterFailure(open, spec, 'CONNECTION_LOST', policy, NOW_MS + 50);
    expect(late).toMatchObject({ breaker: 'open', opens: 1, openUntilMs: NOW_MS + 100 });
  });

  it('ignores a probe that comes when it is no longer open', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('closed' as const, 'half_open' as const),
        fc.constantFrom('well' as const, 'ill' as const, 'pending' as const),
        (breaker, health) => {
          const record = { ...FRESH_ENDPOINT, breaker };
          expect(afterProbe(record, health, policy, NOW_MS)).toBe(record);
        },
      ),
    );
  });
});

describe('the GPU of an endpoint', () => {
  it.each<[string, EndpointRecord, boolean]>([
    ['is held for the scale-down window after an answer', afterSuccess(FRESH_ENDPOINT, spec, NOW_MS), true],
    [
      'is held after a pilot that failed: its container idles',
      afterFailure(FRESH_ENDPOINT, spec, 'EXECUTION_TIMEOUT', policy, NOW_MS),
      true,
    ],
    ['is held after a cancelled pilot', afterCancellation(FRESH_ENDPOINT, spec, NOW_MS), true],
    [
      'is not held by a call that found nobody there',
      afterFailure(FRESH_ENDPOINT, spec, 'ENDPOINT_UNREACHABLE', policy, NOW_MS),
      false,
    ],
    [
      'is not held by a refusal at the door',
      afterFailure(FRESH_ENDPOINT, spec, 'RATE_LIMITED', policy, NOW_MS),
      false,
    ],
  ])('%s', (_title, record, held) => {
    expect(holdsGpu(view(record), NOW_MS)).toBe(held);
    expect(holdsGpu(view(record), NOW_MS + spec.scaledownWindowMs)).toBe(false);
  });

  it('is not held beyond the window because a cancelled call might have taken long', () => {
    const admitted = { ...FRESH_ENDPOINT, warmUntilMs: NOW_MS + 86_400_000, gpuUntilMs: NOW_MS };
    const cancelled = afterCancellation(admitted, spec, NOW_MS);
    expect(endpointState(view(cancelled), NOW_MS + spec.scaledownWindowMs)).toBe('cold');
  });

  it('is always counted while a slot is leased', () => {
    expect(holdsGpu(view({}, 1), NOW_MS)).toBe(true);
  });
});
