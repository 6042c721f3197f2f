import { describe, expect, it } from '@jest/globals';
import { LOCAL_CALLER, type Role } from './access.js';
import { faceOf } from './face.js';

describe('what a caller is shown', () => {
  it.each<[readonly Role[], { operations: boolean; money: boolean }]>([
    [['submit'], { operations: false, money: false }],
    [['read'], { operations: false, money: false }],
    [['read', 'ledger'], { operations: false, money: true }],
    [['operate'], { operations: true, money: false }],
    [['operate', 'ledger'], { operations: true, money: true }],
    [['admin'], { operations: true, money: true }],
  ])('with the roles %j is %j', (roles, expected) => {
    expect(faceOf({ kind: 'key', roles }, false)).toEqual(expected);
    expect(faceOf({ kind: 'key', roles }, true)).toEqual({ ...expected, money: true });
  });

  it('is everything on a server without keys, and costs too for other processes of Beacon', () => {
    expect(faceOf(LOCAL_CALLER, false)).toEqual({ operations: true, money: true });
    expect(faceOf({ kind: 'service', roles: ['submit', 'operate'] }, false).money).toBe(true);
  });
});
