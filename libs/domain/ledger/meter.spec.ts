import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  FRESH_METER,
  chargeCall,
  chargeTail,
  containerAfter,
  splitGpuMs,
  type Meter,
  type MeteredCall,
} from './meter.js';

function aCall(
  callId: string,
  startMs: number,
  endMs: number,
  changes: Partial<MeteredCall> = {},
): MeteredCall {
  return { callId, startMs, endMs, after: 'idle', wasWarm: null, ...changes };
}

/** After one answered call from 1000 to 2000. */
const IDLE: Meter = chargeCall(FRESH_METER, aCall('a', 1000, 2000), 0).meter;

describe('GPU time', () => {
  it('of the first call is its own', () => {
    expect(chargeCall(FRESH_METER, aCall('a', 1000, 2000), 0)).toMatchObject({ gpuMs: 1000, idle: null });
  });

  it('between two calls within the window is idle time of the first', () => {
    const { gpuMs, idle, meter } = chargeCall(IDLE, aCall('b', 2500, 3000), 5000);
    expect({ gpuMs, idle }).toEqual({ gpuMs: 500, idle: { callId: 'a', fromMs: 2000, untilMs: 2500 } });
    expect(meter).toMatchObject({ idleOf: 'b', chargedUntilMs: 3000 });
  });

  it('between two calls is at most the window, or what was left until the release', () => {
    const { gpuMs, idle, meter } = chargeCall(IDLE, aCall('b', 9000, 9500), 5000);
    expect({ gpuMs, idle }).toEqual({ gpuMs: 500, idle: { callId: 'a', fromMs: 2000, untilMs: 5000 } });
    expect(meter).toMatchObject({ closedUntilMs: 5000, sessionFromMs: 9000 });
  });

  it('that overlapping calls share is charged once, to the one that ended first', () => {
    const first = chargeCall(IDLE, aCall('b', 3000, 4000), 5000);
    const second = chargeCall(first.meter, aCall('c', 3500, 6000), 9000);
    expect([first.gpuMs, second.gpuMs, second.idle]).toEqual([1000, 2000, null]);
    const within = chargeCall(second.meter, aCall('d', 3200, 5000), 9000);
    expect(within.gpuMs).toBe(0);
    expect(within.meter.idleOf).toBe('c');
  });

  it('of a long call that ends after a short one within it begins with the long one', () => {
    const short = chargeCall(FRESH_METER, aCall('short', 5000, 6000), 0);
    expect(chargeCall(short.meter, aCall('long', 1000, 9000), 8000).gpuMs).toBe(4000 + 3000);
  });

  it('after the last call is its tail, once', () => {
    const { idle, meter } = chargeTail(IDLE, 5000);
    expect(idle).toEqual({ callId: 'a', fromMs: 2000, untilMs: 5000 });
    expect(chargeTail(meter, 9000).idle).toBeNull();
    expect(chargeCall(meter, aCall('b', 6000, 6500), 9000)).toMatchObject({ gpuMs: 500, idle: null });
  });

  it('after a container that died is nobody’s', () => {
    const { meter } = chargeCall(IDLE, aCall('b', 2500, 3000, { after: 'gone' }), 5000);
    expect(chargeTail(meter, 9000).idle).toBeNull();
    expect(chargeCall(meter, aCall('c', 4000, 4500), 9000).idle).toBeNull();
  });

  it('after a caller gave up a cold start is charged only where the next call finds the container warm', () => {
    const { meter } = chargeCall(FRESH_METER, aCall('a', 1000, 2000, { after: 'unknown' }), 0);
    expect(chargeTail(meter, 5000).idle).toBeNull();
    expect(chargeCall(meter, aCall('b', 2500, 3000), 5000).idle).toBeNull();
    const found = chargeCall(meter, aCall('b', 2500, 3000, { wasWarm: true }), 5000);
    expect(found.idle).toEqual({ callId: 'a', fromMs: 2000, untilMs: 2500 });
  });

  it('after a call that was given up in a warm container is its tail like any other', () => {
    const { meter } = chargeCall(IDLE, aCall('b', 2500, 3000, { after: 'unknown' }), 5000);
    expect(chargeTail(meter, 6000).idle).toEqual({ callId: 'b', fromMs: 3000, untilMs: 6000 });
  });

  it('is, call after call, exactly the time in which a container was there: no moment twice and none left out', () => {
    const steps = fc.array(
      fc.record({ gapMs: fc.integer({ min: 0, max: 400 }), ms: fc.integer({ min: 0, max: 400 }) }),
      { minLength: 1, maxLength: 30 },
    );
    fc.assert(
      fc.property(steps, fc.integer({ min: 0, max: 300 }), (calls, windowMs) => {
        let meter = FRESH_METER;
        let atMs = 1000;
        let idleUntilMs = 0;
        let charged = 0;
        let held = 0;
        for (const [index, { gapMs, ms }] of calls.entries()) {
          const startMs = atMs + gapMs;
          if (index > 0) held += Math.min(gapMs, windowMs);
          held += ms;
          const charge = chargeCall(meter, aCall(String(index), startMs, startMs + ms), idleUntilMs);
          charged += charge.gpuMs + (charge.idle === null ? 0 : charge.idle.untilMs - charge.idle.fromMs);
          meter = charge.meter;
          atMs = startMs + ms;
          idleUntilMs = atMs + windowMs;
        }
        const { idle } = chargeTail(meter, idleUntilMs);
        expect(charged + (idle === null ? 0 : idle.untilMs - idle.fromMs)).toBe(held + windowMs);
      }),
    );
  });

  it('of calls side by side is the time from the first start to the last end, in whatever order they begin', () => {
    const spans = fc.array(
      fc.record({ startMs: fc.integer({ min: 1000, max: 2000 }), ms: fc.integer({ min: 0, max: 500 }) }),
      { minLength: 1, maxLength: 12 },
    );
    fc.assert(
      fc.property(spans, (calls) => {
        let meter = FRESH_METER;
        let charged = 0;
        const ended = [...calls].sort((left, right) => left.startMs + left.ms - right.startMs - right.ms);
        for (const [index, { startMs, ms }] of ended.entries()) {
          // The container stays throughout.
          const charge = chargeCall(meter, aCall(String(index), startMs, startMs + ms), 1e6);
          charged += charge.gpuMs + (charge.idle === null ? 0 : charge.idle.untilMs - charge.idle.fromMs);
          meter = charge.meter;
        }
        const firstMs = Math.min(...calls.map(({ startMs }) => startMs));
        const lastMs = Math.max(...calls.map(({ startMs, ms }) => startMs + ms));
        expect(charged).toBe(lastMs - firstMs);
      }),
    );
  });
});

