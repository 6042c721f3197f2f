import { describe, expect, it } from '@jest/globals';
import type { Role } from '../session/roles.js';
import { actionsFor } from './run-steps.js';

const as =
  (...roles: Role[]) =>
  (role: Role): boolean =>
    roles.includes(role);

describe('what may be done with a run', () => {
  it.each([
    ['planned', ['pause', 'cancel'], ['pause', 'cancel']],
    ['running', ['pause', 'cancel'], ['pause', 'cancel']],
    ['awaiting_approval', ['pause', 'cancel'], ['pause', 'cancel']],
    ['paused', ['resume', 'cancel'], ['resume', 'cancel']],
    ['completed', ['extend'], []],
    ['completed_with_failures', ['retry-failed', 'extend'], []],
    ['failed', ['retry-failed', 'extend'], []],
    ['cancelled', ['retry-failed'], []],
    ['rejected', [], []],
    ['expired', [], []],
  ] as const)('%s: by its tenant %j, by operations %j, by a reader nothing', (status, tenant, operations) => {
    const run = { status, cancelling: false };
    expect(actionsFor(run, as('submit', 'read'))).toEqual(tenant);
    expect(actionsFor(run, as('operate', 'read'))).toEqual(operations);
    expect(actionsFor(run, as('read'))).toEqual([]);
    expect(actionsFor({ ...run, cancelling: true }, as('submit', 'operate'))).toEqual([]);
  });
});
