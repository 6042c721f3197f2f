import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import {
  ATTEMPT_ERRORS,
  ATTEMPT_ERROR_CODES,
  CELL_ERROR_CODES,
  JOB_ERRORS,
  JOB_ERROR_CODES,
  REQUEST_ERRORS,
  traitsOf,
} from './errors.js';

const page = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8');

/** Rows of the first table under a heading, header left out, as cells without backquotes. */
function tableUnder(heading: string): readonly (readonly string[])[] {
  const start = page.indexOf(`\n## ${heading}\n`);
  if (start < 0) throw new Error(`docs/errors.md has no heading "${heading}"`);
  const [table = ''] = /(^\|.*\n)+/m.exec(page.slice(start)) ?? [];
  const [, , ...rows] = table.trimEnd().split('\n');
  return rows.map((row) =>
    row
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim().replaceAll('`', '')),
  );
}

function retryableWord(code: (typeof ATTEMPT_ERROR_CODES)[number]): string {
  const { retryable, once } = traitsOf(code);
  return once === true ? 'once' : retryable ? 'yes' : 'no';
}

describe('docs/errors.md', () => {
  it('lists every attempt error with its retryability and scope, and no other', () => {
    const documented = tableUnder('Attempt errors').map(([code, retryable, scope]) => ({
      code,
      retryable,
      scope,
    }));
    expect(documented).toEqual(
      ATTEMPT_ERROR_CODES.map((code) => ({
        code,
        retryable: retryableWord(code),
        scope: ATTEMPT_ERRORS[code].scope,
      })),
    );
  });

  it('lists every job error, and no other', () => {
    expect(tableUnder('Job errors').map(([code]) => code)).toEqual(JOB_ERROR_CODES);
  });

  it('lists every cell error, and no other', () => {
    expect(tableUnder('Cell errors').map(([code]) => code)).toEqual(CELL_ERROR_CODES);
  });

  it('lists every request error, and no other', () => {
    expect(tableUnder('Request errors').map(([code]) => code)).toEqual(REQUEST_ERRORS);
  });

  it('says in every cell what happened and what to do', () => {
    for (const heading of ['Attempt errors', 'Job errors', 'Cell errors', 'Request errors']) {
      for (const row of tableUnder(heading)) expect(row.filter((cell) => cell === '')).toEqual([]);
    }
  });

  it('names no code that does not exist', () => {
    const known = new Set<string>([
      ...ATTEMPT_ERROR_CODES,
      ...JOB_ERROR_CODES,
      ...CELL_ERROR_CODES,
      ...REQUEST_ERRORS,
    ]);
    const settings = new Set(['MODAL_KEY', 'MODAL_SECRET', 'BEACON_WEBHOOK_SECRET', 'BEACON_API_KEYS_FILE']);
    const named = [...page.matchAll(/`([A-Z]+(?:_[A-Z]+)+)`/g)].map(([, name]) => name!);
    expect(named.filter((name) => !known.has(name) && !settings.has(name))).toEqual([]);
  });
});

describe('error codes', () => {
  it('belong to one catalogue each', () => {
    const all = [...ATTEMPT_ERROR_CODES, ...JOB_ERROR_CODES, ...CELL_ERROR_CODES, ...REQUEST_ERRORS];
    expect(all.length).toBe(new Set<string>(all).size);
  });

  it('are never retryable where the request itself is at fault', () => {
    const atFault = ATTEMPT_ERROR_CODES.filter((code) => traitsOf(code).scope === 'request');
    expect(atFault.length).toBeGreaterThan(0);
    expect(atFault.filter((code) => traitsOf(code).retryable)).toEqual([]);
  });

  it('of jobs are final', () => {
    expect(Object.values(JOB_ERRORS).map(({ retryable }) => retryable)).toEqual(
      JOB_ERROR_CODES.map(() => false),
    );
  });
});
