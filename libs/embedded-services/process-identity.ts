import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { StopStep } from './service-process.js';

const POLL_MS = 25;

/**
 * Process ids are reused, so a pid read from a file proves nothing. These questions are asked before any process
 * that is not our child is signalled.
 */
export interface ProcessIdentity {
  /** Differs between two processes that had the same pid. Opaque. */
  readonly startTime: string;
  readonly commandLine: readonly string[];
}

/** @returns `undefined` where no such process lives (a zombie does not live) */
export async function identifyProcess(pid: number): Promise<ProcessIdentity | undefined> {
  if (!Number.isSafeInteger(pid) || pid <= 0) return undefined;
  return process.platform === 'linux' ? identifyFromProc(pid) : identifyFromPs(pid);
}

async function identifyFromProc(pid: number): Promise<ProcessIdentity | undefined> {
  try {
    const [stat, commandLine] = await Promise.all([
      readFile(`/proc/${pid}/stat`, 'utf8'),
      readFile(`/proc/${pid}/cmdline`, 'utf8'),
    ]);
    // The name in parentheses may hold anything, so fields are counted from the last parenthesis: state is the
    // 1st after it, start time (field 22 of proc(5)) the 20th.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (fields[0] === 'Z' || fields[0] === 'X') return undefined;
    return {
      startTime: fields[19] ?? '',
      commandLine: commandLine.split('\0').filter((part) => part !== ''),
    };
  } catch {
    return undefined;
  }
}

async function identifyFromPs(pid: number): Promise<ProcessIdentity | undefined> {
  try {
    const run = promisify(execFile);
    const [started, command] = await Promise.all([
      run('ps', ['-o', 'lstart=', '-p', String(pid)]),
      run('ps', ['-ww', '-o', 'command=', '-p', String(pid)]),
    ]);
    return { startTime: started.stdout.trim(), commandLine: command.stdout.trim().split(' ') };
  } catch {
    return undefined;
  }
}

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
