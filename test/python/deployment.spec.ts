import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';

const FOLDER = 'modal-deployment';
const PYTHON = resolve(FOLDER, '.venv/bin/python');
/** Written last by `setup_env.py`; an interpreter is also what a setup that failed may leave behind. */
const STAMP = resolve(FOLDER, '.venv/beacon-stamp');
const LIMIT_MS = 600_000;

/** Runs a tool of the deployments' own environment. @returns what it printed; throws with it where it fails */
async function tool(...parameters: readonly string[]): Promise<string> {
  const { PATH = '', HOME = '' } = process.env;
  try {
    const { stdout } = await promisify(execFile)(PYTHON, ['-m', ...parameters], {
      cwd: FOLDER,
      env: { PATH, HOME, CI: 'true', PYTHONDONTWRITEBYTECODE: '1' },
      maxBuffer: 64 * 1024 * 1024,
    });
    return stdout;
  } catch (error) {
    const { stdout, stderr } = error as { stdout?: string; stderr?: string };
    throw new Error(`python -m ${parameters.join(' ')} failed:\n${stdout ?? ''}\n${stderr ?? ''}`, {
      cause: error,
    });
  }
}

// eslint-disable-next-line no-restricted-syntax -- said, not hidden: it cannot run without Python
const tests = existsSync(STAMP) ? describe : describe.skip;
if (!existsSync(STAMP))
  process.stderr.write(
    'left out: pytest, ruff and mypy of modal-deployment/, which need its Python packages (npm run setup:python)\n',
  );

tests('the Python deployments', () => {
  it(
    'pass their own tests',
    async () => {
      const said = await tool('pytest', '--no-header', '-rs');
      const lines = said.trim().split('\n');
      for (const line of lines.filter((each) => each.startsWith('SKIPPED')))
        process.stderr.write(`left out: ${line}\n`);
      process.stdout.write(`modal-deployment: ${lines.at(-1) ?? ''}\n`);
      expect(said).toMatch(/\d+ passed/);
    },
    LIMIT_MS,
  );

  it('are as ruff wants them', async () => {
    expect(await tool('ruff', 'check', '--no-cache', '.')).toContain('All checks passed');
    await tool('ruff', 'format', '--no-cache', '--check', '.');
  });

  it(
    'pass strict type checking',
    async () => {
      expect(await tool('mypy')).toContain('Success');
    },
    LIMIT_MS,
  );
});
