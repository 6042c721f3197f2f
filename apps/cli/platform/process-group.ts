import type { ServiceProcess } from '#embedded-services';
import type { Logger } from '#observability';
import { launchNodeProgram, type RunningProgram } from '../supervision/node-program.js';
import { SupervisedChild, type Launch } from '../supervision/supervised-child.js';
import { loggedEvents } from './logged-events.js';
import type { ProcessRegistry } from './process-registry.js';

export interface ProgramToStart {
  readonly name: string;
  readonly script: string;
  readonly parameters?: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

export interface GroupOptions {
  readonly logger: Logger;
  readonly registry: ProcessRegistry;
  /** Gets the children's log lines. */
  readonly onLine: (line: string) => void;
  /** Called whenever a child accepts work, at its first start or a later one. */
  readonly onChildReady: () => void;
}

const READY_TIMEOUT_MS = 120_000;
/** Added to the time that calls in flight get at a stop, for what a process does around them. */
const DRAIN_GRACE_MS = 5_000;
const DEFAULT_DRAIN_MS = 10_000;

/** The children of one start: started under a name, kept alive, stopped in order. */
export class ProcessGroup {
  /** How long a stopping program may wait for its calls in flight. Known once the configuration is. */
  drainMs = DEFAULT_DRAIN_MS;
  private readonly aborting = new AbortController();
  private readonly children = new Map<string, SupervisedChild>();

  constructor(private readonly options: GroupOptions) {}

  /** Aborted from the moment on when nothing is started any more. */
  get signal(): AbortSignal {
    return this.aborting.signal;
  }

  get allReady(): boolean {
    return [...this.children.values()].every(({ pid }) => pid !== undefined);
  }

  /** Process ids, by name, of those that accept work at this moment; services last. */
  get processes(): Readonly<Record<string, number>> {
    const isService = (name: string): boolean => name === 'nats' || name === 'postgres';
    const running = [...this.children].flatMap(([name, { pid }]) =>
      pid === undefined ? [] : [[name, pid] as const],
    );
    return Object.fromEntries([
      ...running.filter(([name]) => !isService(name)),
      ...running.filter(([name]) => isService(name)),
    ]);
  }

  /** Resolves when the program accepts work. */
  startProgram({ name, script, parameters = [], environment }: ProgramToStart): Promise<RunningProgram> {
    return this.start(name, (signal) =>
      launchNodeProgram(
        {
          ...{ name, script, parameters, environment },
          drainMs: this.drainMs + DRAIN_GRACE_MS,
          readyTimeoutMs: READY_TIMEOUT_MS,
          onLine: this.options.onLine,
          onSpawn: (pid) => this.record(name, pid),
        },
        signal,
      ),
    );
  }

  /** Resolves when the process accepts work. A failed start may be tried again under the same name. */
  async start<P extends ServiceProcess>(name: string, launch: Launch<P>): Promise<P> {
    this.signal.throwIfAborted();
    const { logger, onChildReady } = this.options;
    const options = { name, events: loggedEvents(logger, onChildReady), signal: this.signal };
    const child = new SupervisedChild<P>(options, async (signal) => {
      const process = await launch(signal);
      this.record(name, process.pid);
      return process;
    });
    this.children.set(name, child);
    return child.start();
  }

  /** Starts under way end, and nothing is started again; what runs goes on until it is stopped. */
  abort(reason: unknown): void {
    this.aborting.abort(reason);
  }

  /** Drains: whoever makes work first, what keeps the work last. */
  async stop(): Promise<void> {
    this.abort(new Error('stopping'));
    const names = [...this.children.keys()];
    const order = [
      ['runner'],
      ['router', ...names.filter((name) => name.startsWith('dispatcher-'))],
      ['modal-stand-in'],
      ['nats'],
      ['postgres'],
    ];
    for (const together of order) {
      const children = together.map((name) => this.children.get(name)).filter((child) => child !== undefined);
      await Promise.all(children.map((child) => child.stop()));
    }
    await this.options.registry.clear();
  }

  /** Cuts a drain short. A Postgres that is killed has to repair itself at its next start; SIGQUIT is as fast. */
  kill(): void {
    for (const [name, child] of this.children) child.kill(name === 'postgres' ? 'SIGQUIT' : 'SIGKILL');
  }

  private record(name: string, pid: number): void {
    this.options.registry.record(name, pid).catch((error: unknown) => {
      this.options.logger.error(
        { event: 'registry.failed', err: error },
        'a process id could not be written down',
      );
    });
  }
}
