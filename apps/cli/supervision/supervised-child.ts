import { setTimeout as delay } from 'node:timers/promises';
import type { ProcessExit, ServiceProcess } from '#embedded-services';

export interface RestartPolicy {
  readonly firstDelayMs: number;
  readonly longestDelayMs: number;
  /** A child that lived so long had no part in the failures before. */
  readonly forgiveAfterMs: number;
}

export const RESTART_POLICY: RestartPolicy = {
  firstDelayMs: 100,
  longestDelayMs: 10_000,
  forgiveAfterMs: 30_000,
};

/** @param failures restarts in a row before this one */
export function restartDelayMs(failures: number, policy: RestartPolicy): number {
  return Math.min(policy.firstDelayMs * 2 ** failures, policy.longestDelayMs);
}

export interface ChildEvents {
  readonly ready: (name: string, pid: number) => void;
  /** @param expected it was told to stop */
  readonly exited: (name: string, pid: number, exit: ProcessExit, expected: boolean) => void;
  readonly restarting: (name: string, delayMs: number) => void;
  readonly startFailed: (name: string, error: unknown) => void;
}

/**
 * Resolves once the process accepts work; rejects, with no process left, where it does not come to that.
 * Called again for every restart.
 */
export type Launch<P extends ServiceProcess> = (signal: AbortSignal) => Promise<P>;

export interface ChildOptions {
  readonly name: string;
  readonly events: ChildEvents;
  /** Aborted when everything stops: from then on nothing is started again. */
  readonly signal?: AbortSignal;
  readonly policy?: RestartPolicy;
}

/** Keeps one process alive from its first start to the stop. */
export class SupervisedChild<P extends ServiceProcess = ServiceProcess> {
  readonly name: string;
  private readonly events: ChildEvents;
  private readonly policy: RestartPolicy;
  private readonly stopping = new AbortController();
  private readonly signal: AbortSignal;
  private current: P | undefined;
  private life: Promise<unknown> = Promise.resolve();

  constructor(
    { name, events, signal, policy = RESTART_POLICY }: ChildOptions,
    private readonly launch: Launch<P>,
  ) {
    this.name = name;
    this.events = events;
    this.policy = policy;
    const own = this.stopping.signal;
    this.signal = signal === undefined ? own : AbortSignal.any([own, signal]);
  }

  /** `undefined` while it is not there or does not accept work yet. */
  get pid(): number | undefined {
    return this.current?.pid;
  }

  /**
   * The first start, which is not tried again: what fails at once is better said at once.
   * @throws what the launch throws
   */
  async start(): Promise<P> {
    const starting = this.launchOnce();
    this.life = starting.then(
      (first) => this.keepAlive(first),
      () => undefined,
    );
    return starting;
  }

  /** Resolves once the process is gone and will not come back. */
  async stop(): Promise<void> {
    this.stopping.abort(new Error('stopping'));
    await this.current?.stop();
    await this.life;
  }

  kill(signal: NodeJS.Signals): void {
    this.current?.kill(signal);
  }

  private async launchOnce(): Promise<P> {
    const process = await this.launch(this.signal);
    if (this.signal.aborted) {
      // It became ready in the moment of the stop, which did not see it.
      await process.stop();
      this.signal.throwIfAborted();
    }
    this.current = process;
    this.events.ready(this.name, process.pid);
    return process;
  }

  private async keepAlive(first: P): Promise<void> {
    let process = first;
    let failures = 0;
    for (;;) {
      const readyAt = performance.now();
      const exit = await process.exited;
      this.current = undefined;
      this.events.exited(this.name, process.pid, exit, this.signal.aborted);
      if (performance.now() - readyAt >= this.policy.forgiveAfterMs) failures = 0;
      const next = await this.restart(failures);
      if (next === undefined) return;
      process = next.process;
      failures = next.failures;
    }
  }

  /** @returns `undefined` where a stop came first */
  private async restart(failuresBefore: number): Promise<{ process: P; failures: number } | undefined> {
    for (let failures = failuresBefore; !this.signal.aborted; failures += 1) {
      const delayMs = restartDelayMs(failures, this.policy);
      this.events.restarting(this.name, delayMs);
      try {
        await delay(delayMs, undefined, { signal: this.signal });
        return { process: await this.launchOnce(), failures: failures + 1 };
      } catch (error) {
        if (!this.signal.aborted) this.events.startFailed(this.name, error);
      }
    }
    return undefined;
  }
}
