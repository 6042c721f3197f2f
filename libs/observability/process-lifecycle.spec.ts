import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

const BUILT = new URL('../../dist/libs/observability/index.js', import.meta.url).href;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'beacon-lifecycle-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly lines: Record<string, unknown>[];
}

/** Runs a process that stays until something ends it. @param log where its stderr goes; left out: a file that is read */
async function run(body: string, log?: string): Promise<Ended> {
  const path = log ?? join(folder, 'log');
  const script = `
    import { createLogger, exitAtFault, superviseSelf } from ${JSON.stringify(BUILT)};
    const logger = createLogger('spec', 'info');
    exitAtFault(logger);
    setInterval(() => undefined, 1000);
    ${body}`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    stdio: ['ignore', 'ignore', openSync(path, log === undefined ? 'w' : 'a')],
  });
  const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
  if (log !== undefined) return { code, signal, lines: [] };
  const text = await readFile(path, 'utf8');
  const lines = text.split('\n').filter((line) => line !== '');
  return { code, signal, lines: lines.map((line) => JSON.parse(line) as Record<string, unknown>) };
}

describe('a fault that nobody handles', () => {
  it.each([
    ['an exception in a callback', 'setTimeout(() => { throw new Error("broken") });'],
    ['a promise that nobody looks at', 'Promise.reject(new Error("broken"));'],
    [
      'one of several at once',
      'Promise.reject(new Error("broken")); Promise.reject(new Error("too")); setImmediate(() => { throw new Error("as well") });',
    ],
  ])('ends the process with 70 and one line about it: %s', async (_, body) => {
    // Lines from before are in the log as well, however many wait to be written.
    const before = 'for (let n = 0; n < 2000; n += 1) logger.info({ n }, "before");';
    const { code, lines } = await run(`${before} ${body}`);
    expect(code).toBe(70);
    expect(lines).toHaveLength(2001);
    expect(lines.filter(({ level }) => level === 'fatal')).toEqual([
      expect.objectContaining({
        event: 'process.fault',
        service: 'spec',
        err: expect.objectContaining({ message: 'broken', stack: expect.stringContaining('at ') }),
      }),
    ]);
  });

  it('ends the process where its log is full, too', async () => {
    const { code } = await run(
      'logger.info("lost"); setTimeout(() => { throw new Error("broken") }, 50);',
      '/dev/full',
    );
    expect(code).toBe(70);
  });
});

describe('a process whose log is full', () => {
  it('goes on, and ends when it is told to', async () => {
    const body = `
      superviseSelf(logger, () => Promise.resolve());
      for (let n = 0; n < 3; n += 1) {
        logger.info("lost");
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      process.kill(process.pid, 'SIGTERM');`;
    expect(await run(body, '/dev/full')).toMatchObject({ code: 0, signal: null });
  });
});

describe('a process that cannot drain', () => {
  it('says so and ends with 70', async () => {
    const body = `
      superviseSelf(logger, () => Promise.reject(new Error("stuck")));
      process.kill(process.pid, 'SIGTERM');`;
    const { code, lines } = await run(body);
    expect(code).toBe(70);
    expect(lines).toHaveLength(2);
    // In either order: see `StderrLines.flushSync`.
    expect(lines).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ event: 'process.stopping', reason: 'SIGTERM' }),
        expect.objectContaining({ event: 'process.stop_failed', level: 'error' }),
      ]),
    );
  });
});
