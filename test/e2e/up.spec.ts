import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from '#testing';
import { readLedger } from '../stack/read-ledger.js';

interface ReadyLine {
  readonly event: string;
  readonly url: string;
  readonly processes: Readonly<Record<string, number>>;
}

const COMMAND = 'apps/cli/bin/beacon.js';
const SERVICES = ['nats', 'postgres'];
const EVERYONE = [
  ...['dispatcher-ASIA', 'dispatcher-EU', 'dispatcher-US', 'modal-stand-in'],
  ...['nats', 'postgres', 'router', 'runner'],
];
const START_MS = 120_000;

/** One `beacon up`, seen from outside. */
class Up {
  readonly lines: ReadyLine[] = [];
  stderr = '';
  readonly ended: Promise<number | null>;
  private readonly child: ChildProcess;
  private changed: () => void = () => undefined;

  constructor(parameters: readonly string[], environment: Readonly<Record<string, string>> = {}) {
    const { PATH = '', HOME = '' } = process.env;
    const env = { PATH, HOME, LOG_LEVEL: 'warn', BEACON_PORT: '0', ...natsServerBin(), ...environment };
    this.child = spawn(process.execPath, [COMMAND, 'up', ...parameters], {
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let rest = '';
    this.child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      this.lines.push(...lines.map((line) => JSON.parse(line) as ReadyLine));
      this.changed();
    });
    this.child.stderr?.setEncoding('utf8').on('data', (chunk: string) => (this.stderr += chunk));
    this.ended = new Promise((resolve) =>
      this.child.once('close', (code) => {
        resolve(code);
        this.changed();
      }),
    );
  }

  /** The `count`th ready line, counted from 1. */
  async ready(count = 1): Promise<ReadyLine> {
    const deadline = performance.now() + START_MS;
    for (;;) {
      const line = this.lines[count - 1];
      if (line !== undefined) return line;
      if (this.child.exitCode !== null)
        throw new Error(`it ended with ${this.child.exitCode}: ${this.stderr}`);
      if (performance.now() > deadline) throw new Error(`not ready in time: ${this.stderr}`);
      await new Promise<void>((resolve) => {
        this.changed = resolve;
      });
    }
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }
}

/** The tests need not fetch what the machine that runs them has. */
function natsServerBin(): Record<string, string> {
  const given = process.env['NATS_SERVER_BIN'];
  return given === undefined ? {} : { NATS_SERVER_BIN: given };
}

async function isAlive(pid: number): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  // An ended process whose parent has not looked yet is not alive.
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return !/\) [ZX] /.test(stat);
}

async function untilGone(pids: readonly number[]): Promise<void> {
  for (const pid of pids) await until(`process ${pid} is gone`, async () => !(await isAlive(pid)));
}

async function posted(url: string, body: object): Promise<Record<string, unknown>> {
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
  return (await answer.json()) as Record<string, unknown>;
}

/** Sixty seconds of the stand-in pass in one: plans, answers and the ledger all count in seconds of those who wait. */
async function expectOneClock(url: string): Promise<void> {
  const model = 'qwen2.5-1.5b';
  const questions = [{ id: 'q', text: 'What is 2+2?' }];
  const plan = await posted(`${url}/runs/plan`, { questions, models: [model], regions: ['EU'] });
  expect(plan).toMatchObject({
    orders: Array(4).fill(expect.objectContaining({ makespan_s: (150 + 30) / 60 })),
    notes: [
      `no warm call of ${model} in EU has been seen: 0.5 s each assumed`,
      `no cold start of ${model} in EU has been seen: 2.5 s each assumed`,
    ],
  });
  const pinned = { region_preference: 'EU', region_policy: 'pin' };
  const { job_id: id } = await posted(`${url}/inference/queued`, { model, prompt: 'Why?', ...pinned });
  const entry = await until('its call is in the ledger', async () =>
    (await readLedger(url)).find(({ job_id: jobId, accepted }) => jobId === id && accepted),
  );
  // The container boots for 1 simulated second and loads for 120 at least, whatever else delays the call.
  expect(entry).toMatchObject({ cold_start: true, busy_ms: expect.any(Number) });
  expect(entry.cold_start_ms).toBeGreaterThan(1900);
}

