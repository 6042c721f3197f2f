import type { ChildProcess } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';

const POLL_MS = 15;

export interface ProcessExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A process of ours: what its owner needs to watch it, stop it and start it again. */
export interface ServiceProcess {
  readonly pid: number;
  /** Resolves, never rejects, once the process is gone. */
  readonly exited: Promise<ProcessExit>;
  /** Asks politely, then firmly. Resolves once the process is gone. */
  stop(): Promise<void>;
  kill(signal: NodeJS.Signals): void;
}

/** One step of a stop: send the signal, wait so long for the process to go. */
export interface StopStep {
  readonly signal: NodeJS.Signals;
  readonly waitMs: number;
}

/**
 * @param steps tried in order; SIGKILL follows the last one
 * @throws the spawn error where the program could not be started at all
 */
export async function superviseChild(
  child: ChildProcess,
  steps: readonly StopStep[],
): Promise<ServiceProcess> {
  const exited = new Promise<ProcessExit>((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }));
  });
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', reject);
  });
  // After a successful spawn `error` only reports that a signal could not be sent; the exit tells the rest.
  child.on('error', () => undefined);
  const { pid } = child;
  if (pid === undefined) throw new Error('the process has no id');
  const kill = (signal: NodeJS.Signals): void => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal);
  };
  const stop = async (): Promise<void> => {
    for (const { signal, waitMs } of steps) {
      kill(signal);
      if (await settlesWithin(exited, waitMs)) return;
    }
    kill('SIGKILL');
    await exited;
  };
  return { pid, exited, stop, kill };
}

/**
 * Waits until a process that was started does its work.
 * @param isReady asked again and again; each time a moment later
 * @throws where the process ends, `timeoutMs` have passed, or the signal aborts
 */
export async function waitUntilReady(
  { exited }: Pick<ServiceProcess, 'exited'>,
  isReady: () => Promise<boolean>,
  timeoutMs: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  let gone = false;
  void exited.then(() => (gone = true));
  for (;;) {
    signal?.throwIfAborted();
    if (gone) throw new Error('the server ended');
    if (await isReady()) return;
    if (performance.now() > deadline) throw new Error('the server did not become ready in time');
    await delay(POLL_MS);
  }
}

/** @returns whether `promise` settled in time; leaves no timer behind */
export async function settlesWithin(promise: Promise<unknown>, waitMs: number): Promise<boolean> {
  const abort = new AbortController();
  try {
    return await Promise.race([
      promise.then(() => true),
      delay(waitMs, false, { signal: abort.signal }).catch(() => false),
    ]);
  } finally {
    abort.abort();
  }
}
