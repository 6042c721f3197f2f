import { batchIdOf } from '#contracts';
import { LOCK_BATCHES, RunLocks, listUnfinishedBatches } from '#persistence';
import { BatchDriver } from './batch-driver.js';
import type { KeeperParts } from './keeper-parts.js';

/** How soon a batch is found whose router has died. */
const LOOK_MS = 1000;
/** Batches that are driven at once, over all routers; where there are more, they take turns. */
const DRIVEN_MAX = 200;

/**
 * Drives the batches that have not ended. Every router looks for those that nobody drives; a lock that goes with the
 * router's connection lets one drive each. What a batch has asked goes on also where its turn is over.
 */
export class BatchKeeper {
  private readonly drivers = new Map<string, { driver: BatchDriver; done: Promise<void> }>();
  /** Also of those that were lost and are in the middle of a step. */
  private readonly running = new Set<Promise<void>>();
  private readonly locks: RunLocks;
  private timer: NodeJS.Timeout | undefined;
  private looking: Promise<void> | undefined;
  /** What is asked for during a look may be too late for it. */
  private anotherLook = false;
  private stopped = false;

  constructor(private readonly parts: KeeperParts) {
    this.locks = new RunLocks(parts.database, () => this.lose(), LOCK_BATCHES);
  }

  start(): void {
    this.schedule(0);
  }

  /** A batch was made, or is to be cancelled: the one who drives it looks at once, and one that nobody drives is found. */
  poke(id: string): void {
    const known = this.drivers.get(id);
    if (known !== undefined) known.driver.poke();
    else if (this.looking === undefined) this.schedule(0);
    else this.anotherLook = true;
  }

  async stop(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    await this.looking;
    for (const { driver } of this.drivers.values()) driver.stop();
    await Promise.all(this.running);
    await this.locks.close();
  }

  private schedule(ms: number): void {
    if (this.stopped) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.looking ??= this.look()
        .catch((error: unknown) => {
          this.parts.logger.warn({ event: 'batches.not_looked_at', err: error }, 'they are looked at again');
        })
        .finally(() => {
          this.looking = undefined;
          this.schedule(this.anotherLook ? 0 : (this.parts.lookMs ?? LOOK_MS));
          this.anotherLook = false;
        });
    }, ms);
  }

  private async look(): Promise<void> {
    const { database, drivenMax = DRIVEN_MAX } = this.parts;
    await this.locks.check();
    const unfinished = await listUnfinishedBatches(database, drivenMax);
    if (unfinished.length === drivenMax) this.makeRoom(new Set(unfinished));
    const free = unfinished.filter((id) => !this.drivers.has(id)).slice(0, drivenMax - this.drivers.size);
    if (free.length === 0) return;
    const locked = await this.locks.tryLocks(free);
    for (const id of locked) if (!this.stopped) this.drive(id);
  }

  /** One that has had its turn is let go after the step it is in; the next look finds the place. */
  private makeRoom(turns: ReadonlySet<string>): void {
    for (const [id, { driver }] of this.drivers) if (!turns.has(id)) driver.stop();
  }

  private drive(id: string): void {
    const driver = new BatchDriver(id, this.parts);
    const done = driver.run().finally(async () => {
      if (this.drivers.get(id)?.driver !== driver) return;
      this.drivers.delete(id);
      // Where the connection is gone, so is the lock.
      if (!this.stopped) await this.locks.unlock(id).catch(() => undefined);
    });
    this.drivers.set(id, { driver, done });
    this.running.add(done);
    void done.then(() => this.running.delete(done));
    this.parts.logger.debug({ event: 'batch.driven', batch_id: batchIdOf(id) }, 'a batch is driven here');
  }

  /** Somebody else may drive them now. */
  private lose(): void {
    for (const { driver } of this.drivers.values()) driver.stop();
    this.drivers.clear();
  }
}
