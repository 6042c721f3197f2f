import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';

const HERE = dirname(fileURLToPath(import.meta.url));
const RULES = Array.from({ length: 29 }, (_none, index) => index + 1);

/** Spec files by the numbers of the rules in their titles. */
const TESTED = new Map<number, Set<string>>();
for (const file of readdirSync(HERE, { recursive: true, encoding: 'utf8' })) {
  if (!file.endsWith('.spec.ts') || file === 'rules.spec.ts') continue;
  // A title stands behind `it(`, or behind the table of an `it.each`.
  for (const [, number] of readFileSync(join(HERE, file), 'utf8').matchAll(/\(\s*['"`]rule (\d+): /g)) {
    const files = TESTED.get(Number(number)) ?? new Set();
    TESTED.set(Number(number), files.add(file));
  }
}

/** The rows of the README's table: number, modelled, where, tested by. */
const ROWS = readFileSync(join(HERE, 'README.md'), 'utf8')
  .split('\n')
  .map((line) => line.split('|').map((cell) => cell.trim()))
  .filter(([, rule]) => /^\d+ /.test(rule ?? ''))
  .map(([, rule = '', where = '', specs = '']) => ({
    number: Number.parseInt(rule, 10),
    where: quoted(where),
    specs: quoted(specs),
  }));

describe('the rules of Modal', () => {
  it.each(RULES)('rule %i has a test that names it', (rule) => {
    expect([...(TESTED.get(rule) ?? [])]).not.toEqual([]);
  });

  it('no test names a rule that is none', () => {
    expect([...TESTED.keys()].filter((rule) => !RULES.includes(rule))).toEqual([]);
  });

  it('the README lists each of them once, in order', () => {
    expect(ROWS.map(({ number }) => number)).toEqual(RULES);
  });

  it.each(RULES)('the README says of rule %i where it is, in files that exist', (rule) => {
    const { where = [] } = ROWS.find(({ number }) => number === rule) ?? {};
    expect(where).not.toEqual([]);
    expect(where.filter((file) => !existsSync(join(HERE, file)))).toEqual([]);
  });

  it.each(RULES)('the README names exactly the specs that test rule %i', (rule) => {
    const { specs = [] } = ROWS.find(({ number }) => number === rule) ?? {};
    expect([...specs].sort()).toEqual([...(TESTED.get(rule) ?? [])].sort());
  });
});

function quoted(cell: string): string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, text = '']) => text);
}
