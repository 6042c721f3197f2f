import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { classifyStatus } from './classify.js';

const NOW_MS = Date.parse('2026-11-22T10:00:00Z');
const codeOf = (status: number, body: string): string => classifyStatus(status, body, undefined, NOW_MS).code;

/** What Modal was seen to say, word by word. */
const SAID: readonly (readonly [status: number, body: string, code: string])[] = [
  [401, 'modal-http: missing credentials for proxy authorization', 'ENDPOINT_CREDENTIALS_REJECTED'],
  [401, 'modal-http: invalid credentials for proxy authorization', 'ENDPOINT_CREDENTIALS_REJECTED'],
  [403, 'modal-http: forbidden', 'ENDPOINT_CREDENTIALS_REJECTED'],
  [403, '{"detail":"this prompt is not allowed"}', 'REQUEST_REJECTED'],
  [404, 'modal-http: invalid function call', 'ENDPOINT_NOT_FOUND'],
  [404, 'modal-http: app for invoked web endpoint is stopped', 'ENDPOINT_STOPPED'],
  [404, 'modal-http: workspace ac-AbC123 is disabled', 'WORKSPACE_DISABLED'],
  [404, '{"detail":"Not Found"}', 'ENDPOINT_NOT_FOUND'],
  [408, 'Missing request, possibly due to expiry or cancellation', 'INPUT_UNDELIVERED'],
  [429, 'modal-http: rate limit', 'RATE_LIMITED'],
  [429, 'modal-http: Function f reached pending input queue limit (2000). Try again.', 'UPSTREAM_QUEUE_FULL'],
  [429, 'modal-http: Webhook failed: workspace billing cycle spend limit reached', 'SPEND_LIMIT_REACHED'],
  [500, 'modal-http: internal error: function execution timed out', 'FUNCTION_TIMED_OUT'],
  [500, 'modal-http: internal error: function was terminated by signal SIGKILL', 'UPSTREAM_CRASHED'],
  [500, 'modal-http: internal error: Server has lost track of input', 'INPUT_LOST'],
  [500, 'Internal Server Error', 'UPSTREAM_ERROR'],
  [500, 'modal-http: internal error: something new', 'UPSTREAM_UNKNOWN'],
  [404, 'modal-http: something new', 'UPSTREAM_UNKNOWN'],
  [502, 'modal-http: bad gateway', 'UPSTREAM_UNKNOWN'],
  [502, '', 'UPSTREAM_ERROR'],
  [503, '', 'UPSTREAM_ERROR'],
  [503, 'modal-http: no ready container', 'UPSTREAM_ERROR'],
  [400, 'modal-http: bad redirect method', 'UPSTREAM_UNKNOWN'],
  [400, 'modal-http: prohibited modal header', 'UPSTREAM_UNKNOWN'],
  [400, '{"detail":"prompt is too long"}', 'REQUEST_REJECTED'],
  [413, 'too large', 'REQUEST_REJECTED'],
  [422, '{"detail":[{"loc":["body"]}]}', 'REQUEST_REJECTED'],
  [301, '', 'RESPONSE_INVALID'],
  [204, '', 'RESPONSE_INVALID'],
];

describe('a status other than 200 and 303', () => {
  it.each(SAID)('%d "%s" is %s', (status, body, code) => {
    expect(codeOf(status, body)).toBe(code);
  });

  /** Rows of the page of errors that speak of what is answered to a call. */
  const rows = documentedRows().filter(([, body]) => !body.includes('result'));

  it('is documented in rows of three cells, and nothing else', () => {
    expect(rows.length).toBeGreaterThan(12);
    for (const [, , code] of rows) expect(code).toMatch(/^`[A-Z_]+`$/);
  });

  it('is read by the first row of the page that matches', () => {
    for (const [status, text] of SAID) {
      if (status < 400) continue;
      const row = rows.find(([statuses, body]) => matches(statuses, status) && isIn(body, text));
      expect({ status, text, code: row?.[2].replaceAll('`', '') }).toEqual({
        status,
        text,
        code: codeOf(status, text),
      });
    }
  });

  it('keeps the status, and no word of the body', () => {
    const failure = classifyStatus(500, 'secret prompt', undefined, NOW_MS);
    expect(failure).toMatchObject({ kind: 'failed', http_status: 500 });
    expect(JSON.stringify(failure)).not.toContain('secret');
  });
});

describe('Retry-After', () => {
  it.each([
    ['seconds', '7', 7000],
    ['part of a second', '0.5', 500],
    ['a date', 'Sun, 22 Nov 2026 10:00:30 GMT', 30_000],
    ['a date that has passed', 'Sun, 22 Nov 2026 09:00:00 GMT', 0],
    ['a negative number', '-5', 0],
    ['longer than ten minutes', '86400', 600_000],
    ['a date far away', 'Sun, 22 Nov 2099 10:00:00 GMT', 600_000],
  ])('as %s is understood', (_title, value, waitMs) => {
    expect(classifyStatus(429, '', value, NOW_MS).retry_after_ms).toBe(waitMs);
  });

  it.each([
    ['nothing', undefined],
    ['empty', ''],
    ['words', 'soon'],
    ['infinity', 'Infinity'],
  ])('that says %s is ignored', (_title, value) => {
    expect(classifyStatus(429, '', value, NOW_MS)).not.toHaveProperty('retry_after_ms');
  });
});

/** The table under the heading "What the platform says". */
function documentedRows(): [status: string, body: string, code: string][] {
  const page = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8');
  const [, table = ''] = /### What the platform says\n[^|]+((?:\|.*\n)+)/.exec(page) ?? [];
  return table
    .trimEnd()
    .split('\n')
    .slice(2)
    .map((row) => {
      const cells = row
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim());
      if (cells.length !== 3) throw new Error(`not three cells: ${row}`);
      return [cells[0]!, cells[1]!, cells[2]!];
    });
}

/** @param statuses as `404`, `401, 403` or `4xx, 5xx` */
function matches(statuses: string, status: number): boolean {
  return statuses
    .split(', ')
    .some((one) => one === String(status) || one === `${Math.floor(status / 100)}xx`);
}

/** @param documented `any…`, or a text in backquotes in which `…` stands for something */
function isIn(documented: string, text: string): boolean {
  if (documented.startsWith('any')) return true;
  const [, quoted = ''] = /`([^`]+)`/.exec(documented) ?? [];
  return quoted.split(' … ').every((part) => text.includes(part));
}
