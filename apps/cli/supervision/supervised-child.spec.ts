import { describe, expect, it } from '@jest/globals';
import type { ProcessExit, ServiceProcess } from '#embedded-services';
import { RESTART_POLICY, restartDelayMs, SupervisedChild, type RestartPolicy } from './supervised-child.js';

const QUICK: RestartPolicy = { firstDelayMs: 1, longestDelayMs: 4, forgiveAfterMs: 60_000 };
const FAULT: ProcessExit = { code: 70, signal: null };

/** A process that lives until it is told otherwise. */
class StubProcess implements ServiceProcess {
  readonly exited: Promise<ProcessExit>;
  end: (exit: ProcessExit) => void = () => undefined;

  constructor(readonly pid: number) {
    this.exited = new Promise((resolve) => (this.end = resolve));
  }

  async stop(): Promise<void> {
    this.end({ code: 0, signal: null });
  }

  kill(signal: NodeJS.Signals): void {
    this.end({ code: null, signal });
  }
}

/** Events in the order they came; `until` waits for one. */
class Journal {
  readonly lines: string[] = [];
  private readonly waiting: { line: string; resolve: () => void }[] = [];

  add(line: string): void {
    this.lines.push(line);
    for (const { line: wanted, resolve } of this.waiting) if (wanted === line) resolve();
  }

  until(line: string): Promise<void> {
    if (this.lines.includes(line)) return Promise.resolve();
    return new Promise((resolve) => this.waiting.push({ line, resolve }));
  }
}

function aChild(launch: (attempt: number, signal: AbortSignal) => Promise<StubProcess>, policy = QUICK) {
  const journal = new Journal();
  let attempts = 0;
  const stopAll = new AbortController();
  const child = new SupervisedChild(
    {
      name: 'child',
      policy,
      signal: stopAll.signal,
      events: {
        ready: (_, pid) => journal.add(`ready ${pid}`),
        exited: (_name, pid, { code, signal }, expected) =>
          journal.add(`exited ${pid} ${signal ?? code ?? ''}${expected ? ' expected' : ''}`),
        restarting: (_, delayMs) => journal.add(`restarting in ${delayMs}`),
        startFailed: (_, error) => journal.add(`failed ${(error as Error).message}`),
      },
    },
    (signal) => launch((attempts += 1), signal),
  );
  return { child, journal, stopAll, attempts: () => attempts };
}

describe('a supervised child', () => {
  it('waits 100 ms before a restart, doubling up to 10 s', () => {
    const delays = [0, 1, 2, 6, 7, 50].map((failures) => restartDelayMs(failures, RESTART_POLICY));
    expect(delays).toEqual([100, 200, 400, 6400, 10_000, 10_000]);
  });

  it('is started again when it dies, waiting longer each time', async () => {
    const processes: StubProcess[] = [];
    const { child, journal } = aChild(async (attempt) => {
      const process = new StubProcess(attempt);
      processes.push(process);
      return process;
    });
    await child.start();
    expect(child.pid).toBe(1);
    processes[0]?.end(FAULT);
    await journal.until('ready 2');
    expect(child.pid).toBe(2);
    processes[1]?.kill('SIGKILL');
    await journal.until('ready 3');
    await child.stop();
    expect(journal.lines).toEqual([
      ...['ready 1', 'exited 1 70', 'restarting in 1'],
      ...['ready 2', 'exited 2 SIGKILL', 'restarting in 2'],
      ...['ready 3', 'exited 3 0 expected'],
    ]);
    expect(child.pid).toBeUndefined();
  });

  it('forgets its failures after a long life', async () => {
    const processes: StubProcess[] = [];
    const { child, journal } = aChild(
      async (attempt) => {
        const process = new StubProcess(attempt);
        processes.push(process);
        return process;
      },
      { ...QUICK, forgiveAfterMs: 0 },
    );
    await child.start();
    for (const attempt of [1, 2]) {
      processes[attempt - 1]?.end(FAULT);
      await journal.until(`ready ${attempt + 1}`);
    }
    await child.stop();
    expect(journal.lines.filter((line) => line.startsWith('restarting'))).toEqual([
      'restarting in 1',
      'restarting in 1',
    ]);
  });

  it('tries on when a restart fails', async () => {
    const first = new StubProcess(1);
    const { child, journal } = aChild(async (attempt) => {
      if (attempt === 1) return first;
      if (attempt < 4) throw new Error(`attempt ${attempt}`);
      return new StubProcess(attempt);
    });
    await child.start();
    first.end(FAULT);
    await journal.until('ready 4');
    await child.stop();
    expect(journal.lines.filter((line) => line.startsWith('failed'))).toEqual([
      'failed attempt 2',
      'failed attempt 3',
    ]);
    expect(journal.lines.filter((line) => line.startsWith('restarting'))).toEqual([
      ...['restarting in 1', 'restarting in 2', 'restarting in 4'],
    ]);
  });

  it('does not repeat a first start that fails', async () => {
    const { child, attempts } = aChild(() => Promise.reject(new Error('no')));
    await expect(child.start()).rejects.toThrow('no');
    await child.stop();
    expect(attempts()).toBe(1);
  });

  it('is not started again once everything stops', async () => {
    const process = new StubProcess(1);
    const { child, journal, stopAll, attempts } = aChild(async () => process);
    await child.start();
    stopAll.abort();
    process.end(FAULT);
    await child.stop();
    expect(journal.lines).toEqual(['ready 1', 'exited 1 70 expected']);
    expect(attempts()).toBe(1);
  });

  it('can be stopped while it waits for its restart', async () => {
    const process = new StubProcess(1);
    const { child, journal, attempts } = aChild(async () => process, {
      ...QUICK,
      firstDelayMs: 3_600_000,
      longestDelayMs: 3_600_000,
    });
    await child.start();
    process.end(FAULT);
    await journal.until('restarting in 3600000');
    await child.stop();
    expect(attempts()).toBe(1);
  });

  it('ends a process that becomes ready in the moment of the stop', async () => {
    const late = new StubProcess(1);
    let becomeReady: () => void = () => undefined;
    const { child } = aChild(() => new Promise((resolve) => (becomeReady = () => resolve(late))));
    const starting = child.start();
    const refused = expect(starting).rejects.toThrow();
    const stopping = child.stop();
    becomeReady();
    await Promise.all([refused, stopping]);
    expect(await late.exited).toEqual({ code: 0, signal: null });
  });
});
