import { describe, expect, it } from '@jest/globals';
import { ALL_ENTRIES, GROUPS, csvPath, filterOfGroup, queryOf } from './ledger-filter.js';

describe('a filter of the ledger', () => {
  it('has whole UTC days, the last one included', () => {
    expect(queryOf(ALL_ENTRIES)).toEqual({});
    expect(queryOf({ ...ALL_ENTRIES, from: '2026-11-30', to: '2026-11-30', model: ' m ' })).toEqual({
      from: '2026-11-30T00:00:00.000Z',
      to: '2026-12-01T00:00:00.000Z',
      model: 'm',
    });
    expect(queryOf({ ...ALL_ENTRIES, from: 'yesterday' })).toEqual({});
  });

  it('narrows to a group wherever the router has a filter for it', () => {
    const narrowing = GROUPS.filter((group) => filterOfGroup(ALL_ENTRIES, group, 'succeeded') !== undefined);
    expect(GROUPS.filter((group) => !narrowing.includes(group))).toEqual(['provider', 'task_type']);
    expect(filterOfGroup(ALL_ENTRIES, 'day', '2026-11-30')).toMatchObject({
      from: '2026-11-30',
      to: '2026-11-30',
    });
    expect(filterOfGroup(ALL_ENTRIES, 'outcome', 'odd')).toBeUndefined();
  });

  it('is the same in the table for spreadsheets', () => {
    expect(csvPath({ model: 'a b&c' })).toBe('/ledger?format=csv&model=a+b%26c');
  });
});
