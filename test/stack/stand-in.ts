import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const PROGRAM = 'dist/apps/modal-stand-in/main.js';
const READY_MS = 30_000;
/**
 * A connection of its own: one that is kept may be closed, idle, by a server in the moment in which a machine that stood
 * still uses it again, and what is no GET is not sent twice.
 */
const ALONE = { connection: 'close' };

/** Simulated seconds per real second. */
export const TIME_SCALE = 20;
export const ENDPOINTS = ['US', 'EU', 'ASIA'].flatMap((region) =>
  ['llama3.2-1b', 'qwen2.5-1.5b', 'mistral-7b']
    .filter((model) => region !== 'US' || model !== 'mistral-7b')
    .map((model) => ({ id: `${region.toLowerCase()}-${model}`, region, model })),
);

/**
 * The demo's eight endpoints, timed for chaos. What is killed comes back in real time: about a second for a process,
 * up to six more until its tickets are delivered again. So time is compressed less than in the demo, a cold start is
 * 2 to 4.5 s and meets several 303s, and the platform keeps a call that nobody waits for 15 real seconds, in place of
 * the 120 at which a restart takes no longer than here. A caller who hangs up is noticed at once, which is the
 * strictest case: an orphan that goes on beside its successor is then always one that should have been found again.
 */
function configuration(seed: number, gpus: number): object {
  const attested: Readonly<Record<string, string>> = { US: 'us-east', EU: 'eu-west', ASIA: 'asia-pacific' };
  return {
    time_scale: TIME_SCALE,
    seed,
    gpus: 10,
    http_timeout_s: 25,
    reattach_window_s: 300,
    cancel_after_s: 0,
    limits: { requests_per_s: 0 },
    beacon: { limits: { gpus } },
    endpoints: ENDPOINTS.map(({ id, region, model }) => ({
      ...{ id, region, attested_region: attested[region], models: [model] },
      gpu: model === 'mistral-7b' ? 'L4' : 'T4',
      ...{ boot_s: 1, load_s: [40, 90], execution_s: [7, 14], scaledown_window_s: 40 },
    })),
  };
}

export interface AccountedCall {
  readonly call_id: string;
  readonly endpoint: string;
  readonly key: string | null;
  readonly job_id: string | null;
  readonly attempt: number | null;
  readonly received_at: string;
  readonly finished_at: string | null;
  readonly outcome: string | null;
  readonly redirects_303: number;
  readonly result_requests: number;
  readonly hung_up: boolean;
}

export interface Account {
  readonly totals: {
    readonly outcomes: Readonly<Record<string, number>>;
    readonly gpus_now: number;
    readonly gpus_peak: number;
    readonly gpu_seconds: number;
    readonly cost_usd: number;
    readonly in_flight: number;
  };
  readonly endpoints: Readonly<
    Record<string, { readonly region: string; readonly overlaps: number; readonly max_in_flight: number }>
  >;
}

/** The platform's double, in a process that nobody kills. */
export class StandIn {
  private constructor(
    readonly url: string,
    private readonly child: ChildProcess,
  ) {}

  /**
   * @param logFd gets its log
   * @param changes top-level keys of its configuration that differ
   */
  static async start(
    folder: string,
    seed: number,
    gpus: number,
    logFd: number,
    changes: Readonly<Record<string, unknown>> = {},
  ): Promise<StandIn> {
    const path = join(folder, 'stand-in.yaml');
    // JSON is YAML.
    await writeFile(path, JSON.stringify({ ...configuration(seed, gpus), ...changes }));
    const child = spawn(process.execPath, [PROGRAM, '--config', path], {
      env: { PATH: process.env['PATH'], LOG_LEVEL: 'warn' },
      stdio: ['ignore', 'pipe', logFd],
    });
    const line = await new Promise<string>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('the stand-in is not ready in time')), READY_MS);
      child.stdout?.setEncoding('utf8').once('data', (text: string) => {
        clearTimeout(timer);
        resolve(text);
      });
      child.once('exit', (code) => reject(new Error(`the stand-in ended with ${code}`)));
    });
    return new StandIn((JSON.parse(line) as { url: string }).url, child);
  }

  async beaconConfiguration(): Promise<string> {
    return (await fetch(`${this.url}/_stand-in/beacon.yaml`)).text();
  }

  account(): Promise<Account> {
    return this.read('account');
  }

  async calls(): Promise<AccountedCall[]> {
    return (await this.read<{ calls: AccountedCall[] }>('account/calls')).calls;
  }

  async fault(fault: Readonly<Record<string, unknown>>): Promise<void> {
    const { status } = await fetch(`${this.url}/_stand-in/faults`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...ALONE },
      body: JSON.stringify(fault),
    });
    if (status !== 201) throw new Error(`the fault was refused with ${status}: ${JSON.stringify(fault)}`);
  }

  async faults(): Promise<readonly { readonly state: string }[]> {
    const answer = await fetch(`${this.url}/_stand-in/faults`);
    return ((await answer.json()) as { faults: { state: string }[] }).faults;
  }

  async clearFaults(): Promise<void> {
    await fetch(`${this.url}/_stand-in/faults`, { method: 'DELETE', headers: ALONE });
  }

  async newBooks(): Promise<void> {
    await fetch(`${this.url}/_stand-in/account/reset`, { method: 'POST', headers: ALONE });
  }

  async stop(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    this.child.kill('SIGKILL');
    await once(this.child, 'exit');
  }

  private async read<T>(path: string): Promise<T> {
    return (await (await fetch(`${this.url}/_stand-in/${path}`)).json()) as T;
  }
}
