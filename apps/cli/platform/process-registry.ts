import { renameSync, writeFileSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { identifyProcess, stopLeftover, type StopStep } from '#embedded-services';

interface Entry {
  readonly pid: number;
  readonly start_time: string;
}

/** Orphans of a killed supervisor are already draining; what they hold is re-attached, so they are not waited for long. */
const PROGRAM_STEPS: readonly StopStep[] = [{ signal: 'SIGTERM', waitMs: 5_000 }];
const NATS_STEPS: readonly StopStep[] = [{ signal: 'SIGTERM', waitMs: 10_000 }];
const POSTGRES_STEPS: readonly StopStep[] = [
  { signal: 'SIGINT', waitMs: 15_000 },
  { signal: 'SIGQUIT', waitMs: 3_000 },
];

/** Which processes this start has made, on disk, for the case that the supervisor is killed and leaves them behind. */
export class ProcessRegistry {
  private readonly entries = new Map<string, Entry>();

  constructor(private readonly path: string) {}

  async record(name: string, pid: number): Promise<void> {
    const identity = await identifyProcess(pid);
    if (identity === undefined) return;
    this.entries.set(name, { pid, start_time: identity.startTime });
    writeFileSync(`${this.path}.new`, JSON.stringify(Object.fromEntries(this.entries)));
    renameSync(`${this.path}.new`, this.path);
  }

  async clear(): Promise<void> {
    await rm(this.path, { force: true });
  }

  /** Stops what an earlier start left behind, those that use a service before the service. */
  async stopLeftovers(): Promise<string[]> {
    const left = Object.entries(await this.read());
    const stopped: string[] = [];
    const stop = async (
      [name, { pid, start_time }]: [string, Entry],
      steps: readonly StopStep[],
    ): Promise<void> => {
      if (await stopLeftover(pid, ({ startTime }) => startTime === start_time, steps)) stopped.push(name);
    };
    const programs = left.filter(([name]) => name !== 'nats' && name !== 'postgres');
    await Promise.all(programs.map((entry) => stop(entry, PROGRAM_STEPS)));
    for (const entry of left) if (entry[0] === 'nats') await stop(entry, NATS_STEPS);
    for (const entry of left) if (entry[0] === 'postgres') await stop(entry, POSTGRES_STEPS);
    await this.clear();
    return stopped;
  }

  private async read(): Promise<Record<string, Entry>> {
    try {
      return JSON.parse(await readFile(this.path, 'utf8')) as Record<string, Entry>;
    } catch {
      return {};
    }
  }
}
