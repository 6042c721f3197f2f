import { describe, expect, it } from '@jest/globals';
import { mayAs, type Role } from './roles.js';
import { storedKey, type KeyStore } from './stored-key.js';

function aStore(): KeyStore {
  const values = new Map<string, string>();
  return {
    getItem: (name) => values.get(name) ?? null,
    setItem: (name, value) => void values.set(name, value),
    removeItem: (name) => void values.delete(name),
  };
}

describe('the key of a session', () => {
  it('is kept in its tab, and forgotten when it is given up', () => {
    const store = aStore();
    const keys = storedKey(() => store);
    expect(keys.read()).toBeUndefined();
    keys.write('key');
    expect(storedKey(() => store).read()).toBe('key');
    keys.write(undefined);
    expect(keys.read()).toBeUndefined();
  });

  it('does without a store where the browser allows none', () => {
    const keys = storedKey(() => {
      throw new Error('denied');
    });
    keys.write('key');
    expect(keys.read()).toBeUndefined();
  });
});

describe('what is shown to whom', () => {
  it.each<[Role, Role[]]>([
    ['submit', ['submit', 'read']],
    ['read', ['read']],
    ['operate', ['read', 'operate']],
    ['ledger', ['ledger']],
    ['admin', ['submit', 'read', 'operate', 'ledger', 'admin']],
  ])('%s may do %j', (role, implied) => {
    const all: Role[] = ['submit', 'read', 'operate', 'ledger', 'admin'];
    expect(all.filter((each) => mayAs({ roles: [role] }, each))).toEqual(implied);
  });
});
