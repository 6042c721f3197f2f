import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { identifyProcess } from '#embedded-services';
import { launchNodeProgram, ProgramStartError, type NodeProgram } from './node-program.js';

let home: string;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'beacon program-'));
});
afterAll(() => rm(home, { recursive: true, force: true }));

let scripts = 0;
async function aProgram(source: string, options: Partial<NodeProgram> = {}) {
  const script = join(home, `script-${(scripts += 1)}.mjs`);
  await writeFile(script, source);
  const lines: string[] = [];
  const pids: number[] = [];
  const program: NodeProgram = {
    ...{ name: 'router', script, parameters: [], environment: {} },
    ...{ drainMs: 20_000, readyTimeoutMs: 20_000 },
    onLine: (line) => lines.push(line),
    onSpawn: (pid) => pids.push(pid),
    ...options,
  };
  return { program, lines, pids };
}

const never = new AbortController().signal;
const STAY = 'setInterval(() => {}, 1000);';

describe('starting a program', () => {
  it('resolves when it says that it accepts work, with its URL, its own environment and every line it wrote', async () => {
    const source = `
      console.log(JSON.stringify(Object.keys(process.env).filter((name) => !name.startsWith('NODE_CHANNEL'))));
      console.error('to stderr ' + process.argv[2]);
      process.on('SIGTERM', () => { console.log('bye'); process.exit(0); });
      process.send({ type: 'unknown' });
      process.send({ type: 'ready', url: 'http://127.0.0.1:1' }); ${STAY}`;
    const { program, lines, pids } = await aProgram(source, {
      environment: { ONLY: 'this' },
      parameters: ['parameter'],
    });
    const running = await launchNodeProgram(program, never);
    expect(running.url).toBe('http://127.0.0.1:1');
    expect(pids).toEqual([running.pid]);
    await running.stop();
    expect(await running.exited).toEqual({ code: 0, signal: null });
    expect(lines).toEqual(expect.arrayContaining(['["ONLY"]', 'to stderr parameter']));
  });

  it('says with which code and for which reason a program ended before it was ready', async () => {
    const { program } = await aProgram(
      `console.error('beacon router: NATS_URL is not valid'); process.exit(78);`,
    );
    const failure = await launchNodeProgram(program, never).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(ProgramStartError);
    expect(failure).toMatchObject({
      exitCode: 78,
      message: 'router could not start: it ended with code 78: beacon router: NATS_URL is not valid',
    });
  });

  it('ends a program that is never ready', async () => {
    const { program, pids } = await aProgram(STAY, { readyTimeoutMs: 300 });
    await expect(launchNodeProgram(program, never)).rejects.toThrow(
      'router could not start: it was not ready within 0.3 s',
    );
    expect(await identifyProcess(pids[0] ?? 0)).toBeUndefined();
  });

  it('ends a program whose start is called off', async () => {
    const abort = new AbortController();
    const { program, pids } = await aProgram(STAY, { onSpawn: () => abort.abort(new Error('called off')) });
    await expect(launchNodeProgram(program, abort.signal)).rejects.toThrow('called off');
    expect(pids).toEqual([]);
  });

  it('kills a program that does not heed SIGTERM', async () => {
    const { program } = await aProgram(
      `process.on('SIGTERM', () => {}); process.send({ type: 'ready' }); ${STAY}`,
      { drainMs: 50 },
    );
    const running = await launchNodeProgram(program, never);
    await running.stop();
    expect(await running.exited).toEqual({ code: null, signal: 'SIGKILL' });
  });
});
