import { describe, expect, it } from '@jest/globals';
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
    const startedMs = performance.now();
    clock.schedule(0, again);
    expect(fired).toBe(0);
    await until(() => fired === 1000);
    // A thousand timers of 1 ms each would take more than a second.
    expect(performance.now() - startedMs).toBeLessThan(900);
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
