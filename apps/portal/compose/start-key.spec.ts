import { describe, expect, it } from '@jest/globals';
import { keepDraft, readDraft } from './draft-store.js';
import { EMPTY_DRAFT, newDraft } from './draft.js';
import { StartKeys, type TextStore } from './start-key.js';

function aStore(): TextStore {
  const kept = new Map<string, string>();
  return {
    getItem: (name) => kept.get(name) ?? null,
    setItem: (name, value) => void kept.set(name, value),
    removeItem: (name) => void kept.delete(name),
  };
}
const FULL: TextStore = {
  getItem: () => null,
  setItem: () => {
    throw new Error('QuotaExceededError');
  },
  removeItem: () => undefined,
};

describe('the key of a start', () => {
  const counting = (): (() => string) => {
    let last = 0;
    return () => `key-${(last += 1)}`;
  };

  it('is one for one body until there was an answer, also after the page was loaded again', () => {
    const store = aStore();
    const keys = new StartKeys(() => store, counting());
    expect([keys.keyFor('a'), keys.keyFor('a')]).toEqual(['key-1', 'key-1']);
    const again = new StartKeys(
      () => store,
      () => 'other',
    );
    expect(again.keyFor('a')).toBe('key-1');
    again.answered('key-1');
    expect(again.keyFor('a')).toBe('other');
  });

  it('is another for another body', () => {
    const keys = new StartKeys(aStore, counting());
    expect([keys.keyFor('a'), keys.keyFor('b')]).toEqual(['key-1', 'key-2']);
    // Word of the one that was left ends nothing of the one that is still to be answered.
    keys.answered('key-1');
    expect(keys.keyFor('b')).toBe('key-2');
  });

  it('is kept by the page where nothing may be stored', () => {
    const keys = new StartKeys(() => FULL, counting());
    expect([keys.keyFor('a'), keys.keyFor('a')]).toEqual(['key-1', 'key-1']);
  });
});

describe('a kept draft', () => {
  it('is read as it was written, and nothing else is taken for one', () => {
    const store = aStore();
    expect(readDraft(() => store)).toEqual(newDraft());
    const draft = { ...EMPTY_DRAFT, name: 'bias' };
    expect(keepDraft(() => store, draft)).toBe(true);
    expect(readDraft(() => store)).toEqual(draft);
    for (const other of ['{', '7', '{"version":0,"draft":{"name":"old"}}']) {
      store.setItem('beacon.compose.draft', other);
      expect(readDraft(() => store)).toEqual(newDraft());
    }
    expect(keepDraft(() => FULL, draft)).toBe(false);
  });
});
