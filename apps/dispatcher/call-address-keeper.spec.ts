import { describe, expect, it } from '@jest/globals';
import { until } from '#testing';
import { CallAddressKeeper } from './call-address-keeper.js';

/** Fails, hangs or stores, put by put; then stores. */
function aStore(...puts: ('fails' | 'hangs')[]) {
  const stored: string[] = [];
  const log: string[] = [];
  return {
    stored,
    log,
    put: async (url: string): Promise<void> => {
      const next = puts.shift();
      log.push(`put ${url}`);
      if (next === 'fails') throw new Error('NATS is away');
      if (next === 'hangs') await new Promise(() => undefined);
      stored.push(url);
    },
    forget: async (): Promise<void> => {
      log.push('forget');
      await Promise.resolve();
    },
  };
}

describe('a running call', () => {
  it('can be found again before its result URL is followed', async () => {
    const store = aStore();
    const keeper = new CallAddressKeeper(store, () => undefined);
    await keeper.keep('a');
    expect(store.stored).toEqual(['a']);
    await keeper.keep('b');
    expect(store.stored).toEqual(['a', 'b']);
    await keeper.end();
    expect(store.log).toEqual(['put a', 'put b', 'forget']);
  });

  it('is stored as soon as the store is back, with its latest URL', async () => {
    const store = aStore('fails', 'fails');
    const failures: unknown[] = [];
    const keeper = new CallAddressKeeper(store, (error) => failures.push(error));
    void keeper.keep('a');
    await until('a failure', () => failures.length > 0);
    void keeper.keep('b');
    await until('it is stored', () => store.stored.includes('b'));
    expect(failures).toHaveLength(2);
    expect(store.stored).toEqual(['b']);
  });

  it('does not stand still while the store does not answer', async () => {
    const store = aStore('hangs');
    await new CallAddressKeeper(store, () => undefined).keep('a');
    expect(store.stored).toEqual([]);
  });

  it('that was never answered 303 is forgotten too: it was written down before it was made', async () => {
    const store = aStore();
    await new CallAddressKeeper(store, () => undefined).end();
    expect(store.log).toEqual(['forget']);
  });

  it('that was found in the store is not stored again, but forgotten', async () => {
    const store = aStore();
    const keeper = new CallAddressKeeper(store, () => undefined);
    keeper.found('a');
    await keeper.keep('a');
    await keeper.end();
    expect(store.log).toEqual(['forget']);
  });

  it('is stored no more once it is over', async () => {
    const store = aStore('fails', 'fails');
    const keeper = new CallAddressKeeper(store, () => undefined);
    void keeper.keep('a');
    await until('a try', () => store.log.length > 0);
    await keeper.end();
    expect(store.log).toEqual(['put a', 'forget']);
  });
});
