import { describe, expect, it } from '@jest/globals';
import { judgeExtension, judgeRetry } from './reopen.js';
import { RUN_STATUSES, type RunEnding, type RunStatus } from './run.js';

const run = (status: RunStatus, ending: RunEnding | null = null) => ({ status, ending });

describe('judgeRetry', () => {
  it('reopens what ended without all of its answers, unless a gate decided it', () => {
    expect(RUN_STATUSES.map((status) => [status, judgeRetry(run(status), false).kind])).toEqual([
      ['planned', 'unfinished'],
      ['running', 'unfinished'],
      ['awaiting_approval', 'unfinished'],
      ['paused', 'unfinished'],
      ['completed', 'unchanged'],
      ['completed_with_failures', 'reopen'],
      ['failed', 'reopen'],
      ['cancelled', 'reopen'],
      ['rejected', 'decided'],
      ['expired', 'decided'],
    ]);
  });

  it('says the same again while the run goes on because of it, but not while it is being cancelled', () => {
    for (const status of ['planned', 'running', 'awaiting_approval', 'paused'] as const) {
      expect(judgeRetry(run(status), true).kind).toBe('unchanged');
      expect(judgeRetry(run(status, 'cancelled'), true).kind).toBe('unfinished');
    }
  });
});

describe('judgeExtension', () => {
  it('reopens a run that came to its end by itself', () => {
    expect(RUN_STATUSES.map((status) => [status, judgeExtension(run(status), 2, 3).kind])).toEqual([
      ['planned', 'unfinished'],
      ['running', 'unfinished'],
      ['awaiting_approval', 'unfinished'],
      ['paused', 'unfinished'],
      ['completed', 'reopen'],
      ['completed_with_failures', 'reopen'],
      ['failed', 'reopen'],
      ['cancelled', 'cancelled'],
      ['rejected', 'decided'],
      ['expired', 'decided'],
    ]);
  });

  it('changes nothing in a run that has these repeats, whatever its status', () => {
    expect(new Set(RUN_STATUSES.map((status) => judgeExtension(run(status), 3, 3).kind))).toEqual(
      new Set(['unchanged']),
    );
  });
});
