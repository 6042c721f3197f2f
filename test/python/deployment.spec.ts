import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';

const FOLDER = 'modal-deployment';
const PYTHON = resolve(FOLDER, '.venv/bin/python');
const LIMIT_MS = 300_000;

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
const tests = existsSync(PYTHON) ? describe : describe.skip;
if (!existsSync(PYTHON))
  process.stderr.write('left out: the tests of modal-deployment/ need Python (npm run setup:python)\n');

tests('the Python deployments', () => {
  it(
    'pass their own tests',
    async () => {
      const said = await tool('pytest', '--no-header');
      process.stdout.write(`modal-deployment: ${said.trim().split('\n').at(-1) ?? ''}\n`);
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
