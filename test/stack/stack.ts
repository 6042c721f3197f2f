import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, open, readFile, rm, writeFile, type FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { copyPostgresTemplate, identifyProcess, until } from '#testing';
import { ENDPOINTS, StandIn } from './stand-in.js';

const COMMAND = 'apps/cli/bin/beacon.js';
const READY_MS = 90_000;
const STOP_MS = 60_000;
const LOG_TAIL_LINES = 60;

interface ReadyLine {
  readonly url: string;
  readonly processes: Readonly<Record<string, number>>;
}

export interface StackOptions {
  /** Decides what the platform draws. */
  readonly seed: number;
  /** What Beacon is allowed; one per endpoint where it is left out. */
  readonly gpuLimit?: number;
  /** Of Beacon, beside what the platform writes of itself: YAML of further top-level keys. */
  readonly settings?: string;
  /** Settings of Beacon. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Top-level keys of the platform's configuration that differ from those of chaos. */
  readonly platform?: Readonly<Record<string, unknown>>;
}

/** One `beacon up` as operations run it, a platform for it to call, and the means to kill any of its processes. */
export class Stack {
  private readonly readyLines: ReadyLine[] = [];
  /** When the processes that were told of began, by their ids, which are given away again. */
  private readonly began = new Map<number, Promise<string | undefined>>();
  private rest = '';
  private constructor(
    readonly folder: string,
    readonly standIn: StandIn,
    readonly gpuLimit: number,
    private readonly supervisor: ChildProcess,
    private readonly log: FileHandle,
  ) {
    supervisor.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
      const lines = (this.rest + chunk).split('\n');
      this.rest = lines.pop() ?? '';
      for (const line of lines) this.note(JSON.parse(line) as ReadyLine);
    });
  }

  static async start({
    seed,
    gpuLimit = ENDPOINTS.length,
    settings = '',
    environment = {},
    platform,
  }: StackOptions): Promise<Stack> {
    await ensureBuilt();
    const folder = await mkdtemp(join(tmpdir(), 'beacon-chaos-'));
    const dataDir = join(folder, 'data');
    await copyPostgresTemplate(join(dataDir, 'postgres'));
    const log = await open(join(folder, 'log'), 'a');
    const standIn = await StandIn.start(folder, seed, gpuLimit, log.fd, platform);
    try {
      const config = join(folder, 'beacon.yaml');
      await writeFile(config, `${await standIn.beaconConfiguration()}\n${settings}`);
      const supervisor = spawn(process.execPath, [COMMAND, 'up', '--config', config, '--data-dir', dataDir], {
        env: { ...baseEnvironment(), ...environment },
        stdio: ['ignore', 'pipe', log.fd],
      });
      const stack = new Stack(folder, standIn, gpuLimit, supervisor, log);
      try {
        const hasEnded = (): boolean => supervisor.exitCode !== null || supervisor.signalCode !== null;
        await until('everything accepts work', () => stack.readyLines.length > 0 || hasEnded(), READY_MS);
        if (hasEnded()) throw new Error(`beacon up ended: see the log in ${folder}`);
        return stack;
      } catch (error) {
        await stack.stop();
        throw error;
      }
    } catch (error) {
      await standIn.stop();
      throw error;
    }
  }

  get url(): string {
    return this.latest.url;
  }

  pidOf(name: string): number {
    const pid = this.latest.processes[name];
    if (pid === undefined) throw new Error(`${name} is not running: ${JSON.stringify(this.latest)}`);
    return pid;
  }

  /**
   * kill -9, for which nothing can prepare. One that has just ended by itself, because a service that it needs was killed
   * before, is started again like one that was killed.
   * @returns the pid that is no more
   */
  kill(name: string): number {
    const pid = this.pidOf(name);
    try {
      process.kill(pid, 'SIGKILL');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
    return pid;
  }

  /** Waits for the ready line that tells of the victim's successor. */
  async restarted(name: string, killedPid: number): Promise<void> {
    await until(`${name} accepts work again`, () =>
      this.readyLines.some(
        ({ processes }) => (processes[name] ?? killedPid) !== killedPid && this.pidOf(name) !== killedPid,
      ),
    );
  }

  /** Kills nats-server and deletes what JetStream stored, before the supervisor can start it again. */
  async loseJetStream(): Promise<number> {
    const { pid = 0 } = this.supervisor;
    process.kill(pid, 'SIGSTOP');
    try {
      const killed = this.kill('nats');
      await until('nats-server is gone', async () => (await startTimeOf(killed)) === undefined);
      const store = join(this.folder, 'data', 'nats', 'jetstream');
      if (!existsSync(store)) throw new Error('JetStream stores elsewhere');
      await rm(store, { recursive: true });
      return killed;
    } finally {
      process.kill(pid, 'SIGCONT');
    }
  }

  /** Ends everything that was started, by process id; what does not end is killed. */
  async stop(): Promise<void> {
    if (this.supervisor.exitCode === null && this.supervisor.signalCode === null) {
      const ended = once(this.supervisor, 'exit');
      this.supervisor.kill('SIGTERM');
      const timer = setTimeout(() => this.supervisor.kill('SIGKILL'), STOP_MS);
      await ended;
      clearTimeout(timer);
    }
    for (const [pid, began] of this.began) {
      const startTime = await began;
      if (startTime !== undefined && (await startTimeOf(pid)) === startTime) process.kill(pid, 'SIGKILL');
    }
    await this.standIn.stop();
    await this.log.close();
  }

  async remove(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true, maxRetries: 3 });
  }

  /** The last warnings and errors that the processes logged. */
  async complaints(): Promise<string> {
    const lines = (await readFile(join(this.folder, 'log'), 'utf8')).split('\n');
    return lines
      .filter((line) => !line.includes('"level":"info"'))
      .slice(-LOG_TAIL_LINES)
      .join('\n');
  }

  private note(line: ReadyLine): void {
    this.readyLines.push(line);
    for (const pid of Object.values(line.processes)) this.began.set(pid, startTimeOf(pid));
  }

  private get latest(): ReadyLine {
    const line = this.readyLines.at(-1);
    if (line === undefined) throw new Error('it has not been ready yet');
    return line;
  }
}

/** Of a process that has not ended. */
async function startTimeOf(pid: number): Promise<string | undefined> {
  return (await identifyProcess(pid))?.startTime;
}

function baseEnvironment(): Record<string, string> {
  const { PATH = '', HOME = '', NATS_SERVER_BIN = '' } = process.env;
  return { PATH, HOME, NATS_SERVER_BIN, LOG_LEVEL: 'info', BEACON_PORT: '0' };
}

/** The stand-in is started from what is built; the command builds what is missing or stale. */
export async function ensureBuilt(): Promise<void> {
  const build = spawn(process.execPath, [COMMAND, '--help'], { stdio: 'ignore' });
  await once(build, 'exit');
}

/** Starts a stack, uses it, ends it; keeps its folder where something went wrong. */
export async function onStack(options: StackOptions, use: (stack: Stack) => Promise<void>): Promise<void> {
  const stack = await Stack.start(options);
  try {
    await use(stack);
  } catch (error) {
    await stack.stop();
    throw error;
  }
  await stack.stop();
  await stack.remove();
}
