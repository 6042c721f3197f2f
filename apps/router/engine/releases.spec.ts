import { describe, expect, it } from '@jest/globals';
import { FRESH_ENDPOINT, type EndpointView } from '#domain';
import { RELEASE_LEASE_MS, recordAfterReply, type ReleaseReply } from './releases.js';

const NOW_MS = 1_800_000_000_000;
const LEASE_MS = NOW_MS + RELEASE_LEASE_MS;
const WINDOW_MS = 300_000;

const view = (changes: Partial<EndpointView['record']> = {}, leases = 0): EndpointView => ({
  spec: {
    ...{ id: 'us-m', region: 'US', workspace: 'w', models: ['m'], concurrency: 1 },
    ...{ scaledownWindowMs: WINDOW_MS, hasHealthUrl: true, canRelease: true },
  },
  record: {
    ...FRESH_ENDPOINT,
    ...{ warmUntilMs: NOW_MS + 60_000, gpuUntilMs: NOW_MS + 60_000, releasingUntilMs: LEASE_MS },
    ...changes,
  },
  leases,
  dispatcherAlive: true,
});
const reply = (result: ReleaseReply['result'], leaseMs = LEASE_MS): ReleaseReply => ({
  ...{ endpointId: 'us-m', leaseMs, result, tookMs: 2500 },
});

describe('the answer to a release', () => {
  it('frees the GPU once the platform says that no container is left', () => {
    expect(recordAfterReply(reply('released'), view(), NOW_MS)).toMatchObject({
      ...{ gpuUntilMs: NOW_MS, warmUntilMs: NOW_MS, releasingUntilMs: 0, releaseMs: 2500 },
    });
  });

  it('has a container that is left count for another window, although it was about to be taken for gone', () => {
    expect(recordAfterReply(reply('busy'), view(), NOW_MS)).toMatchObject({
      ...{ gpuUntilMs: NOW_MS + WINDOW_MS, releasingUntilMs: 0, releaseMs: null },
    });
  });

  it('changes nothing about the GPU where nobody knows', () => {
    expect(recordAfterReply(reply('unavailable'), view(), NOW_MS)).toMatchObject({
      ...{ gpuUntilMs: NOW_MS + 60_000, releasingUntilMs: 0 },
    });
  });

  it.each([
    ['it comes after its lease', reply('released'), view(), LEASE_MS],
    ['it was asked for under another lease', reply('released', LEASE_MS - 1), view(), NOW_MS],
    ['calls are there', reply('released'), view({}, 1), NOW_MS],
  ])('counts for nothing where %s', (_title, given, endpoint, nowMs) => {
    expect(recordAfterReply(given, endpoint, nowMs)).toBeUndefined();
  });
});
