import { execFile } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from '@jest/globals';
import type { ICruiseResult, IConfiguration } from 'dependency-cruiser';

/**
 * Each fixture is a tiny tree that breaks the one rule it is named after. Only files whose name begins with
 * `forbidden` break it, with every import they have; all other files are the control: near misses that must
 * stay allowed.
 */
const FIXTURES = join(import.meta.dirname, 'fixtures');
const CRUISER = join(import.meta.dirname, 'cruise-fixtures.mjs');

const { forbidden = [] } = createRequire(import.meta.url)('../../.dependency-cruiser.cjs') as IConfiguration;
const rules = forbidden.map(({ name = 'unnamed' }) => name);
const fixtures = readdirSync(FIXTURES);

describe('the dependency rules', () => {
  let results: Readonly<Record<string, ICruiseResult>>;

  beforeAll(async () => {
    const { stdout } = await promisify(execFile)(process.execPath, [CRUISER, FIXTURES, ...fixtures], {
      maxBuffer: 64 * 1024 * 1024,
    });
    results = JSON.parse(stdout) as Record<string, ICruiseResult>;
  });

  const resultOf = (fixture: string): ICruiseResult => {
    const result = results[fixture];
    if (result === undefined) throw new Error(`no result for ${fixture}`);
    return result;
  };

  it('have one fixture each, and no fixture is left over', () => {
    expect([...fixtures].sort()).toEqual([...rules].sort());
  });

  it('are all errors', () => {
    expect(forbidden.filter(({ severity }) => severity !== 'error')).toEqual([]);
  });

  it.each(rules)('%s fires on every import of the forbidden files, and nothing else fires', (rule) => {
    const expected = readdirSync(join(FIXTURES, rule), { recursive: true, encoding: 'utf8' })
      .filter((path) => /(^|\/)forbidden[^/]*\.ts$/.test(path))
      .flatMap((from) => importsOf(join(FIXTURES, rule, from)).map(() => `${rule}: ${from}`));
    expect(expected.length).toBeGreaterThan(0);
    const violations = resultOf(rule).summary.violations.map(
      ({ rule: { name }, from }) => `${name}: ${from}`,
    );
    expect(violations.sort()).toEqual(expected.sort());
  });

  it('follow every import of every control file', () => {
    for (const fixture of fixtures) {
      for (const path of readdirSync(join(FIXTURES, fixture), { recursive: true, encoding: 'utf8' })) {
        if (!/(^|\/)allowed[^/]*\.[jt]s$/.test(path)) continue;
        const module = resultOf(fixture).modules.find(({ source }) => source === path);
        const imports = importsOf(join(FIXTURES, fixture, path));
        expect(imports.length).toBeGreaterThan(0);
        expect({ path, resolved: module?.dependencies.map((each) => !each.couldNotResolve) }).toEqual({
          path,
          resolved: imports.map(() => true),
        });
      }
    }
  });

  it('are told in CONTRIBUTING.md, folder by folder', () => {
    const edges = (folder: string, libs: readonly string[]): string =>
      `${folder}: ${[...libs].sort().join(', ')}`;
    const ruled = forbidden.flatMap(({ comment = '' }) => {
      const [, folder = '', libs = ''] = /^(\S+) may import (.+)$/.exec(comment) ?? [];
      return folder === '' ? [] : [edges(folder, libs === 'nothing of ours' ? [] : libs.split(', '))];
    });
    const text = readFileSync(join(import.meta.dirname, '..', '..', 'CONTRIBUTING.md'), 'utf8');
    // A table row: the folder, what it holds, what it may import; after a semicolon there is more to say.
    const rows = text.matchAll(/^\| `((?:apps|libs|test)[^`]*?)\/?` +\|[^|]*\|([^|;]*)/gm);
    const told = [...rows].map(([, folder = '', may = '']) =>
      edges(
        folder,
        [...may.matchAll(/`([^`]+)`/g)].map(([, lib]) => lib!),
      ),
    );
    expect(ruled.length).toBeGreaterThan(0);
    expect(told.sort()).toEqual(ruled.sort());
  });

  it('follow #names to the sources', () => {
    const imports = resultOf('apps-router-edges').modules.flatMap(({ dependencies }) => dependencies);
    const named = imports.filter(({ module }) => module.startsWith('#'));
    expect(named.length).toBeGreaterThan(0);
    for (const { module, resolved } of named) expect(resolved).toBe(`libs/${module.slice(1)}/index.ts`);
  });
});

function importsOf(path: string): readonly string[] {
  return [...readFileSync(path, 'utf8').matchAll(/^import .* from '(.+)';$/gm)].map(([, module]) => module!);
}
