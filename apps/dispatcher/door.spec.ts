import { describe, expect, it } from '@jest/globals';
import { Door } from './door.js';
import type { RunningCall } from './running-calls.js';

const LONG_MS = 60_000;

function aCall(): RunningCall {
  return { abort: new AbortController() } as RunningCall;
}

describe('the door of an endpoint', () => {
  it('lets in one staged ticket for each call that ends, in the order in which they came', async () => {
    const door = new Door();
    const went: string[] = [];
    const waits = ['first', 'second'].map(async (name) => {
      await door.wait(aCall(), LONG_MS, true);
      went.push(name);
    });
    expect(door.passTurn()).toBe(true);
    await waits[0];
    expect(went).toEqual(['first']);
    expect(door.passTurn()).toBe(true);
    await waits[1];
    expect(went).toEqual(['first', 'second']);
    expect(door.passTurn()).toBe(false);
  });

  it('wakes a ticket that somebody else may have begun, and gives the turn to the one behind it', async () => {
    const door = new Door();
    const redelivered = door.wait(aCall(), LONG_MS, false);
    const staged = door.wait(aCall(), LONG_MS, true);
    expect(door.passTurn()).toBe(true);
    expect(await Promise.all([redelivered, staged])).toEqual(['passed', 'turn']);
  });

  it('passes no turn to tickets that take none', async () => {
    const door = new Door();
    const redelivered = door.wait(aCall(), LONG_MS, false);
    expect(door.passTurn()).toBe(false);
    expect(await redelivered).toBe('passed');
  });

  it('wakes a ticket whose call was given up, or whose time to ask again has come', async () => {
    const door = new Door();
    const call = aCall();
    const waits = [door.wait(call, LONG_MS, true), door.wait(aCall(), 1, true)];
    call.abort.abort();
    expect(await Promise.all(waits)).toEqual(['woken', 'woken']);
    expect(door.passTurn()).toBe(false);
  });
});
