import { describe, expect, it } from '@jest/globals';
import { planAfterCellFailure } from './cell-retry.js';
import { GATE_STATUSES, judgeGateDecision } from './gate.js';
import { RUN_STATUSES, chooseOrder, finalStatus, isRunFinished, resumedStatus } from './run.js';

describe('finalStatus', () => {
  it.each([
    [{ accepted: 8, failed: 0 }, null, 'completed'],
    [{ accepted: 7, failed: 1 }, null, 'completed_with_failures'],
    [{ accepted: 0, failed: 8 }, null, 'failed'],
    [{ accepted: 3, failed: 0 }, 'cancelled', 'cancelled'],
    [{ accepted: 3, failed: 1 }, 'rejected', 'rejected'],
    [{ accepted: 0, failed: 0 }, 'expired', 'expired'],
  ] as const)('of %j with ending %s is %s', (counts, ending, status) => {
    expect(finalStatus(counts, ending)).toBe(status);
    expect(isRunFinished(status)).toBe(true);
  });

  it('leaves exactly four statuses unfinished', () => {
    expect(RUN_STATUSES.filter((status) => !isRunFinished(status))).toEqual([
      'planned',
      'running',
      'awaiting_approval',
      'paused',
    ]);
  });
});

describe('resumedStatus', () => {
  it.each([
    [false, false, 'planned'],
    [true, false, 'running'],
    [true, true, 'awaiting_approval'],
    // A gate can be waited at only by a run that was started, by an older runner too.
    [false, true, 'awaiting_approval'],
  ] as const)('of a run with started=%s and a waiting gate=%s is %s', (started, atGate, status) => {
    expect(resumedStatus(started, atGate)).toBe(status);
  });
});

describe('chooseOrder', () => {
  it('does as it is told, and else prefers the pipeline, or whole questions where there are gates', () => {
    expect(chooseOrder('region', 1).order).toBe('region');
    expect(chooseOrder('auto', 0).order).toBe('pipeline');
    expect(chooseOrder('auto', 1).order).toBe('question');
  });
});

describe('judgeGateDecision', () => {
  it('decides a gate once; the same decision again changes nothing, another one conflicts', () => {
    const judged = GATE_STATUSES.map((status) => [status, judgeGateDecision(status, false, 'approved').kind]);
    expect(judged).toEqual([
      ['pending', 'decide'],
      ['waiting', 'decide'],
      ['approved', 'repeat'],
      ['rejected', 'conflict'],
      ['expired', 'conflict'],
    ]);
    expect(judgeGateDecision('rejected', false, 'rejected').kind).toBe('repeat');
  });

  it('expires a waiting gate instead of deciding it too late', () => {
    expect(judgeGateDecision('waiting', true, 'approved').kind).toBe('expire');
    expect(judgeGateDecision('waiting', true, 'rejected').kind).toBe('expire');
  });
});

describe('planAfterCellFailure', () => {
  const policy = { maxCellAttempts: 3, backoffMs: 4000, backoffMaxMs: 60_000 };

  it('resubmits after a growing pause of seconds, then gives up', () => {
    expect(planAfterCellFailure(1, 'EXECUTION_TIMEOUT', policy, 0)).toEqual({
      kind: 'resubmit',
      pauseMs: 2000,
    });
    expect(planAfterCellFailure(2, 'EXECUTION_TIMEOUT', policy, 0)).toEqual({
      kind: 'resubmit',
      pauseMs: 4000,
    });
    expect(planAfterCellFailure(3, 'EXECUTION_TIMEOUT', policy, 0)).toEqual({
      kind: 'fail',
      code: 'EXECUTION_TIMEOUT',
    });
  });

  it.each(['MODEL_ERROR', 'REQUEST_REJECTED', 'MODEL_NOT_IN_REGION', 'toString'])(
    'gives up at once on %s',
    (code) => {
      expect(planAfterCellFailure(1, code, policy, 0.5)).toEqual({ kind: 'fail', code });
    },
  );
});
