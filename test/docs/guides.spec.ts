import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { hasPrinted, stepsOf } from './guide.js';
import { Terminal } from './terminal.js';

const GUIDES = join(import.meta.dirname, '..', '..', 'docs', 'guides');
const CHECK_TYPES =
  'npx tsc --noEmit --strict --skipLibCheck --ignoreConfig --module nodenext --target es2023 --types node';
const GUIDE_MS = 420_000;

/** What takes a guide too long here, and where CI runs it all the same. */
const RUN_ELSEWHERE: Readonly<Record<string, { readonly in: string; readonly as: string }>> = {
  'npm ci && npm run demo': { in: '.ci/run', as: 'npm run demo' },
  'npm ci && npm test': { in: '.ci/run', as: 'npm test' },
  'npm ci': { in: '.ci/run', as: 'npm ci' },
  'npm run check': { in: 'package.json', as: '"pretest": "npm run check' },
};

describe('a reader of the guides who does what they say', () => {
  it.each(readdirSync(GUIDES).filter((name) => name.endsWith('.md')))(
    '%s: every command succeeds and prints what is shown',
    async (name) => {
      const steps = stepsOf(readFileSync(join(GUIDES, name), 'utf8'));
      expect(steps.filter(({ kind }) => kind === 'run').length).toBeGreaterThan(0);
      const terminal = await Terminal.open();
      try {
        let printed = '';
        for (const step of steps) {
          const where = `docs/guides/${name}:${step.line}`;
          if (step.kind === 'save') await terminal.save(step.file, step.text);
          else if (step.kind === 'expect') {
            if (!hasPrinted(printed, step.text))
              throw new Error(`${where}: printed was\n${printed}\nand not\n${step.text}`);
          } else {
            const elsewhere = RUN_ELSEWHERE[withoutComments(step.text)];
            if (elsewhere !== undefined) expect(textOf(elsewhere.in)).toContain(elsewhere.as);
            else {
              const [, program] = /^npx tsx (\S+\.ts)$/m.exec(step.text) ?? [];
              // It runs without its types being looked at; a reader's editor looks at them.
              if (program !== undefined) await terminal.run(`${CHECK_TYPES} ${program}`);
              printed = await terminal.run(step.text).catch((error: unknown) => {
                throw new Error(where, { cause: error });
              });
            }
          }
        }
      } finally {
        await terminal.close();
      }
    },
    GUIDE_MS,
  );
});

function withoutComments(text: string): string {
  return text
    .split('\n')
    .map((line) => line.replace(/\s+#.*$/, ''))
    .join('\n')
    .trim();
}

function textOf(path: string): string {
  return readFileSync(join(import.meta.dirname, '..', '..', path), 'utf8');
}
