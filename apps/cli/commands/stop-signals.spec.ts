import { describe, expect, it } from '@jest/globals';
import { EventEmitter } from 'node:events';
import { StopSignals } from './stop-signals.js';

describe('signals to stop', () => {
  const aSource = () => {
    const source = new EventEmitter();
    const clock = { nowMs: 0 };
    return { source, clock, signals: new StopSignals(source, () => clock.nowMs) };
  };

  it('begin the stop with the first', async () => {
    const { source, signals } = aSource();
    expect(signals.first.aborted).toBe(false);
    source.emit('SIGTERM', 'SIGTERM');
    expect(await signals.received).toBe('SIGTERM');
    expect(signals.first.aborted).toBe(true);
    expect(signals.secondNumber).toBeUndefined();
  });

  it('take the echo of Ctrl-C for no second one', async () => {
    const { source, clock, signals } = aSource();
    source.emit('SIGINT', 'SIGINT');
    clock.nowMs = 20;
    source.emit('SIGINT', 'SIGINT');
    expect(signals.secondNumber).toBeUndefined();
    clock.nowMs = 3000;
    source.emit('SIGINT', 'SIGINT');
    expect(await signals.receivedAgain).toBe('SIGINT');
    expect(signals.secondNumber).toBe(2);
  });
});
