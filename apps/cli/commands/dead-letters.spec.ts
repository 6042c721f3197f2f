import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { ProblemError } from '#contracts';
import { main } from '../main.js';

const ID = '7f8e6c2a-6a3c-4e61-9a0e-0f4c0a1b2c3d';
const NEW_ID = '0f8e6c2a-6a3c-4e61-9a0e-0f4c0a1b2c3d';
const LETTER = {
  ...{
    job_id: ID,
    task_id: null,
    tenant: 'anna',
    code: 'MODEL_ERROR',
    detail: 'what\nit said',
    model: 'llama',
    region: 'US',
  },
  ...{ endpoint_id: 'us-llama', task_type: null, run_id: null, attempt_count: 1, poison: true },
  ...{ payload_sha256: null, state: 'open', redriven_as: null, redriven_from: null, resolved_at: null },
  ...{ resolved_by: null, reason: null, failed_at: '2026-11-22T12:00:00.000Z', erased_at: null },
};
const ATTEMPT = {
  ...{ attempt: 1, endpoint_id: 'us-llama', region: 'US', status: 'failed', error_code: 'MODEL_ERROR' },
  ...{ detail: null, http_status: 200, execution_ms: 5, started_at: null, finished_at: null },
};
const ANSWERS: Readonly<Record<string, unknown>> = {
  'GET /dead-letters': {
    dead_letters: [LETTER],
    next_cursor: '7',
    counts: { open: 9, redriven: 1, discarded: 2, poison: 3 },
  },
  [`GET /dead-letters/${ID}`]: { ...LETTER, attempts: [ATTEMPT] },
  [`POST /dead-letters/${ID}/redrive`]: { job_id: ID, redriven_as: NEW_ID, already: false },
  [`POST /dead-letters/${ID}/discard`]: { ...LETTER, state: 'discarded' },
  'POST /dead-letters/redrive': {
    ...{ redriven: 2, jobs: [], skipped: [], skipped_by_reason: { JOB_OF_RUN: 4 }, more: true },
  },
  'POST /dead-letters/discard': { discarded: 5, more: false },
};

describe('beacon dead-letters', () => {
  let server: Server;
  let url: string;
  let folder: string;
  const received: { request: string; query: string; key: string | undefined; body: unknown }[] = [];
  const written: string[] = [];

  beforeAll(async () => {
    server = createServer((request, response) => {
      let text = '';
      request.on('data', (chunk: Buffer) => (text += chunk.toString()));
      request.on('end', () => {
        const [path = '', query = ''] = (request.url ?? '').split('?');
        const name = `${request.method} ${path}`;
        const body: unknown = text === '' ? undefined : JSON.parse(text);
        received.push({ request: name, query, key: request.headers.authorization, body });
        const refusal = new ProblemError('DEAD_LETTER_NOT_FOUND', 'no dead letter has this id').toProblem();
        const answer = ANSWERS[name] ?? refusal;
        response.writeHead(name in ANSWERS ? 200 : 404, { 'content-type': 'application/json' });
        response.end(JSON.stringify(answer));
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    folder = await mkdtemp(join(tmpdir(), 'beacon-letters-'));
    const keep = (text: string | Uint8Array): boolean => written.push(String(text)) > 0;
    jest.spyOn(process.stdout, 'write').mockImplementation(keep);
    jest.spyOn(process.stderr, 'write').mockImplementation(keep);
  });
  afterAll(async () => {
    jest.restoreAllMocks();
    server.close();
    await rm(folder, { recursive: true });
  });

  async function run(...parameters: string[]) {
    written.length = 0;
    const exitCode = await main(['dead-letters', ...parameters, '--url', url]);
    return { exitCode, output: written.join(''), sent: received.at(-1) };
  }

  it('lists by filter, with the key of a file or of the environment', async () => {
    const keyFile = join(folder, 'key');
    await writeFile(keyFile, 'of-the-file\n');
    const filter = ['--code', 'MODEL_ERROR', '--run', NEW_ID, '--poison', '--state', 'open', '--limit', '5'];
    const listed = await run('list', ...filter, '--key-file', keyFile);
    expect(listed.exitCode).toBe(0);
    expect(listed.sent).toMatchObject({ request: 'GET /dead-letters', key: 'Bearer of-the-file' });
    expect(Object.fromEntries(new URLSearchParams(listed.sent!.query))).toEqual({
      ...{ code: 'MODEL_ERROR', run_id: NEW_ID, poison: 'true', state: 'open', limit: '5' },
    });
    expect(listed.output).toContain('9 open (3 taken for poison), 1 redriven, 2 discarded');
    expect(listed.output).toMatch(new RegExp(`${ID} │ .* │ MODEL_ERROR \\(poison\\) │ llama`));
    expect(listed.output).toContain('more: --cursor 7');
    process.env['BEACON_API_KEY'] = 'of-the-environment';
    try {
      expect((await run('list')).sent!.key).toBe('Bearer of-the-environment');
    } finally {
      delete process.env['BEACON_API_KEY'];
    }
    expect((await run('list')).sent!.key).toBeUndefined();
    expect((await run('list', '--key-file', join(folder, 'missing'))).exitCode).toBe(66);
  });

  it('shows one in full, on lines of its own', async () => {
    const { output } = await run('show', ID);
    expect(output).toContain(`${ID} of anna: MODEL_ERROR, open, taken for poison\n`);
    expect(output).toContain('detail: what it said\n');
    expect(output).toContain('attempt 1: failed in US at us-llama, MODEL_ERROR\n');
    expect(JSON.parse((await run('show', ID, '--json')).output)).toMatchObject({ job_id: ID });
    expect(await run('show', NEW_ID)).toMatchObject({
      exitCode: 1,
      output: 'beacon: refused (DEAD_LETTER_NOT_FOUND): no dead letter has this id\n',
    });
  });

  it('redrives one or many, and many only where that is said', async () => {
    expect((await run('redrive', ID)).output).toBe(`${ID} becomes job ${NEW_ID}\n`);
    const many = await run('redrive', '--model', 'llama', '--limit', '7');
    expect(many.sent!.body).toEqual({ filter: { model: 'llama' }, limit: 7 });
    expect(many.output).toBe('2 redriven\n4 passed over: JOB_OF_RUN\nthere are more: ask again\n');
    const before = received.length;
    expect((await run('redrive')).exitCode).toBe(64);
    expect(received).toHaveLength(before);
    expect((await run('redrive', '--all')).sent!.body).toEqual({ filter: {}, limit: 100 });
  });

  it('discards with a reason, and not without', async () => {
    expect((await run('discard', ID)).exitCode).toBe(64);
    expect((await run('discard', ID, '--reason', 'typo')).sent!.body).toEqual({ reason: 'typo' });
    const many = await run('discard', '--code', 'MODEL_ERROR', '--reason', 'old');
    expect(many.sent!.body).toEqual({ filter: { code: 'MODEL_ERROR' }, limit: 100, reason: 'old' });
    expect(many.output).toBe('5 discarded\n');
  });
});
