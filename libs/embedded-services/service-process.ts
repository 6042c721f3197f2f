import type { ChildProcess } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';

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
