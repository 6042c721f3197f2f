import { describe, expect, it } from '@jest/globals';
import {
  endpointReasons,
  ordersFor,
  regionViews,
  undoableChanges,
  type EndpointStatus,
} from './queue-view.js';

const control = { change_id: 7, reason: 'slow', by: 'bk_1', since: '2026-12-01T00:00:00Z', until: null };
const queue = {
  ...{ queue_size: 2, retry_queue_size: 1, processing: true, in_flight: 1, completed: 5, failed: 1 },
  ...{
    cancelled: 0,
    expired: 0,
    oldest_wait_seconds: 3,
    dispatcher_alive: true,
    wait_reason: 'no GPU is free',
  },
  models: {},
};
const endpoint = (changes: Partial<EndpointStatus> = {}): EndpointStatus => ({
  ...{ id: 'us-m', region: 'US', models: ['m'], state: 'cold', concurrency: 1, slots_in_use: 0 },
  ...{ holds_gpu: false, consecutive_failures: 0, last_error_code: null, paused: [] },
  ...changes,
});

describe('queues as they are shown', () => {
  it('are the same of both faces, as far as the caller is told', () => {
    const [operator] = regionViews({
      regions: { US: { ...queue, paused: control, endpoints: [endpoint()] } },
    });
    expect(operator).toMatchObject({
      waiting: 2,
      isPaused: true,
      pause: { by: 'bk_1' },
      endpoints: [{ id: 'us-m' }],
    });
    const [customer, other] = regionViews({
      regions: { US: { ...queue, paused: true }, EU: { ...queue, paused: false } },
    });
    expect(customer).toMatchObject({ isPaused: true, pause: undefined, endpoints: undefined });
    expect(other?.isPaused).toBe(false);
  });

  it.each<[Partial<EndpointStatus>, string[]]>([
    [{}, []],
    [{ paused: [{ ...control, target: 'endpoint' }] }, ['paused by bk_1: slow']],
    [{ paused: [{ ...control, reason: null, target: 'region' }] }, ['its region is paused by bk_1']],
    [
      { consecutive_failures: 3, last_error_code: 'UPSTREAM_ERROR', state: 'down' },
      ['last 3 calls failed with UPSTREAM_ERROR, its breaker is open or its dispatcher is gone'],
    ],
    [{ consecutive_failures: 1 }, ['last call failed']],
    [{ state: 'down' }, ['its dispatcher is not heard of']],
  ])('say why of an endpoint with %j', (changes, reasons) => {
    expect(endpointReasons(endpoint(changes))).toEqual(reasons);
  });

  it('offer what would change something', () => {
    expect(ordersFor(true)).not.toContain('pause');
    expect(ordersFor(false)).not.toContain('resume');
  });
});

describe('the history of changes', () => {
  const change = (
    id: number,
    target: string,
    cause: 'asked' | 'undone' | 'ended' = 'asked',
    undoes: number | null = null,
  ) => ({
    ...{ id, target, cause, undoes, at: control.since, kind: 'pause' as const, by: 'bk_1', reason: null },
    ...{ before: null, after: null },
  });

  it('offers to take back the latest change of each thing, where somebody asked for it', () => {
    const newestFirst = [
      change(6, 'region:EU', 'ended'),
      change(5, 'endpoint:a'),
      change(4, 'region:US', 'undone', 3),
      change(3, 'region:US'),
      change(2, 'region:EU'),
      change(1, 'endpoint:a'),
    ];
    expect([...undoableChanges(newestFirst)]).toEqual([5]);
  });
});
