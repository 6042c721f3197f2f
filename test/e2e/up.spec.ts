import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

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
const POLL_MS = 50;

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
  const deadline = performance.now() + START_MS;
  for (const pid of pids) {
    while (await isAlive(pid)) {
      if (performance.now() > deadline) throw new Error(`process ${pid} is still there`);
      await delay(POLL_MS);
    }
  }
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
  }, START_MS);
  afterAll(() => rm(home, { recursive: true, force: true }));

  it(
    'serves, starts every killed child again with its data intact, refuses a second start, and ends with 0',
    async () => {
      const dataDir = join(home, 'serves');
      const first = up(['--data-dir', dataDir]);
      const { event, url, processes } = await first.ready();
      expect(event).toBe('ready');
      expect(Object.keys(processes).sort()).toEqual(EVERYONE);

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
      const status = await until(async () => {
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

  it(
    'stops in the middle of a start and ends with 0',
    async () => {
      const dataDir = join(home, 'interrupted');
      const one = up(['--data-dir', dataDir], { LOG_LEVEL: 'info' });
      await until(async () => (one.stderr.includes('"child.ready"') ? true : undefined));
      one.signal('SIGTERM');
      expect(await one.ended).toBe(0);
      expect(one.lines).toEqual([]);
    },
    START_MS,
  );

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

    it.each(cases)(
      '%s',
      async (title, given, exitCode, message) => {
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
      },
      START_MS,
    );

    it(
      'a port that is taken',
      async () => {
        const occupier = createServer().listen(0, '127.0.0.1');
        await new Promise((resolve) => occupier.once('listening', resolve));
        const { port } = occupier.address() as AddressInfo;
        const one = up(['--data-dir', join(home, 'port'), '--port', String(port)]);
        expect(await one.ended).toBe(75);
        expect(one.stderr).toMatch(new RegExp(`^beacon: port ${port} \\(BEACON_PORT\\) is taken`, 'm'));
        occupier.close();
      },
      START_MS,
    );
  });
});

/** Asks until there is an answer. */
async function until<T>(ask: () => Promise<T | undefined>): Promise<T> {
  const deadline = performance.now() + START_MS;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (performance.now() > deadline) throw new Error('it did not come to that in time');
    await delay(POLL_MS);
  }
}
