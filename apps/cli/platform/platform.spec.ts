import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadSettings } from '#config';
import { NatsServerBinError, identifyProcess } from '#embedded-services';
import { createLogger } from '#observability';
import { EXIT_PORT_TAKEN } from '../exit-codes.js';
import type { Programs } from '../installation.js';
import { ProgramStartError } from '../supervision/node-program.js';
import { Platform, type PlatformOptions, type PlatformStatus } from './platform.js';

const CONFIGURATION = `
timeouts: { drain_ms: 60000 }
regions: { US: , EU: }
endpoints:
  - { id: us, region: US, models: [m], url: 'http://127.0.0.1:1/' }
  - { id: eu, region: EU, models: [m], url: 'http://127.0.0.1:1/' }
`;
/** Says that it accepts work, notes its start and its end, and stops when it is told to. */
const WELL_BEHAVED = `
import { appendFileSync } from 'node:fs';
const name = process.argv[1].split('/').at(-1) + ' ' + (process.env.BEACON_REGION ?? '');
const note = (what) => appendFileSync(new URL('journal', import.meta.url), what + ' ' + name.trim() + '\\n');
note('start');
process.on('SIGTERM', () => { note('stop'); process.exit(0); });
process.on('disconnect', () => process.exit(0));
setInterval(() => {}, 1000);
process.send({ type: 'ready' });
`;

/** A stand-in that serves from its second start on. @param robbery what ends the first, of its `port` */
const robbed = (robbery: string): string => `
import { existsSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { connect } from 'node:net';
const port = Number(process.argv[process.argv.indexOf('--port') + 1]);
const mark = new URL('robbed', import.meta.url);
if (existsSync(mark)) {
  for (const event of ['SIGTERM', 'disconnect']) process.on(event, () => process.exit(0));
  const server = createServer((_request, response) => response.end(${JSON.stringify(CONFIGURATION)}));
  server.listen(port, '127.0.0.1', () => process.send({ type: 'ready' }));
} else {
  writeFileSync(mark, '');
  ${robbery}
}
`;

/** It ends once its port is taken, as one does that cannot listen there. */
const ROBBED = robbed(`
  console.log('port ' + port);
  const look = () =>
    connect(port, '127.0.0.1')
      .once('connect', () => process.exit(78))
      .once('error', () => setTimeout(look, 10));
  look();
`);

/** Its port is taken by somebody who is gone again once it says so. */
const ROBBED_IN_PASSING = robbed(`
  const thief = createServer().listen(port, '127.0.0.1', () =>
    createServer().listen(port, '127.0.0.1').on('error', ({ message }) => {
      console.error('beacon stand-in: ' + message);
      thief.close(() => process.exit(78));
    }));
`);

