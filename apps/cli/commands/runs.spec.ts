import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { ProblemError, type RunView } from '#contracts';
import { main } from '../main.js';

const ID = '7f8e6c2a-6a3c-4e61-9a0e-0f4c0a1b2c3d';
const GATE: RunView['gates'][number] = {
  ...{ gate_id: 'first', after_question: 'first', status: 'pending', expires_in_s: 60 },
  ...{ waiting_since: null, expires_at: null, decided_at: null },
};
const counts = { total: 4, accepted: 1, substituted: 0, failed: 3, running: 0, pending: 0, cancelled: 0 };
const RUN: RunView = {
  ...{ run_id: ID, name: '', status: 'running', cancelling: false, order: 'pipeline', total_cells: 4 },
  ...{ created_at: '2026-11-22T15:00:00.000Z', started_at: null, finished_at: null },
  ...{ models: ['m'], regions: ['US'], repeats: 1, region_policy: 'pin', seed: null },
  ...{ question_order: 'given', eta_seconds: null, max_skew_s: null, worst_skew_s: null, skew_kept: null },
  ...{ gates: [], unavailable: [], webhooks: null },
  progress: { ...counts, by_question: [], by_region: {}, by_model: {}, by_pair: [] },
  budget: {
    ...{ usd: 0.0004, gpu_seconds: null, spent_usd: 0.000123, spent_gpu_seconds: 1 },
    ...{ committed_usd: 0, committed_gpu_seconds: 0 },
  },
  plan: {
    ...{ order: 'pipeline', requested_order: 'auto', reason: 'no gates', cells_per_endpoint: {} },
    estimated_makespan_seconds: null,
  },
};
const FAULTS = ['models', 'regions', 'questions', 'repeats'].map((field) => ({
  field,
  message: 'is needed',
}));
const INVALID = new ProblemError(
  'VALIDATION_FAILED',
  'models: is needed; regions: is needed; questions: is needed',
  FAULTS,
);

