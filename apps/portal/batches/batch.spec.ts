import { describe, expect, it } from '@jest/globals';
import { hasEnded, lineCounts, mayBeCancelled, momentOf, type Batch } from './batch.js';

const request_counts = { total: 10, completed: 4, failed: 1 };

describe('a batch on the page', () => {
  it.each<[Batch['status'], boolean, boolean]>([
    ['validating', false, true],
    ['in_progress', false, true],
    ['finalizing', false, false],
    ['cancelling', false, false],
    ['completed', true, false],
    ['failed', true, false],
    ['expired', true, false],
    ['cancelled', true, false],
  ])('that is %s has ended: %s, may be cancelled: %s', (status, ended, cancellable) => {
    expect([hasEnded({ status }), mayBeCancelled({ status })]).toEqual([ended, cancellable]);
  });

  it('takes lines that nobody waits for any more as not asked, and others as to come', () => {
    expect(lineCounts({ status: 'in_progress', request_counts })).toMatchObject({
      accepted: 4,
      cancelled: 0,
    });
    expect(lineCounts({ status: 'expired', request_counts })).toMatchObject({ failed: 1, cancelled: 5 });
  });

  it('has moments as the rest of the page has them', () => {
    expect([momentOf(0), momentOf(null), momentOf(undefined)]).toEqual([
      '1970-01-01T00:00:00.000Z',
      null,
      null,
    ]);
  });
});