describe('beacon up', () => {
  let home: string;
  const started: Up[] = [];
  const up = (parameters: readonly string[], environment?: Readonly<Record<string, string>>): Up => {
    const one = new Up(parameters, environment);
    started.push(one);
    return one;
  };

  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), 'beacon up-'));
  });
  afterEach(async () => {
    for (const one of started.splice(0)) {
      one.signal('SIGTERM');
      await one.ended;
    }
  });
  afterAll(() => rm(home, { recursive: true, force: true }));

  it(
    'serves on one clock, starts every killed child again with its data intact, refuses a second start, and ends with 0',
    async () => {
      const dataDir = join(home, 'serves');
      const first = up(['--data-dir', dataDir]);
      const { event, url, processes } = await first.ready();
      expect(event).toBe('ready');
      // The page, as the processes themselves serve it.
      const page = await (await fetch(url)).text();
      const [, script = ''] = /<script [^>]*src="\.(\/[^"]+)"/.exec(page) ?? [];
      expect([(await fetch(`${url}${script}`)).headers.get('content-type'), script]).toEqual([
        expect.stringContaining('javascript'),
        expect.stringMatching(/^\/assets\//),
      ]);
      expect(Object.keys(processes).sort()).toEqual(EVERYONE);

      await expectOneClock(url);
      const answer = await fetch(`${url}/inference/queued`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ model: 'llama3.2-1b', prompt: 'Hello', region_preference: 'US' }),
      });
      expect(answer.status).toBe(202);
      const { job_id: jobId } = (await answer.json()) as { job_id: string };

      let current = processes;
      let readyLines = 1;
      for (const name of EVERYONE) {
        const victim = current[name]!;
        // It may have ended by itself, because a service that it needs went away: that is a restart as well.
        if (await isAlive(victim)) process.kill(victim, 'SIGKILL');
        do current = (await first.ready((readyLines += 1))).processes;
        while (current[name] === victim);
        expect(Object.keys(current).sort()).toEqual(EVERYONE);
      }
      const status = await until('the job is known', async () => {
        const reply = await fetch(`${url}/inference/status/${jobId}`).catch(() => undefined);
        return reply?.status === 200 ? ((await reply.json()) as { status: string }) : undefined;
      });
      expect(status).toMatchObject({ job_id: jobId });

      const second = up(['--data-dir', dataDir]);
      expect(await second.ended).toBe(73);
      expect(second.stderr).toMatch(/^beacon: another Beacon \(process \d+\) runs on this data folder/);
      expect((await fetch(`${url}/health/live`)).status).toBe(200);

      first.signal('SIGTERM');
      expect(await first.ended).toBe(0);
      await untilGone(Object.values(current));
    },
    3 * START_MS,
  );

  it(
    'recovers from being killed itself: programs end, services are found and stopped, the next start serves',
    async () => {
      const dataDir = join(home, 'killed');
      const killed = up(['--data-dir', dataDir]);
      const { processes } = await killed.ready();
      killed.signal('SIGKILL');
      await killed.ended;
      await untilGone(
        Object.entries(processes)
          .filter(([name]) => !SERVICES.includes(name))
          .map(([, pid]) => pid),
      );
      for (const name of SERVICES) expect(await isAlive(processes[name]!)).toBe(true);

      const next = up(['--data-dir', dataDir]);
      const { url } = await next.ready();
      for (const name of SERVICES) expect(await isAlive(processes[name]!)).toBe(false);
      expect((await fetch(`${url}/health/live`)).status).toBe(200);
    },
    3 * START_MS,
  );

  it('stops in the middle of a start and ends with 0', async () => {
    const dataDir = join(home, 'interrupted');
    // Says nothing: whoever asks it stays where it is, and the start with it.
    const silent = createServer().listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const asked = once(silent, 'connection');
    const { port } = silent.address() as AddressInfo;
    const settings = { LOG_LEVEL: 'info', NATS_URL: `nats://127.0.0.1:${port}` };
    const one = up(['--data-dir', dataDir], settings);
    const [socket] = (await asked) as [Socket];
    const ready = [...one.stderr.matchAll(/"child.ready","child":"([^"]+)","child_pid":(\d+)/g)];
    expect(ready.map(([, name]) => name).sort()).toEqual(['modal-stand-in', 'postgres']);
    one.signal('SIGTERM');
    expect(await one.ended).toBe(0);
    expect(one.lines).toEqual([]);
    await untilGone(ready.map(([, , pid]) => Number(pid)));
    socket.destroy();
    silent.close();
  });

  describe('says in one line what is wrong, with a code', () => {
    const cases: readonly [
      string,
      () => Promise<{ parameters?: string[]; environment?: Record<string, string> }>,
      number,
      RegExp,
    ][] = [
      [
        'more endpoints than allowed',
        async () => ({ parameters: ['--config', await aConfiguration(`limits: { endpoints: 1 }`)] }),
        78,
        /^beacon: .*too-many.*: endpoints: 2 endpoints, but limits\.endpoints allows 1$/m,
      ],
      [
        'a configuration that is not there',
        async () => ({ parameters: ['--config', join(home, 'none.yaml')] }),
        78,
        /ENOENT/,
      ],
      [
        'an unknown setting',
        async () => ({ environment: { BEACON_PROT: 'secret-value' } }),
        78,
        /^beacon: .*BEACON_PROT/,
      ],
      [
        'a bad setting',
        async () => ({ environment: { NATS_URL: 'secret-value' } }),
        78,
        /^beacon: .*NATS_URL/,
      ],
      [
        'another host without API keys',
        async () => ({ environment: { BEACON_HOST: '0.0.0.0' } }),
        78,
        /BEACON_HOST/,
      ],
      ['a wrong option', async () => ({ parameters: ['--bogus'] }), 64, /unknown option '--bogus'/],
      [
        'a NATS_SERVER_BIN that is none',
        async () => ({ environment: { NATS_SERVER_BIN: '/secret-value' } }),
        78,
        /^beacon: NATS_SERVER_BIN/m,
      ],
    ];

    async function aConfiguration(head: string): Promise<string> {
      const path = join(home, 'too-many.yaml');
      const endpoint = (id: string): string =>
        `  - { id: ${id}, region: US, models: [m], url: 'http://127.0.0.1:1/' }`;
      await writeFile(
        path,
        [head, 'regions: { US: {} }', 'endpoints:', endpoint('a'), endpoint('b'), ''].join('\n'),
      );
      return path;
    }

    it.each(cases)('%s', async (title, given, exitCode, message) => {
      const { parameters = [], environment = {} } = await given();
      const dataDir = join(home, title);
      const one = up(['--data-dir', dataDir, ...parameters], environment);
      expect(await one.ended).toBe(exitCode);
      const said = one.stderr.split('\n').filter((line) => line !== '' && !line.startsWith('{'));
      expect(said).toHaveLength(1);
      expect(said[0]).toMatch(message);
      expect(one.stderr).not.toContain('secret-value');
      expect(one.lines).toEqual([]);
      if (existsSync(join(dataDir, 'run'))) {
        expect(await readdir(join(dataDir, 'run'))).not.toContain('supervisor.lock');
      }
    });

    it('a port that is taken', async () => {
      const occupier = createServer().listen(0, '127.0.0.1');
      await new Promise((resolve) => occupier.once('listening', resolve));
      const { port } = occupier.address() as AddressInfo;
      const one = up(['--data-dir', join(home, 'port'), '--port', String(port)]);
      expect(await one.ended).toBe(75);
      expect(one.stderr).toMatch(new RegExp(`^beacon: port ${port} \\(BEACON_PORT\\) is taken`, 'm'));
      occupier.close();
    });
  });
});
