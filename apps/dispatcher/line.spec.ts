import { setImmediate as setImmediately } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { Line } from './line.js';

/** A connection whose questions wait for the spec to answer them. */
function aConnection() {
  const asked: { resolve(): void; reject(error: Error): void }[] = [];
  return {
    asked,
    flush: () => new Promise<void>((resolve, reject) => asked.push({ resolve, reject })),
  };
}

describe('the line to NATS', () => {
  it('is good once NATS has answered, and is not asked about again in the same moment', async () => {
    const connection = aConnection();
    const line = new Line(connection);
    const good = line.isGood();
    connection.asked[0]!.resolve();
    expect(await good).toBe(true);
    expect(await line.isGood(-Infinity)).toBe(true);
    expect(connection.asked).toHaveLength(1);
    const again = line.isGood(Infinity);
    expect(connection.asked).toHaveLength(2);
    connection.asked[1]!.resolve();
    expect(await again).toBe(true);
  });

  it('is not good where the connection breaks, or nothing comes back: a half-open one takes everything', async () => {
    const connection = aConnection();
    const line = new Line(connection);
    const broken = line.isGood();
    connection.asked[0]!.reject(new Error('connection disconnected'));
    expect(await broken).toBe(false);
    expect(await line.isGood()).toBe(false);
    // An answer that comes too late still is one.
    connection.asked[1]!.resolve();
    await setImmediately();
    expect(await line.isGood(-Infinity)).toBe(true);
  });

  it('has carried what was sent before an answer, and nothing where it breaks first', async () => {
    const connection = aConnection();
    const line = new Line(connection);
    const carried = line.carried();
    connection.asked[0]!.resolve();
    await carried;
    expect(await line.isGood(-Infinity)).toBe(true);
    const lost = line.carried();
    connection.asked[1]!.reject(new Error('connection disconnected'));
    await expect(lost).rejects.toThrow('connection disconnected');
  });
});
