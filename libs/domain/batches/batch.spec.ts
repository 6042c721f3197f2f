import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { REQUEST_ERRORS } from '../errors.js';
import { TERMINAL_STATES } from '../job.js';
import { BATCH_ENDPOINTS, keptWords, outcomeOfJob, readBatchLine, waitsForRoom } from './batch-line.js';
import {
  BATCH_EVENTS,
  BATCH_STATUSES,
  batchArrows,
  completionWindowS,
  endOfBatch,
  isBatchFinished,
  nextBatchStatus,
} from './batch.js';

describe('statuses of a batch', () => {
  it('are those of docs/batches.md, arrow by arrow', () => {
    const page = readFileSync(new URL('../../../docs/batches.md', import.meta.url), 'utf8');
    const documented = [...page.matchAll(/^\| `(\w+)` +\| `(\w+)` +\| `(\w+)` +\|/gm)].map(
      ([, from, event, to]) => `${from} ${event} ${to}`,
    );
    expect(documented.sort()).toEqual(
      batchArrows()
        .map(({ from, event, to }) => `${from} ${event} ${to}`)
        .sort(),
    );
  });

  it('are never left once they are final, and always lead to a final one', () => {
    for (const status of BATCH_STATUSES) {
      const following = BATCH_EVENTS.flatMap((event) => nextBatchStatus(status, event) ?? []);
      expect(following.length === 0).toBe(isBatchFinished(status));
    }
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...BATCH_EVENTS), { maxLength: 40 }), (events) => {
        let status: (typeof BATCH_STATUSES)[number] = 'validating';
        let finishedAt: string | undefined;
        for (const event of events) {
          status = nextBatchStatus(status, event) ?? status;
          if (finishedAt !== undefined) expect(status).toBe(finishedAt);
          if (isBatchFinished(status)) finishedAt = status;
        }
      }),
    );
  });

  it('do not read completed where nothing was answered, or where time ran out', () => {
    const count = fc.nat(50_000);
    fc.assert(
      fc.property(count, count, count, count, (completed, failed, expired, cancelled) => {
        const counts = { completed, failed, expired, cancelled };
        const end = nextBatchStatus('finalizing', endOfBatch('finalizing', counts));
        expect(end === 'completed').toBe(completed > 0 && expired === 0);
        expect(end === 'expired').toBe(expired > 0);
        expect(nextBatchStatus('cancelling', endOfBatch('cancelling', counts))).toBe('cancelled');
      }),
    );
  });

  it.each([
    ['24h', 86_400],
    ['15m', 900],
    ['2s', 2],
    ['7d', 604_800],
    ['8d', undefined],
    ['0h', undefined],
    ['24', undefined],
    ['1.5h', undefined],
    ['24h ', undefined],
    ['9999999h', undefined],
  ])('reads the completion window %j as %j seconds', (text, seconds) => {
    expect(completionWindowS(text)).toBe(seconds);
  });
});

describe('a line', () => {
  const good = { custom_id: 'a', method: 'POST', url: '/v1/chat/completions', body: { model: 'm' } };
  const read = (line: unknown): string => {
    const text = typeof line === 'string' ? line : JSON.stringify(line);
    const result = readBatchLine(text, 7, '/v1/chat/completions');
    if ('framed' in result) return 'framed';
    expect(result.fault.line).toBe(7);
    return result.fault.code;
  };

  it.each([
    ['is taken', good, 'framed'],
    ['is no JSON', '{"custom_id":', 'invalid_json_line'],
    ['is a list', [], 'invalid_json_line'],
    ['has no custom_id', { ...good, custom_id: undefined }, 'missing_custom_id'],
    ['has an empty custom_id', { ...good, custom_id: '' }, 'invalid_custom_id'],
    ['has a number for a custom_id', { ...good, custom_id: 7 }, 'invalid_custom_id'],
    ['has a long custom_id', { ...good, custom_id: 'x'.repeat(513) }, 'invalid_custom_id'],
    ['has a custom_id that cannot be stored', { ...good, custom_id: 'a\u0000' }, 'invalid_custom_id'],
    ['has half a character in its custom_id', '{"custom_id":"\\ud800"}', 'invalid_custom_id'],
    ['has another method', { ...good, method: 'GET' }, 'invalid_method'],
    ['has another url', { ...good, url: '/v1/completions' }, 'mismatched_endpoint'],
    ['has no body', { ...good, body: undefined }, 'invalid_body'],
    ['has a text for a body', { ...good, body: 'x' }, 'invalid_body'],
  ])('that %s', (_what, line, code) => {
    expect(read(line)).toBe(code);
  });

  it('is read or refused, whatever it holds', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), fc.constantFrom(...BATCH_ENDPOINTS), (text, endpoint) => {
        const result = readBatchLine(text, 1, endpoint);
        expect('framed' in result || result.fault.line === 1).toBe(true);
      }),
    );
  });

  it('is told of in words that can be stored, and are the same where they are short and could be', () => {
    const text = fc.string({
      unit: fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code)),
    });
    fc.assert(
      fc.property(fc.oneof(text, fc.string({ minLength: 400, maxLength: 1000 })), (words) => {
        const kept = keptWords(words);
        expect(kept.includes('\u0000') || !kept.isWellFormed() || kept.length > 500).toBe(false);
        if (words.length <= 500 && words.isWellFormed() && !words.includes('\u0000'))
          expect(kept).toBe(words);
      }),
    );
    expect(keptWords('a\u0000\ud800')).toBe('a\ufffd\ufffd');
  });

  it('ends as its job did; one that was cancelled by itself has failed', () => {
    expect(
      TERMINAL_STATES.map((state) => [state, outcomeOfJob(state, false), outcomeOfJob(state, true)]),
    ).toEqual([
      ['completed', 'completed', 'completed'],
      ['failed', 'failed', 'failed'],
      ['cancelled', 'failed', 'cancelled'],
      ['expired', 'expired', 'expired'],
    ]);
  });

  it('waits where the refusal passes, and fails where it is about the line', () => {
    expect(REQUEST_ERRORS.filter(waitsForRoom).toSorted()).toEqual([
      'BUDGET_EXHAUSTED',
      'DATABASE_UNAVAILABLE',
      'INTERNAL_ERROR',
      'QUEUE_FULL',
      'RATE_LIMIT_REACHED',
      'SHUTTING_DOWN',
    ]);
  });
});
