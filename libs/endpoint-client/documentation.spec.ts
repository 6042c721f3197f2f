import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';

const RULES = 19;
const fromRoot = (path: string): URL => new URL(`../../${path}`, import.meta.url);
const page = readFileSync(fromRoot('docs/endpoints.md'), 'utf8');
const rows = [...page.matchAll(/^\| (\d+) [^|]+\| `([^`]+)` +\| `([^`]+)` +\|$/gm)].map(
  ([, rule, code, test]) => ({ rule: Number(rule), code: code!, test: test! }),
);

describe('docs/endpoints.md', () => {
  it('lists every rule of the caller once, in order', () => {
    expect(rows.map(({ rule }) => rule)).toEqual(Array.from({ length: RULES }, (_, index) => index + 1));
  });

  it.each(rows)('names a test for rule $rule, and code that exists', ({ rule, code, test }) => {
    if (!code.endsWith('/')) expect(readFileSync(fromRoot(code), 'utf8')).not.toBe('');
    // A spec's title, or in Python the name of a test.
    const named = test.endsWith('.py') ? `def test_caller_rule_${rule}_` : `caller rule ${rule}:`;
    expect(readFileSync(fromRoot(test), 'utf8')).toContain(named);
  });
});
