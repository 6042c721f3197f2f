import { describe, expect, it } from '@jest/globals';
import {
  DISPATCHER_DOUBT_MS,
  HEARTBEAT_MS,
  HOLDER_SILENCE_MS,
  REGION_SILENCE_MS,
  wouldBeHeard,
} from './signs-of-life.js';

describe('who works on a ticket would be heard', () => {
  it.each([
    [HOLDER_SILENCE_MS, 60_000, true],
    [HOLDER_SILENCE_MS - 1, 60_000, false],
    [500, 499, true],
    [500, 500, false],
    [0, 0, false],
  ])(
    'by a router that has listened for %i ms to dispatchers, %i ms after its issue: %s',
    (listening, issued, would) => {
      expect(wouldBeHeard(listening, issued)).toBe(would);
    },
  );

  it('with heartbeats to spare on either side', () => {
    expect(HOLDER_SILENCE_MS).toBeGreaterThan(2 * HEARTBEAT_MS);
    expect(HOLDER_SILENCE_MS).toBeLessThan(REGION_SILENCE_MS);
    expect(DISPATCHER_DOUBT_MS).toBeLessThan(REGION_SILENCE_MS);
  });
});
