import type { StoredAttempt } from '#contracts';
import { describe, expect, it } from '@jest/globals';
import { AttemptBook } from './attempt-book.js';

/** Keeps what is put, and its revisions. */
function aStore() {
  let revision = 0;
  let stored: StoredAttempt | undefined;
  const puts: StoredAttempt[] = [];
  return {
    puts,
    put: (_jobId: string, _attempt: number, attempt: StoredAttempt): Promise<number> => {
      stored = structuredClone(attempt);
      puts.push(stored);
      revision += 1;
      return Promise.resolve(revision);
    },
    get: () => Promise.resolve(stored === undefined ? undefined : { attempt: stored, revision }),
    forget: (_jobId: string, _attempt: number, known: number): Promise<void> => {
      if (known !== revision) return Promise.reject(new Error('written since'));
      stored = undefined;
      return Promise.resolve();
    },
  };
}

const ticket = {
  v: 1,
  job_id: '5f0c2a58-6a0e-4d0c-8a0d-0d4a0c1d7b11',
  attempt: 1,
  epoch: 1,
  endpoint_id: 'US-m',
  region: 'US',
  model: 'm',
  staged: false,
  timeout_ms: 1000,
  request: { temperature: 0, max_tokens: 1, prompt: 'x' },
} as const;

describe("an attempt's book", () => {
  it('has a call written down before it is made', async () => {
    const store = aStore();
    const book = new AttemptBook(store, ticket);
    await book.begin();
    expect(store.puts).toHaveLength(1);
    expect(store.puts[0]?.calls).toEqual([{ id: book.reported(0).id, endpoint_id: 'US-m' }]);
    expect(book.reported(5)).toMatchObject({ earlier: [], ended_ms_ago: 5 });
  });

  it('reports what an earlier holder began beside the call that was made again', async () => {
    const store = aStore();
    const first = new AttemptBook(store, ticket);
    await first.begin();
    const second = await AttemptBook.find(store, ticket);
    await second.begin();
    const reported = second.reported(0);
    expect(reported.earlier.map(({ id }) => id)).toEqual([first.reported(0).id]);
    expect(reported.id).not.toBe(first.reported(0).id);
  });

  it('reports a call that is found again as the one that it is', async () => {
    const store = aStore();
    const first = new AttemptBook(store, ticket);
    await first.begin();
    await first.put('https://a.test/1');
    const second = await AttemptBook.find(store, ticket);
    expect(second.address).toBe('https://a.test/1');
    second.adopt();
    expect(second.reported(0)).toEqual(first.reported(0));
  });

  it('reports calls that nobody goes on with as earlier ones, and none of its own', async () => {
    const store = aStore();
    const first = new AttemptBook(store, ticket);
    await first.begin();
    const second = await AttemptBook.find(store, ticket);
    expect(second.reported(0)).toMatchObject({ id: null, earlier: [{ id: first.reported(0).id }] });
    const untouched = new AttemptBook(aStore(), ticket);
    expect(untouched).toMatchObject({ hasCalls: false });
    expect(untouched.reported(0)).toEqual({ id: null, earlier: [], ended_ms_ago: 0 });
  });

  it('finds no call again that was made at another endpoint, and reports it as an earlier one', async () => {
    const store = aStore();
    const first = new AttemptBook(store, ticket);
    await first.begin();
    await first.put('https://a.test/1');
    const elsewhere = await AttemptBook.find(store, { ...ticket, endpoint_id: 'EU-m' });
    expect(elsewhere).toMatchObject({ hasCalls: true, isLastHere: false, address: undefined });
    await elsewhere.begin();
    expect(elsewhere.isLastHere).toBe(true);
    expect(elsewhere.reported(0).earlier).toEqual([{ id: first.reported(0).id, endpoint_id: 'US-m' }]);
    // What the store has is about the new call: the old address would lead its successor astray.
    expect(store.puts.at(-1)?.address).toBeUndefined();
  });

  it('has a call that was taken back in no report, also where its holder is killed then', async () => {
    const store = aStore();
    const first = new AttemptBook(store, ticket);
    await first.begin();
    const second = await AttemptBook.find(store, ticket);
    await second.begin();
    await second.takeBack();
    const made = [{ id: first.reported(0).id, endpoint_id: 'US-m' }];
    expect(second.reported(0)).toMatchObject({ id: null, earlier: made });
    const successor = await AttemptBook.find(store, ticket);
    expect(successor.reported(0)).toMatchObject({ id: null, earlier: made });
    await second.forget();
    expect(await store.get()).toBeUndefined();
  });

  it('is closed by the holder that wrote last, and by no other', async () => {
    const store = aStore();
    const first = new AttemptBook(store, ticket);
    await first.begin();
    const second = await AttemptBook.find(store, ticket);
    await second.begin();
    await expect(first.forget()).rejects.toThrow();
    expect(await store.get()).toBeDefined();
    await second.forget();
    expect(await store.get()).toBeUndefined();
  });
});
