import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { ProblemError, type PlannedOrderView, type RunForecastView } from '#contracts';
import { main } from '../main.js';
import { planLines } from '../plan/plan-view.js';

const order = (
  name: PlannedOrderView['order'],
  changes: Partial<PlannedOrderView> = {},
): PlannedOrderView => ({
  ...{ order: name, makespan_s: 500, cost_usd: 1.5, unpriced_gpus: [] },
  gpu_seconds: { cold_start: 1440, busy: 2560, idle: 2400, total: 6400 },
  ...{ cold_starts: 8, peak_gpus: 3, exact: true, feasible: true, infeasible_because: [] },
  ...{ timeline: [], timeline_truncated: false },
  ...changes,
});
const PLAN: RunForecastView = {
  ...{ total_cells: 64, unavailable: [{ model: 'mistral', region: 'US' }] },
  ...{ order: 'pipeline', requested_order: 'auto', reason: 'no gates', feasible: true, gpu_limit: 3 },
  cells_per_endpoint: {},
  orders: [
    order('question', { makespan_s: 7000, feasible: false, infeasible_because: ['takes too long'] }),
    order('region', { cost_usd: null }),
    order('pipeline', { makespan_s: 45 }),
    order('best'),
  ],
  best: { same_as: null, optimal: false, lower_bound_s: 490, gap: 0.0204, sequences: [] },
  times: [],
  notes: ['something is assumed'],
};

describe('beacon plan', () => {
  let server: Server;
  let url: string;
  let folder: string;
  const received: unknown[] = [];
  const written: string[] = [];

  beforeAll(async () => {
    server = createServer((request, response) => {
      let text = '';
      request.on('data', (chunk: Buffer) => (text += chunk.toString()));
      request.on('end', () => {
        const body = JSON.parse(text) as { models?: string[] };
        received.push(`${request.method} ${request.url}`, body);
        const refusal = new ProblemError('UNKNOWN_MODEL', 'models[0]: no endpoint serves "gpt"').toProblem();
        const isKnown = body.models?.[0] !== 'gpt';
        response.writeHead(isKnown ? 200 : refusal.status, { 'content-type': 'application/json' });
        response.end(JSON.stringify(isKnown ? PLAN : refusal));
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    folder = await mkdtemp(join(tmpdir(), 'beacon-plan-'));
    const keep = (text: string | Uint8Array): boolean => written.push(String(text)) > 0;
    jest.spyOn(process.stdout, 'write').mockImplementation(keep);
    jest.spyOn(process.stderr, 'write').mockImplementation(keep);
  });
  afterAll(async () => {
    jest.restoreAllMocks();
    server.close();
    await rm(folder, { recursive: true });
  });

  async function run(file: string, text: string | undefined, ...options: string[]) {
    const path = join(folder, file);
    if (text !== undefined) await writeFile(path, text);
    written.length = 0;
    const exitCode = await main(['plan', path, '--url', url, ...options]);
    return { exitCode, output: written.join('') };
  }

  it('sends a YAML file to the router and prints a row per order', async () => {
    const { exitCode, output } = await run('run.yaml', 'models: [llama]\nregions: [US]\n');
    expect(exitCode).toBe(0);
    expect(received.slice(-2)).toEqual(['POST /runs/plan', { models: ['llama'], regions: ['US'] }]);
    expect(output).toBe(`${planLines(PLAN).join('\n')}\n`);
  });

  it('prints the answer itself with --json', async () => {
    const { output } = await run('run.json', '{"models":["llama"]}', '--json');
    expect(JSON.parse(output)).toEqual(PLAN);
  });

  it('says why a run is refused', async () => {
    expect(await run('gpt.json', '{"models":["gpt"]}')).toEqual({
      exitCode: 1,
      output: 'beacon: the run is refused (UNKNOWN_MODEL): models[0]: no endpoint serves "gpt"\n',
    });
  });

  it('says that a file is missing', async () => {
    const { exitCode, output } = await run('missing.json', undefined);
    expect(exitCode).toBe(66);
    expect(output).toMatch(/missing\.json cannot be read: ENOENT/);
  });

  it('says that no router answers', async () => {
    const { exitCode, output } = await run('run.json', '{}', '--url', 'http://127.0.0.1:1');
    expect({ exitCode, output }).toEqual({
      exitCode: 69,
      output:
        'beacon: no router answers at http://127.0.0.1:1 (bad port): start one with "beacon up", or say where it is with --url or BEACON_URL\n',
    });
  });
});

describe('the view of a plan', () => {
  it('shows each order, marks the one that a run takes, and says what is not known', () => {
    const lines = planLines(PLAN);
    expect(lines[0]).toBe('64 cells, at most 3 GPUs');
    expect(lines[2]).toMatch(
      /^order +│ +time │ cost \(USD\) │ cold starts │ GPUs │ +GPU time │ +of it idle$/,
    );
    expect(lines.slice(4)).toEqual([
      'question   │ 1 h 56 min │       1.50 │           8 │    3 │ 1 h 46 min │ 40 min 00 s',
      'region     │ 8 min 20 s │    unknown │           8 │    3 │ 1 h 46 min │ 40 min 00 s',
      'pipeline * │       45 s │       1.50 │           8 │    3 │ 1 h 46 min │ 40 min 00 s',
      'best       │ 8 min 20 s │       1.50 │           8 │    3 │ 1 h 46 min │ 40 min 00 s',
      '',
      '* pipeline: no gates',
      'best: starts each endpoint once; at most 2.0 % above the optimum',
      'no cells: mistral is not deployed in US',
      'question: takes too long',
      'note: something is assumed',
    ]);
  });
});
