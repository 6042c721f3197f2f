import { describe, expect, it } from '@jest/globals';
import { OPEN_LETTERS, filterText, manyFilterOf, moment, queryOf, redrivenText } from './letter-filter.js';

describe('a filter of dead letters', () => {
  it('asks for what was typed, and for nothing else', () => {
    expect(queryOf(OPEN_LETTERS)).toEqual({ state: 'open' });
    expect(
      queryOf({ ...OPEN_LETTERS, state: '', code: ' MODEL_ERROR ', poison: 'true', taskType: 't' }),
    ).toEqual({
      ...{ code: 'MODEL_ERROR', task_type: 't', poison: 'true' },
    });
    const since = moment('2026-12-01T10:00');
    expect(queryOf({ ...OPEN_LETTERS, since: '2026-12-01T10:00', until: 'soon' })).toEqual({
      state: 'open',
      since,
    });
    expect(new Date(since).getHours()).toBe(10);
  });

  it('means the same letters where they are changed, in any state that is asked for', () => {
    expect(manyFilterOf({ ...OPEN_LETTERS, state: 'redriven', model: 'm', poison: 'false' })).toEqual({
      ...{ model: 'm', poison: false },
    });
    expect(filterText(manyFilterOf(OPEN_LETTERS))).toBe('whatever they are of');
    expect(filterText({ model: 'm', task_type: 't', poison: true })).toBe(
      'model m, task type t, taken for poison',
    );
  });

  it('says what was passed over, and that there are more', () => {
    const told = { redriven: 2, jobs: [], skipped: [], skipped_by_reason: { JOB_OF_RUN: 3 }, more: true };
    expect(redrivenText(told)).toBe('2 redriven; passed over: 3 JOB_OF_RUN; there are more');
  });
});
