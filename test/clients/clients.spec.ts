import { describe, expect, it } from '@jest/globals';
import { execFile, spawnSync } from 'node:child_process';

const COMMAND = 'test/clients/clients.js';
const RUN_MS = 600_000;
/**
 * Half of what `npm run clients` compresses by default: the gateway bears 4 s without a sign of life, one of which is due
 * each second, so that it takes no process that stood still for a moment for a dead one.
 */
const TIME_SCALE = '15';
const PYTHON = 'import sys; sys.exit(sys.version_info < (3, 11))';

/** As docs/clients.md has it: the command that people run for the other tools too. */
function clients(...tools: readonly string[]): Promise<{ readonly code: number; readonly lines: string[] }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [COMMAND, ...tools], (error, stdout, stderr) => {
      const code = error === null ? 0 : Number(error.code ?? 1);
      resolve({ code, lines: `${stdout}${stderr}`.trimEnd().split('\n') });
    });
  });
}

/** As the tests of modal-deployment/: they are left out where there is no Python for them. */
const hasPython = ['python3', 'python3.13', 'python3.12', 'python3.11'].some(
  (name) => spawnSync(name, ['-c', PYTHON]).status === 0,
);

describe('the official clients, unmodified, behind a gateway, with a five-minute cold start in the way', () => {
  it(
    hasPython ? 'of npm and of PyPI' : 'of npm; that of PyPI is left out: no Python 3.11 or later here',
    async () => {
      const tools = ['openai-npm', ...(hasPython ? ['openai-python'] : [])];
      const { code, lines } = await clients(...tools, '--time-scale', TIME_SCALE);
      const answers = String.raw`10 answers \(.*chat.*\); 10 jobs, 10 calls paid once, 5 cold starts of 300 s; .*`;
      expect(lines).toEqual([
        expect.stringMatching(
          /^ok {3}without signs of life: the gateway answers 504 after [0-9]+ s of a cold start; /,
        ),
        expect.stringMatching(new RegExp(`^ok {3}openai-npm 6.49.0: ${answers}`)),
        ...(hasPython
          ? [expect.stringMatching(new RegExp(String.raw`^ok {3}openai-python 3\.54\.0: ${answers}`))]
          : []),
      ]);
      expect(code).toBe(0);
    },
    RUN_MS,
  );

  it('says which tools there are, where one is asked for that is not', async () => {
    const { code, lines } = await clients('curl');
    expect(code).toBe(2);
    expect(lines[0]).toBe('there is no tool "curl"');
    expect(lines.join('\n')).toContain('openai-npm, openai-python, promptfoo, inspect-ai, lm-eval');
  });
});