describe('the command line and what a router says', () => {
  let server: Server;
  let url: string;
  let run: RunView;
  const written = { stdout: '', stderr: '' };

  beforeAll(async () => {
    const job = {
      ...{
        job_id: ID,
        status: 'completed',
        region: 'US',
        region_policy: 'pin',
        model: 'm',
        priority: 'normal',
      },
    };
    const answers: Readonly<Record<string, () => unknown>> = {
      [`GET /runs/${ID}`]: () => run,
      [`GET /runs/${ID}/cells?cursor=0`]: () => ({
        questions: [{ failures: { BUDGET_REACHED: [1] } }, { failures: { MODEL_ERROR: [0] } }],
        next_cursor: 2,
      }),
      [`GET /runs/${ID}/cells?cursor=2`]: () => ({
        questions: [{ failures: { BUDGET_REACHED: [3] } }, {}],
        next_cursor: null,
      }),
      [`POST /runs/${ID}/gates/first/approve`]: () => ({ run_id: ID, gate_id: 'first', status: 'approved' }),
      'POST /inference/queued': () => ({
        ...{ success: true, job_id: job.job_id, status: 'queued', queue_position: 3, region: 'US' },
        ...{
          estimated_wait_seconds: 61,
          message: `accepted; follow it at /inference/status/${ID}`,
          warnings: [],
        },
      }),
      'GET /ledger?format=jsonl': () => '{"entry_no":1}\n',
      'GET /receipts/key': () => '{"kty":"OKP"}',
    };
    server = createServer((request, response) => {
      request.resume().on('end', () => {
        const answer = answers[`${request.method} ${request.url}`]?.();
        response.writeHead(answer === undefined ? 400 : 200, { 'content-type': 'application/json' });
        response.end(typeof answer === 'string' ? answer : JSON.stringify(answer ?? INVALID.toProblem()));
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    for (const name of ['stdout', 'stderr'] as const)
      jest.spyOn(process[name], 'write').mockImplementation((text) => {
        written[name] += typeof text === 'string' ? text : Buffer.from(text).toString();
        return true;
      });
  });
  afterAll(() => {
    jest.restoreAllMocks();
    server.close();
  });
  beforeEach(() => {
    run = RUN;
  });

  async function beacon(...parameters: string[]) {
    Object.assign(written, { stdout: '', stderr: '' });
    const code = await main([...parameters, '--url', url]);
    return { code, ...written };
  }
  const submit = (...options: string[]) =>
    beacon('jobs', 'submit', '--model', 'm', '--prompt', 'x', ...options);

  it('names every fault of a request, a line each, where one line does not hold them', async () => {
    const refused = await beacon('runs', 'pause', ID);
    expect(refused).toMatchObject({ code: 1, stdout: '' });
    expect(refused.stderr.split('\n')).toEqual([
      'beacon: refused (VALIDATION_FAILED): models: is needed; regions: is needed; questions: is needed',
      ...FAULTS.map(({ field }) => `  ${field}: is needed`),
      '',
    ]);
  });

  it('answers a refusal with the problem document, where JSON is asked for', async () => {
    const refused = await beacon('runs', 'pause', ID, '--json');
    expect(refused).toMatchObject({ code: 1, stdout: '' });
    expect(JSON.parse(refused.stderr)).toEqual(INVALID.toProblem());
    expect(refused.stderr.trimEnd()).not.toContain('\n');
  });

  it.each([
    [['runs', 'pause', '--json'], 64, 'WRONG_ARGUMENTS', /missing required argument/],
    [['run', '/no/such/file', '--json'], 66, 'CANNOT_READ', /cannot be read/],
    [['queue', '--json', '--url', 'http://127.0.0.1:1'], 69, 'UNAVAILABLE', /no router answers/],
  ] as const)('has a document for its own failures: %j', async (parameters, code, name, message) => {
    Object.assign(written, { stdout: '', stderr: '' });
    expect(await main(parameters)).toBe(code);
    expect(written.stdout).toBe('');
    expect(JSON.parse(written.stderr)).toEqual({ code: name, message: expect.stringMatching(message) });
  });

  it('takes --json where the answer is a document already', async () => {
    expect(await beacon('receipt', 'key', '--json')).toEqual({
      code: 0,
      stdout: '{"kty":"OKP"}',
      stderr: '',
    });
    expect(await beacon('ledger', 'export', '--json')).toMatchObject({ code: 0, stdout: '{"entry_no":1}\n' });
    expect(await beacon('receipt', 'get', ID, '--json')).toMatchObject({ code: 1, stdout: '' });
    expect(JSON.parse(written.stderr)).toMatchObject({ code: 'VALIDATION_FAILED' });
  });

  it('says of a run that its budget was reached, with digits that can be told apart', async () => {
    run = { ...RUN, status: 'completed_with_failures' };
    const { stdout } = await beacon('runs', 'show', ID);
    expect(stdout).toContain('\nbudget: 0.000123 of 0.0004 USD\n');
    expect(stdout).toContain('\nits budget was reached: 2 cells were not asked\n');
    expect(stdout).toMatch(new RegExp(`with a higher one: beacon runs retry ${ID} --budget-usd USD\\n$`));
  });

  it('approves what is approved already, and says how the gates stand where nothing is to be decided', async () => {
    run = {
      ...RUN,
      gates: [
        { ...GATE, status: 'approved' },
        { ...GATE, gate_id: 'second' },
      ],
    };
    expect(await beacon('runs', 'approve', ID)).toEqual({
      ...{ code: 0, stdout: 'gate first is approved already\n', stderr: '' },
    });
    expect(await beacon('runs', 'reject', ID)).toMatchObject({
      code: 1,
      stderr:
        'beacon: there is nothing to reject: the run is running, its gates: first is approved, second is not reached yet\n',
    });
    run = RUN;
    expect((await beacon('runs', 'approve', ID)).stderr).toContain('the run is running, and has no gates');
  });

  it('names a command, not a path, to follow a job with', async () => {
    expect(await submit()).toEqual({
      ...{ code: 0, stdout: `${ID}\n` },
      stderr: `queued in US: position 3, about 1 min 01 s to wait; follow it: beacon jobs watch ${ID}, or look: beacon jobs status ${ID}\n`,
    });
  });

  it('refuses help for a command that does not exist, with the name that may have been meant', async () => {
    Object.assign(written, { stdout: '', stderr: '' });
    expect(await main(['help', 'qeue'])).toBe(64);
    expect(written).toEqual({
      ...{
        stdout: '',
        stderr: 'beacon: unknown command \'qeue\' (Did you mean queue?) (see "beacon --help")\n',
      },
    });
    expect(await main(['runs', 'help', 'aprove'])).toBe(64);
    expect(written.stderr).toContain('Did you mean approve?');
    expect(await main(['help', 'runs', 'approve'])).toBe(0);
    expect(written.stdout).toContain('Usage: beacon runs approve');
  });
});
