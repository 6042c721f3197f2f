import { describe, expect, it } from '@jest/globals';
import type { LedgerEntryView } from '#contracts';
import type { AccountedCall } from '../stack/stand-in.js';
import { differingCalls } from './differing-calls.js';

const NAME = { job_id: 'job', attempt: 1 };
const SEEN = { ...NAME, endpoint: 'us-m' } as AccountedCall;
const entryOf = (outcome: LedgerEntryView['outcome'], httpStatus: number | null): LedgerEntryView =>
  ({ ...NAME, kind: 'call', endpoint_id: 'us-m', outcome, http_status: httpStatus }) as LedgerEntryView;

const SUCCEEDED = entryOf('succeeded', 200);
const FAILED = entryOf('failed', 500);
const [ORPHANED, CANCELLED] = [entryOf('orphaned', null), entryOf('cancelled', null)];

describe('the calls that the platform saw, against those in the ledger', () => {
  it.each([
    ['each in it once', [SEEN, SEEN], [ORPHANED, SUCCEEDED]],
    ['cancelled before anything was heard of it, and not seen', [], [CANCELLED]],
    ['begun by a dispatcher that died, not seen, and made again', [SEEN], [ORPHANED, SUCCEEDED]],
  ])('agree: %s', (_title, calls, ledger) => {
    expect(differingCalls(calls, ledger)).toEqual([]);
  });

  it('agree where as many are missing as nobody can know of, and no more', () => {
    expect(differingCalls([SEEN, SEEN], [SUCCEEDED], 1)).toEqual([]);
    expect(differingCalls([SEEN, SEEN], [], 1)).toHaveLength(1);
    expect(differingCalls([SEEN], [SUCCEEDED, SUCCEEDED], 1)).toHaveLength(1);
  });

  it.each([
    ['seen and not in it', [SEEN, SEEN], [SUCCEEDED], '2 calls, and 1 entries'],
    ['in it twice', [SEEN], [SUCCEEDED, SUCCEEDED], '1 calls, and 2 entries'],
    ['in it, answered, and not seen', [], [FAILED], '0 calls, and 1 entries'],
    ['cancelled with an answer, and not seen', [], [entryOf('cancelled', 499)], '0 calls, and 1 entries'],
    ['one more than could go unheard', [SEEN], [ORPHANED, SUCCEEDED, SUCCEEDED], '1 calls, and 3 entries'],
  ])('differ: %s', (_title, calls, ledger, words) => {
    expect(differingCalls(calls, ledger)).toEqual([expect.stringContaining(words)]);
  });
});
