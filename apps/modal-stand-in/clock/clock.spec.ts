import { describe, expect, it, jest } from '@jest/globals';
import { until } from '../spec-support.js';
import { ScaledClock } from './clock.js';

describe('scaled clock', () => {
  it('runs as many times faster as the scale says', async () => {
    const clock = new ScaledClock(1000);
    const startedMs = performance.now();
    let firedMs = 0;
    clock.schedule(20_000, () => (firedMs = performance.now()));
    await until(() => firedMs > 0);
    expect(firedMs - startedMs).toBeGreaterThanOrEqual(19);
    expect(clock.now()).toBeGreaterThanOrEqual(19_000);
  });

  it('completes delays below a real millisecond without a timer, but never synchronously', async () => {
    const clock = new ScaledClock(1000);
    let fired = 0;
    const again = (): void => {
      fired += 1;
      if (fired < 1000) clock.schedule(900, again);
    };
    const timers = jest.spyOn(globalThis, 'setTimeout');
    try {
      clock.schedule(0, again);
      expect(fired).toBe(0);
      // Not with `until`, which has timers of its own.
      while (fired < 1000) await new Promise((resolve) => setImmediate(resolve));
      expect(timers).not.toHaveBeenCalled();
      // The control: a whole millisecond has a timer.
      clock.schedule(1000, () => undefined).cancel();
      expect(timers).toHaveBeenCalledTimes(1);
    } finally {
      timers.mockRestore();
    }
  });

  it('cancels', async () => {
    const clock = new ScaledClock(1);
    let cancelled = true;
    let control = false;
    clock.schedule(0, () => (cancelled = false)).cancel();
    clock.schedule(2, () => (cancelled = false)).cancel();
    clock.schedule(5, () => (control = true));
    await until(() => control);
    expect(cancelled).toBe(true);
  });
});
