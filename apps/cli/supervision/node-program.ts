import { spawn } from 'node:child_process';
import { superviseChild, type ProcessExit, type ServiceProcess } from '#embedded-services';
import type { ReadyMessage } from '#observability';
import { LineSplitter } from './line-splitter.js';
import { summarizeOutput } from './summarize-output.js';

export interface NodeProgram {
  readonly name: string;
  readonly script: string;
  readonly parameters: readonly string[];
  /** All of it: nothing is inherited. */
  readonly environment: Readonly<Record<string, string>>;
  /** From SIGTERM to SIGKILL. */
  readonly drainMs: number;
  readonly readyTimeoutMs: number;
  /** Gets every line the program writes, on stdout or stderr. */
  readonly onLine: (line: string) => void;
  readonly onSpawn: (pid: number) => void;
}

export interface RunningProgram extends ServiceProcess {
  /** Base URL, where the program serves HTTP. */
  readonly url: string | undefined;
}

/** A program ended, or was silent, before it accepted work. */
export class ProgramStartError extends Error {
  constructor(
    readonly program: string,
    readonly exitCode: number | null,
    message: string,
  ) {
    super(message);
    this.name = 'ProgramStartError';
  }
}

const REMEMBERED_LINES = 20;

/**
 * Starts a program of ours and waits until it says that it accepts work. It has an IPC channel: by its closing the
 * program learns that the supervisor is gone.
 * @throws ProgramStartError, or the signal's reason; the process is gone by then
 */
export async function launchNodeProgram(program: NodeProgram, signal: AbortSignal): Promise<RunningProgram> {
  signal.throwIfAborted();
  const child = spawn(process.execPath, ['--enable-source-maps', program.script, ...program.parameters], {
    env: { ...program.environment },
    // A process group of its own: Ctrl-C, and signals to the supervisor's whole group, would break the order of a stop.
    detached: true,
    // Through pipes rather than inherited: lines of several processes stay whole, and the last ones are known.
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  const lastLines: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    const lines = new LineSplitter((line) => {
      lastLines.push(line);
      if (lastLines.length > REMEMBERED_LINES) lastLines.shift();
      program.onLine(line);
    });
    stream?.setEncoding('utf8');
    stream?.on('data', (chunk: string) => lines.push(chunk));
    stream?.once('end', () => lines.end());
  }
  const ready = new Promise<ReadyMessage>((resolve) => {
    child.on('message', (message) => {
      if (isReadyMessage(message)) resolve(message);
    });
  });
  const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const running = await superviseChild(child, [{ signal: 'SIGTERM', waitMs: program.drainMs }]);
  program.onSpawn(running.pid);
  const start = await firstOf(running, ready, signal, program.readyTimeoutMs);
  switch (start.kind) {
    case 'ready':
      return { ...running, url: start.message.url };
    case 'aborted':
      await running.stop();
      throw signal.reason;
    case 'silent':
      running.kill('SIGKILL');
      await running.exited;
      throw failure(program, null, `was not ready within ${program.readyTimeoutMs / 1000} s`, lastLines);
    case 'ended':
      // What it said last may still be in the pipe.
      await closed;
      throw failure(program, start.exit.code, describeExit(start.exit), lastLines);
  }
}

type Start =
  | { readonly kind: 'ready'; readonly message: ReadyMessage }
  | { readonly kind: 'ended'; readonly exit: ProcessExit }
  | { readonly kind: 'aborted' }
  | { readonly kind: 'silent' };

function firstOf(
  running: ServiceProcess,
  ready: Promise<ReadyMessage>,
  signal: AbortSignal,
  timeoutMs: number,
): Promise<Start> {
  return new Promise((resolve) => {
    const settle = (start: Start): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      resolve(start);
    };
    const onAbort = (): void => settle({ kind: 'aborted' });
    const timer = setTimeout(() => settle({ kind: 'silent' }), timeoutMs);
    signal.addEventListener('abort', onAbort);
    if (signal.aborted) onAbort();
    void ready.then((message) => settle({ kind: 'ready', message }));
    void running.exited.then((exit) => settle({ kind: 'ended', exit }));
  });
}

function failure(
  program: NodeProgram,
  exitCode: number | null,
  what: string,
  lines: readonly string[],
): ProgramStartError {
  const reason = summarizeOutput(lines);
  const message = `${program.name} could not start: it ${what}${reason === undefined ? '' : `: ${reason}`}`;
  return new ProgramStartError(program.name, exitCode, message);
}

export function describeExit({ code, signal }: ProcessExit): string {
  return signal === null ? `ended with code ${code ?? 'unknown'}` : `was ended by ${signal}`;
}

function isReadyMessage(message: unknown): message is ReadyMessage {
  return typeof message === 'object' && message !== null && 'type' in message && message.type === 'ready';
}
