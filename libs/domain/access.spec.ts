import { describe, expect, it } from '@jest/globals';
import { LOCAL_CALLER, ROLES, hasRole, limitsFor, maySee, type Caller, type Role } from './access.js';

const callerWith = (roles: readonly Role[], tenant = 'a'): Caller => ({
  kind: 'key',
  keyId: 'k',
  tenant,
  roles,
  limits: {},
  requestId: null,
});

describe('a role', () => {
  it.each<[Role, readonly Role[]]>([
    ['submit', ['submit', 'read']],
    ['read', ['read']],
    ['operate', ['read', 'operate']],
    ['ledger', ['ledger']],
    ['admin', [...ROLES]],
  ])('%s stands for %j and nothing more', (role, implied) => {
    expect(ROLES.filter((other) => hasRole(callerWith([role]), other)).sort()).toEqual([...implied].sort());
  });

  it('that is not held is not there', () => {
    expect(ROLES.filter((role) => hasRole(callerWith([]), role))).toEqual([]);
  });
});

describe('a caller', () => {
  it.each<[Role, boolean]>([
    ['submit', false],
    ['read', false],
    ['ledger', false],
    ['operate', true],
    ['admin', true],
  ])('with %s sees what belongs to others: %j', (role, sees) => {
    expect(maySee(callerWith([role]), 'b')).toBe(sees);
    expect(maySee(callerWith([role]), 'a')).toBe(true);
  });

  it('without keys is alone, and may do everything', () => {
    expect(ROLES.every((role) => hasRole(LOCAL_CALLER, role))).toBe(true);
  });
});

describe('limits of a key', () => {
  const limits = { queued_jobs: 1 };
  it.each<[Role, string | null, object]>([
    ['submit', 'k', limits],
    ['submit', 'other', limits],
    ['operate', 'k', limits],
    ['operate', 'other', {}],
    ['operate', null, {}],
    ['admin', 'other', {}],
  ])('with %s, where work counts for %s', (role, worksFor, held) => {
    expect(limitsFor({ ...callerWith([role]), limits }, worksFor)).toEqual(held);
  });
});
