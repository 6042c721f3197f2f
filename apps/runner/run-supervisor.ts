import type { CellRetryPolicy } from '#domain';
import type { Logger, Metrics } from '#observability';
import { RunLocks, expireGate, listOverdueGates, listRunsToDrive, type Database } from '#persistence';
import { EndedJobs } from './ended-jobs.js';
import type { Hints } from './hints.js';
import type { JobRouter } from './router-client.js';
import { UNKNOWN_COSTS, type RunCosts } from './run-costs.js';
import { RunDriver } from './run-driver.js';

const TICK_MS = 1000;
/** Runs driven at once, oldest first; the others wait as planned. */
const RUNS_MAX = 200;
const GATE_SWEEP_MS = 60_000;
const GATE_SWEEP_BATCH = 100;

export interface SupervisorParts {
  readonly database: Database;
  readonly router: JobRouter;
  readonly hints: Hints;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly tickMs?: number;
  readonly retryPolicy?: CellRetryPolicy;
  /** What calls cost; left out: nothing is known. */
  readonly costs?: RunCosts;
}

/** Finds the runs that have something to do and gives each a driver. Every subscription of the runner starts here. */
export class RunSupervisor {
  private readonly drivers = new Map<string, RunDriver>();
  /** Whose locks are gone, in the middle of a step. */
  private readonly dropped = new Set<Promise<void>>();
  private readonly endedJobs = new EndedJobs();
  private readonly locks: RunLocks;
  private readonly tickMs: number;
  private wake: (() => void) | undefined;
  private wakeWanted = false;
  private stopped = false;
  private sweptAtMs = -Infinity;
  private loop: Promise<void> | undefined;

  constructor(private readonly parts: SupervisorParts) {
    this.tickMs = parts.tickMs ?? TICK_MS;
    this.locks = new RunLocks(parts.database, () => this.dropDrivers());
  }

  start(): void {
    this.parts.hints.onJobEnded((jobId) => {
      if (this.stopped) return;
      this.endedJobs.add(jobId);
      for (const driver of this.drivers.values()) driver.jobEnded(jobId);
    });
    this.parts.hints.onRunRequest((runId) => {
      if (this.stopped) return;
      const driver = this.drivers.get(runId);
      if (driver === undefined) this.lookNow();
      else driver.poke();
    });
    this.loop = this.watch();
  }

  /** Lets the steps that are being taken end, and gives the runs free. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.lookNow();
    await this.loop;
    await Promise.all([...this.dropped, ...[...this.drivers.values()].map((driver) => driver.stop())]);
    this.drivers.clear();
    await this.locks.close();
  }

  private async watch(): Promise<void> {
    let tickedAtMs = -Infinity;
    while (!this.stopped) {
      this.wakeWanted = false;
      try {
        // A gate that cannot be swept must not keep runs from being taken.
        await this.sweepGates().catch((error: unknown) => {
          this.parts.logger.warn({ event: 'runner.gates_not_swept', err: error }, 'gates are swept again');
        });
        await this.locks.check();
        await this.takeRuns();
      } catch (error) {
        this.parts.logger.warn({ event: 'runner.pass_failed', err: error }, 'could not look for runs');
      }
      if (performance.now() - tickedAtMs >= this.tickMs) {
        tickedAtMs = performance.now();
        for (const driver of this.drivers.values()) driver.tick();
      }
      await this.nextPass(Math.max(0, tickedAtMs + this.tickMs - performance.now()));
    }
  }

  private async takeRuns(): Promise<void> {
    const { database, router, logger, metrics, hints, retryPolicy, costs = UNKNOWN_COSTS } = this.parts;
    for (const runId of await listRunsToDrive(database, RUNS_MAX)) {
      if (this.stopped || this.drivers.size >= RUNS_MAX) return;
      if (this.drivers.has(runId) || !(await this.locks.tryLock(runId))) continue;
      const driver: RunDriver = new RunDriver(runId, {
        database,
        router,
        logger,
        metrics,
        costs,
        announce: (id) => hints.announce(id),
        hasEnded: (jobId) => this.endedJobs.has(jobId),
        onIdle: (id) => this.letGo(id, driver),
        ...(retryPolicy === undefined ? {} : { retryPolicy }),
      });
      this.drivers.set(runId, driver);
      driver.poke();
    }
  }

  private letGo(runId: string, driver: RunDriver): void {
    // One that was dropped has no lock, and another may drive the run by now.
    if (this.drivers.get(runId) !== driver) return;
    this.drivers.delete(runId);
    this.locks.unlock(runId).catch((error: unknown) => {
      this.parts.logger.warn(
        { event: 'run.unlock_failed', run_id: runId, err: error },
        'could not unlock a run',
      );
    });
    // A decision may have come while the driver was finding out that there was none.
    this.lookNow();
  }

  private dropDrivers(): void {
    this.parts.logger.warn(
      { event: 'runner.locks_lost', runs: this.drivers.size },
      'lost the locks; taking runs anew',
    );
    for (const driver of this.drivers.values()) {
      const ended = driver.stop().finally(() => this.dropped.delete(ended));
      this.dropped.add(ended);
    }
    this.drivers.clear();
    this.lookNow();
  }

  private async sweepGates(): Promise<void> {
    if (performance.now() - this.sweptAtMs < GATE_SWEEP_MS) return;
    for (const { runId, gateId } of await listOverdueGates(this.parts.database, GATE_SWEEP_BATCH)) {
      if (!(await expireGate(this.parts.database, runId, gateId))) continue;
      this.parts.logger.info(
        { event: 'gate.decided', run_id: runId, gate_id: gateId, decision: 'expired' },
        'gate expired',
      );
      this.parts.hints.announce(runId);
    }
    this.sweptAtMs = performance.now();
  }

  private lookNow(): void {
    this.wakeWanted = true;
    this.wake?.();
  }

  private async nextPass(waitMs: number): Promise<void> {
    if (this.wakeWanted) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, waitMs);
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.wake = undefined;
  }
}