/** The processes are stubs; Postgres and nats-server are somebody else's, so none is started. */
describe('everything on one machine', () => {
  let home: string;
  let programs: Programs;
  let environment: Record<string, string>;
  let statuses: PlatformStatus[];
  let onReady: (status: PlatformStatus) => void;
  let platform: Platform | undefined;

  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), 'beacon platform-'));
    const program = async (name: string): Promise<string> => {
      const path = join(home, name);
      await writeFile(path, WELL_BEHAVED);
      return path;
    };
    programs = {
      router: await program('router.mjs'),
      dispatcher: await program('dispatcher.mjs'),
      runner: await program('runner.mjs'),
      standIn: await program('stand-in.mjs'),
    };
    await writeFile(join(home, 'beacon.yaml'), CONFIGURATION);
    environment = {
      PATH: process.env['PATH'] ?? '',
      BEACON_CONFIG: join(home, 'beacon.yaml'),
      BEACON_DATA_DIR: join(home, 'data'),
      BEACON_PORT: '0',
      DATABASE_URL: 'postgres://127.0.0.1:1/none',
      NATS_URL: 'nats://127.0.0.1:1',
      LOG_LEVEL: 'fatal',
    };
    statuses = [];
    onReady = () => undefined;
  });
  afterEach(async () => {
    await platform?.stop();
    platform = undefined;
    await rm(home, { recursive: true, force: true });
  });

  const start = async (more: Partial<PlatformOptions> = {}): Promise<Platform> => {
    platform = await Platform.start({
      ...{ settings: loadSettings(environment), environment, programs },
      logger: createLogger('test', 'fatal'),
      onLine: () => undefined,
      onReady: (status) => {
        statuses.push(status);
        onReady(status);
      },
      ...more,
    });
    return platform;
  };
  const nextStatus = (): Promise<PlatformStatus> => new Promise((resolve) => (onReady = resolve));
  const journal = async (): Promise<string[]> =>
    (await readFile(join(home, 'journal'), 'utf8')).trim().split('\n');
  const pidsOf = (status: PlatformStatus | undefined): number[] => Object.values(status?.processes ?? {});
  const expectNothingLeft = async (): Promise<void> => {
    for (const pid of statuses.flatMap(pidsOf)) expect(await identifyProcess(pid)).toBeUndefined();
    expect(await readdir(join(home, 'data', 'run'))).toEqual([]);
  };

  it('starts the router, then a dispatcher per region and the runner, and says so once', async () => {
    const { url, processes } = await start();
    expect(statuses).toEqual([{ url, processes }]);
    expect(Object.keys(processes).sort()).toEqual(['dispatcher-EU', 'dispatcher-US', 'router', 'runner']);
    const starts = await journal();
    expect(starts[0]).toBe('start router.mjs');
    expect(starts.slice(1).sort()).toEqual([
      'start dispatcher.mjs EU',
      'start dispatcher.mjs US',
      'start runner.mjs',
    ]);
  });

  it('stops the runner first and leaves nothing', async () => {
    await (await start()).stop();
    const stops = (await journal()).filter((line) => line.startsWith('stop'));
    expect(stops[0]).toBe('stop runner.mjs');
    expect(stops.slice(1).sort()).toEqual([
      'stop dispatcher.mjs EU',
      'stop dispatcher.mjs US',
      'stop router.mjs',
    ]);
    await expectNothingLeft();
  });

  it('starts a killed child again, says that it is ready again, and leaves the others alone', async () => {
    const before = (await start()).processes;
    const again = nextStatus();
    process.kill(before['dispatcher-US'] ?? 0, 'SIGKILL');
    const { processes: after } = await again;
    expect(after['dispatcher-US']).not.toBe(before['dispatcher-US']);
    expect({ ...after, 'dispatcher-US': 0 }).toEqual({ ...before, 'dispatcher-US': 0 });
  });

  it('says it is ready only when every one of several killed children is', async () => {
    const before = (await start()).processes;
    const again = nextStatus();
    for (const name of ['router', 'runner']) process.kill(before[name] ?? 0, 'SIGKILL');
    const { processes: after } = await again;
    expect(Object.keys(after).sort()).toEqual(Object.keys(before).sort());
    expect(new Set([...pidsOf(statuses[0]), ...Object.values(after)]).size).toBe(6);
    expect(statuses).toHaveLength(2);
  });

  it('fails with the reason when a child cannot start, and leaves nothing', async () => {
    await writeFile(programs.runner, `console.error('beacon runner: no way'); process.exit(3);`);
    const failure = await start().catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(ProgramStartError);
    expect(failure).toMatchObject({ exitCode: 3, message: expect.stringContaining('beacon runner: no way') });
    expect((await journal()).filter((line) => line.startsWith('stop'))).toContain('stop router.mjs');
    await expectNothingLeft();
  });

  it('says what failed first, not what was called off for it', async () => {
    for (const name of ['BEACON_CONFIG', 'DATABASE_URL', 'NATS_URL']) delete environment[name];
    environment['NATS_SERVER_BIN'] = join(home, 'no-such-nats-server');
    await expect(start()).rejects.toBeInstanceOf(NatsServerBinError);
    await expectNothingLeft();
  });

  it('touches nothing when the configuration is wrong', async () => {
    await writeFile(join(home, 'beacon.yaml'), `limits: { endpoints: 1 }\n${CONFIGURATION}`);
    await expect(start()).rejects.toThrow('2 endpoints, but limits.endpoints allows 1');
    expect(await readdir(home)).not.toContain('data');
  });

  it('can be called off while it starts', async () => {
    const abort = new AbortController();
    await writeFile(programs.router, 'setInterval(() => {}, 1000); console.log("here");');
    const onLine = (line: string): void => {
      if (line === 'here') abort.abort(new Error('called off'));
    };
    await expect(start({ signal: abort.signal, onLine })).rejects.toThrow('called off');
    await expectNothingLeft();
  });

  it('waits for a drain until it is told not to', async () => {
    const stubborn = WELL_BEHAVED.replace("note('stop'); process.exit(0);", "console.log('draining');");
    await writeFile(programs.router, stubborn);
    let draining: () => void = () => undefined;
    const drains = new Promise<void>((resolve) => (draining = resolve));
    await writeFile(join(home, 'beacon.yaml'), CONFIGURATION.replace('drain_ms: 60000', 'drain_ms: 600000'));
    const running = await start({ onLine: (line) => line === 'draining' && draining() });
    const stopping = running.stop();
    await drains;
    expect(await identifyProcess(running.processes['router'] ?? 0)).toBeDefined();
    running.kill();
    await stopping;
    await expectNothingLeft();
  });

  it('gives the stand-in another port where somebody takes the one that was chosen for it', async () => {
    delete environment['BEACON_CONFIG'];
    await writeFile(programs.standIn, ROBBED);
    // It makes no difference who has it by then.
    const thief: Server = createServer().on('error', () => undefined);
    let stolen: string | undefined;
    const onLine = (line: string): void => {
      const [, port] = /^port (\d+)$/.exec(line) ?? [];
      if (port === undefined) return;
      stolen = port;
      thief.listen(Number(port), '127.0.0.1');
    };
    try {
      const { standInUrl } = await start({ onLine });
      expect(standInUrl).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
      expect(stolen).toBeDefined();
      expect(standInUrl).not.toContain(`:${stolen}`);
    } finally {
      thief.close();
    }
  });

  it('gives it another port where whoever took that one is gone again', async () => {
    delete environment['BEACON_CONFIG'];
    await writeFile(programs.standIn, ROBBED_IN_PASSING);
    expect((await start()).standInUrl).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
  });

  it('refuses a port that was asked for and is taken, and leaves nothing', async () => {
    const thief: Server = createServer();
    await new Promise<void>((resolve) => thief.listen(0, '127.0.0.1', resolve));
    environment['BEACON_PORT'] = String((thief.address() as AddressInfo).port);
    await expect(start()).rejects.toMatchObject({ exitCode: EXIT_PORT_TAKEN });
    await expectNothingLeft();
    thief.close();
  });
});
