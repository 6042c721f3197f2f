import { setTimeout as delay } from 'node:timers/promises';
import { identifyProcess, type ProcessIdentity } from '#machine-tools';
import type { StopStep } from './service-process.js';

const POLL_MS = 25;

/**
 * Stops a process left over from a supervisor that was killed.
 * @param isOurs decides by more than the pid, e.g. by a data folder on the command line
 * @param steps signals in order; SIGKILL follows
 * @returns whether there was such a process
 */
export async function stopLeftover(
  pid: number,
  isOurs: (identity: ProcessIdentity) => boolean,
  steps: readonly StopStep[],
): Promise<boolean> {
  const identity = await identifyProcess(pid);
  if (identity === undefined || !isOurs(identity)) return false;
  for (const { signal, waitMs } of [...steps, { signal: 'SIGKILL', waitMs: 10_000 } as const]) {
    if (!trySignal(pid, signal)) return true;
    const deadline = performance.now() + waitMs;
    while (performance.now() < deadline) {
      if ((await identifyProcess(pid))?.startTime !== identity.startTime) return true;
      await delay(POLL_MS);
    }
  }
  throw new Error(`process ${pid}, left over from an earlier start, does not stop`);
}

function trySignal(pid: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(pid, signal);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}
