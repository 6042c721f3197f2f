import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { CHECKS } from './doctor/finding.js';
import { EXAMPLES, commandsOf } from './examples.js';
import * as exitCodes from './exit-codes.js';
import { createProgram } from './program.js';

const page = (path: string): string =>
  readFileSync(fileURLToPath(new URL(`../../docs/${path}`, import.meta.url)), 'utf8');
const cli = page('cli.md');
const commands = commandsOf(createProgram(() => undefined));
/** Described once for all commands. */
const COMMON = ['--url', '--key-file', '--json'];

/** What stands under the heading of each command. */
const sections = new Map(
  [...cli.matchAll(/^### `beacon ([^`]+)`\n([\s\S]*?)(?=\n##|$(?![\s\S]))/gm)].map(
    ([, title = '', text = '']) => [title.replace(/ [<[].*$/, ''), { title, text }] as const,
  ),
);

describe('docs/cli.md', () => {
  it('has every command, and no other', () => {
    expect([...sections.keys()]).toEqual(commands.map(([name]) => name));
    expect(commands.length).toBeGreaterThan(40);
  });

  it.each(commands)('describes beacon %s as it is: arguments, options and examples', (name, command) => {
    const { title = '', text = '' } = sections.get(name) ?? {};
    const words = command.registeredArguments.map((each) =>
      each.required ? `<${each.name()}>` : `[${each.name()}]`,
    );
    expect(title).toBe([name, ...words].join(' '));
    const documented = [...text.matchAll(/^\| `(--[^`]+)` +\|/gm)].map(([, flags]) => flags);
    const common = COMMON.filter((flag) =>
      text.split('\n').some((line) => line.startsWith('Takes ') && line.includes(flag)),
    );
    const flagsOf = command.options.map(({ flags, long }) => (common.includes(long ?? '') ? long : flags));
    expect([...documented, ...common].sort()).toEqual([...flagsOf].sort());
    const [, block = ''] = /```sh\n([\s\S]*?)```/.exec(text) ?? [];
    expect(block.trimEnd().split('\n')).toEqual(EXAMPLES[name]);
  });

  it('shows examples whose options exist, for each command and for none that does not exist', () => {
    const unknown = commands.flatMap(([name, { options }]) =>
      (EXAMPLES[name] ?? []).flatMap((line) =>
        [...line.matchAll(/ (--[a-z-]+)/g)]
          .map(([, long]) => long)
          .filter((long) => !options.some((option) => option.long === long))
          .map((long) => `${name} ${long}`),
      ),
    );
    expect(unknown).toEqual([]);
    expect(Object.keys(EXAMPLES).sort()).toEqual(commands.map(([name]) => name).sort());
  });

  it('is about the version that package.json names and --version prints', () => {
    const { version } = JSON.parse(page('../package.json')) as { version: string };
    expect(createProgram(() => undefined).version()).toBe(version);
    expect(cli).toContain('`beacon --version`');
  });

  it('lists every exit code, and no other', () => {
    const [, table = ''] = /## Exit codes\n\n([\s\S]*?)\n\n/.exec(cli) ?? [];
    const documented = [...table.matchAll(/^\| (\d+) +\|/gm)].map(([, code]) => Number(code));
    expect(documented).toEqual([...new Set(Object.values(exitCodes))].sort((left, right) => left - right));
  });
});

describe('docs/operations/doctor.md', () => {
  it('has a row for each check, with its severity', () => {
    const rows = [...page('operations/doctor.md').matchAll(/^\| `([a-z_]+)` +\| (error|warning) +\|/gm)];
    expect(rows.map(([, code, severity]) => [code, severity])).toEqual(Object.entries(CHECKS));
  });
});
