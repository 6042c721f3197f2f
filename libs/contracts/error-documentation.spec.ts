import { readFileSync } from 'node:fs';
import { REQUEST_ERRORS } from '#domain';
import { expect, it } from '@jest/globals';
import { PROBLEMS } from './problems.js';

it('docs/errors.md gives every request error the HTTP status it is answered with', () => {
  const page = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8');
  const documented = [...page.matchAll(/^\| `([A-Z_]+)` +\| (\d{3}) +\|/gm)].map(([, code, status]) => ({
    code,
    status: Number(status),
  }));
  expect(documented).toEqual(REQUEST_ERRORS.map((code) => ({ code, status: PROBLEMS[code].status })));
});