describe('a container', () => {
  it.each([
    ['succeeded', null, 'idle'],
    ['failed', 'MODEL_ERROR', 'idle'],
    ['failed', 'UPSTREAM_CRASHED', 'gone'],
    ['failed', 'EXECUTION_TIMEOUT', 'unknown'],
    ['failed', 'UPSTREAM_ERROR', 'unknown'],
    ['failed', 'RATE_LIMITED', 'none'],
    ['failed', 'ENDPOINT_UNREACHABLE', 'none'],
    ['failed', 'ENDPOINT_CREDENTIALS_REJECTED', 'none'],
    ['cancelled', null, 'unknown'],
    ['orphaned', null, 'unknown'],
  ] as const)('after a call that %s (%s) is: %s', (kind, code, after) => {
    expect(containerAfter({ kind, code })).toBe(after);
  });

  it('has its cold start split off where the endpoint says how long it worked', () => {
    expect(splitGpuMs(3000, true, 1200.4)).toEqual({ coldStartMs: 1800, busyMs: 1200 });
    expect(splitGpuMs(3000, true, 5000)).toEqual({ coldStartMs: 0, busyMs: 3000 });
    expect(splitGpuMs(3000, true, null)).toEqual({ coldStartMs: 0, busyMs: 3000 });
    expect(splitGpuMs(3000, false, 1200)).toEqual({ coldStartMs: 0, busyMs: 3000 });
  });
});
