import { execFile, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { until } from '#testing';
import { onStack, type Stack } from '../stack/stack.js';
import { ENDPOINTS } from '../stack/stand-in.js';

const COMMAND = 'apps/cli/bin/beacon.js';
const LIMIT_MS = 600_000;
const PLATFORM = {
  endpoints: ENDPOINTS.map(({ id, region, model }) => ({
    ...{
      id,
      region,
      models: [model],
      boot_s: 1,
      load_s: [1, 4],
      execution_s: [1, 4],
      scaledown_window_s: 600,
    },
  })),
};
const RUN = `
name: by hand
questions: [math_basic, { id: tea, text: How is tea made? }]
models: [llama3.2-1b, mistral-7b]
regions: [US, EU]
gates: [{ after_question: math_basic }]
`;

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function commandsAt({ url }: Stack) {
  const env = { ...process.env, BEACON_URL: url, NO_COLOR: '1' };
  const beacon = (parameters: readonly string[], stdin = ''): Promise<Ended> =>
    new Promise((resolve) => {
      const child = execFile(process.execPath, [COMMAND, ...parameters], { env }, (_error, stdout, stderr) =>
        resolve({ code: child.exitCode ?? -1, stdout, stderr }),
      );
      child.stdin?.end(stdin);
    });
  const json = async (...parameters: string[]): Promise<Record<string, unknown>> => {
    const { code, stdout, stderr } = await beacon([...parameters, '--json']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    return JSON.parse(stdout) as Record<string, unknown>;
  };
  return { beacon, json, env };
}

describe('the command line, in front of a whole Beacon', () => {
  it(
    'takes a run from its plan over a gate to answers, a comparison and a receipt that holds',
    () =>
      onStack({ seed: 7, platform: PLATFORM }, async (stack) => {
        const { beacon, json, env } = commandsAt(stack);
        const folder = await mkdtemp(join(tmpdir(), 'beacon-cli-'));
        const file = (name: string): string => join(folder, name);
        await writeFile(file('run.yaml'), RUN);

        const plan = await beacon(['plan', file('run.yaml')]);
        expect(plan).toMatchObject({ code: 0, stderr: '' });
        expect(plan.stdout).toMatch(/^6 cells, at most \d+ GPUs\n[\s\S]* us-llama3\.2-1b +│▒/);

        // From stdin; nothing is watched where stdout is no terminal.
        const submitted = await beacon(['run', '-'], RUN);
        expect(submitted).toMatchObject({ code: 0, stdout: expect.stringMatching(/^[0-9a-f-]{36}\n$/) });
        const id = submitted.stdout.trim();

        // Whoever stops watching leaves the run alone, and is told how to come back.
        const watching = spawn(process.execPath, [COMMAND, 'runs', 'watch', id], { env });
        let [said, complained] = ['', ''];
        watching.stdout.on('data', (text: Buffer) => (said += text.toString()));
        watching.stderr.on('data', (text: Buffer) => (complained += text.toString()));
        const left = new Promise<number | null>((resolve) => watching.once('close', resolve));
        await until('the gate is told', () => Promise.resolve(said.includes('waits for approval')));
        watching.kill('SIGINT');
        expect(await left).toBe(130);
        expect(complained).toContain(`beacon runs watch ${id}`);
        expect(await json('runs', 'show', id)).toMatchObject({ status: 'awaiting_approval' });

        expect(await beacon(['runs', 'approve', id])).toMatchObject({
          code: 0,
          stdout: 'gate math_basic is approved\n',
        });
        const watched = await beacon(['runs', 'watch', id]);
        expect(watched.code).toBe(0);
        expect(watched.stdout).toMatch(/100 % {2}6\/6 .*\n(completed\n)?completed: 6 of 6 cells answered\n/);

        const table = await beacon(['results', id]);
        expect(table.stdout.trimEnd().split('\n')).toHaveLength(7);
        const csv = await beacon(['results', id, '--format', 'csv', '--output', file('answers.csv')]);
        expect(csv).toMatchObject({ code: 0, stdout: '' });
        expect((await readFile(file('answers.csv'), 'utf8')).trimEnd().split('\n')).toHaveLength(7);
        await beacon(['results', id, '--format', 'jsonl', '--output', file('answers.jsonl')]);
        const compared = await beacon(['compare', id, '--question', 'tea']);
        expect(compared.stdout).toMatch(/^tea: How is tea made\?\n\nllama3\.2-1b\n US /);

        await beacon(['receipt', 'get', id, '--output', file('receipt.json')]);
        await beacon(['receipt', 'key', '--output', file('key.json')]);
        const verified = await beacon([
          ...['receipt', 'verify', file('receipt.json'), '--key', file('key.json')],
          ...['--results', file('answers.jsonl')],
        ]);
        expect(verified).toMatchObject({ code: 0, stdout: expect.stringContaining('completed') });

        // A job by itself, and what operators and finance see of it all.
        const job = await beacon([
          ...['jobs', 'submit', '--model', 'mistral-7b', '--region', 'EU', '--policy', 'pin'],
          ...['--prompt', 'Why?', '--watch'],
        ]);
        expect(job).toMatchObject({
          code: 0,
          stdout: expect.stringMatching(/completed, mistral-7b in EU \(pin\)/),
        });
        expect((await beacon(['queue'])).stdout).toMatch(/eu-mistral-7b +│ EU +│ warm/);
        expect((await beacon(['endpoints', '--region', 'eu'])).stdout).not.toContain('us-');
        expect(await json('ledger', 'summary', '--run', id)).toMatchObject({ total: { accepted: 6 } });
        expect((await beacon(['ledger', 'export', '--run', id])).stdout).toMatch(/^entry_no,/);
        expect(await json('runs', 'list')).toMatchObject({ runs: [{ run_id: id, status: 'completed' }] });

        // Whatever is cancelled is not completed, and says so to scripts.
        const again = (await beacon(['run', file('run.yaml'), '--detach'])).stdout.trim();
        expect((await beacon(['runs', 'cancel', again])).code).toBe(0);
        expect((await beacon(['runs', 'watch', again])).code).toBe(2);

        // Refusals say what to do.
        const nobody = '00000000-0000-4000-8000-000000000000';
        expect(await beacon(['runs', 'show', nobody])).toMatchObject({
          code: 1,
          stderr: expect.stringContaining('RUN_NOT_FOUND'),
        });
        expect(await beacon(['queue', '--url', `${stack.url}/nowhere/`])).toMatchObject({
          ...{ code: 1, stderr: expect.stringContaining('ROUTE_NOT_FOUND') },
        });
        expect(await beacon(['run', file('run.yaml'), '--watch', '--detach'])).toMatchObject({ code: 64 });
        expect(await beacon(['doctor', '--url', stack.url])).toMatchObject({
          ...{ code: 0, stdout: expect.stringContaining('nothing to mend') },
        });
        await rm(folder, { recursive: true });
      }),
    LIMIT_MS,
  );
});
