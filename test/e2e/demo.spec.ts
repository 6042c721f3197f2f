import { describe, expect, it } from '@jest/globals';
import { spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from '#testing';

const COMMAND = 'apps/cli/bin/beacon.js';

interface Summary {
  readonly ok: boolean;
  readonly cells: { readonly accepted: number; readonly by_region: Readonly<Record<string, number>> };
  readonly unavailable: readonly unknown[];
  readonly attempts: number;
  readonly retries: number;
  readonly faults: readonly { readonly state: string }[];
  readonly account: Readonly<Record<string, number>>;
  readonly checks: readonly { readonly name: string; readonly ok: boolean }[];
  readonly answers: readonly { readonly region: string; readonly endpoint_id: string }[];
}

async function demo(
  parameters: readonly string[],
  environment: Readonly<Record<string, string>>,
  onStderr: (text: string, interrupt: () => void) => void = () => undefined,
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const { PATH = '', HOME = '', NATS_SERVER_BIN = '' } = process.env;
  const child = spawn(process.execPath, [COMMAND, 'demo', ...parameters], {
    env: { PATH, HOME, NATS_SERVER_BIN, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (stdout += chunk));
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    stderr += chunk;
    onStderr(stderr, () => child.kill('SIGINT'));
  });
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, stdout, stderr };
}

/**
 * Five seconds without a call let a container of the demo go: as many as a retry and a machine that stands still may take
 * together. Here they stay, so that each endpoint has to start cold once, and may not do so again.
 */
async function keepContainers(folder: string): Promise<void> {
  const [own = ''] = await readdir(folder);
  const url = await until('the stand-in says where it is', async () => {
    const log = await readFile(join(folder, own, 'demo.log'), 'utf8');
    const ready = log.split('\n').find((line) => line.includes('"event":"stand_in.ready"'));
    return ready === undefined ? undefined : (JSON.parse(ready) as { url: string }).url;
  });
  const { endpoints } = (await (await fetch(`${url}/_stand-in/endpoints`)).json()) as {
    endpoints: { id: string }[];
  };
  for (const { id } of endpoints) {
    const { status } = await fetch(`${url}/_stand-in/endpoints/${id}/autoscaler`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', connection: 'close' },
      body: JSON.stringify({ scaledown_window: 60_000 }),
    });
    expect(status).toBe(200);
  }
}

describe('beacon demo', () => {
  it('gets 64 of 64 answers, each from its own region, through a failing endpoint and a region that goes away', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'beacon demo-'));
    // What is set for a real Beacon must not be used, and must not be in the way.
    const foreign = { DATABASE_URL: 'postgres://127.0.0.1:1/x', NATS_URL: 'nats://127.0.0.1:1' };
    let kept: Promise<void> | undefined;
    const { code, stdout, stderr } = await demo(['--json'], { TMPDIR: folder, ...foreign }, (said) => {
      if (said.includes('All accept work')) kept ??= keepContainers(folder);
    });
    await kept;
    if (code !== 0) throw new Error(`it ended with ${code}: ${stderr}\n${stdout}`);

    const summary = JSON.parse(stdout) as Summary;
    expect(summary.checks.filter(({ ok }) => !ok)).toEqual([]);
    expect(summary.cells).toMatchObject({ accepted: 64, by_region: { US: 16, EU: 24, ASIA: 24 } });
    expect(summary.unavailable).toEqual([{ model: 'mistral-7b', region: 'US' }]);
    expect(summary.answers).toHaveLength(64);
    for (const { region, endpoint_id: endpoint } of summary.answers) {
      expect(endpoint).toMatch(new RegExp(`^${region}-`, 'i'));
    }
    // It was no fair weather.
    expect(summary.faults.map(({ state }) => state)).toEqual(['spent', 'expired']);
    expect(summary.retries).toBeGreaterThan(0);
    expect(summary.account).toMatchObject({
      ...{ calls: 64 + summary.retries, repeated_keys: 0, overlaps: 0, cold_starts: 8 },
    });
    expect(summary.account['redirects_303']).toBeGreaterThan(0);
    expect(summary.account['gpus_peak']).toBeLessThanOrEqual(8);

    expect(stderr).toContain('100 %  64/64  US 16/16  EU 24/24  ASIA 24/24  Q1 8/8');
    expect(stderr).not.toContain('\u001b');
    expect(await readdir(folder)).toEqual([]);
    await rm(folder, { recursive: true });
  });

  it('stops everything and leaves nothing behind when it is interrupted in mid-run', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'beacon demo-'));
    let interrupted = false;
    const { code, stdout } = await demo(['--json'], { TMPDIR: folder }, (stderr, interrupt) => {
      if (interrupted || !stderr.includes('0/64')) return;
      interrupted = true;
      interrupt();
    });
    expect(code).toBe(130);
    expect(stdout).toBe('');
    expect(await readdir(folder)).toEqual([]);
    await rm(folder, { recursive: true });
  });
});
