import type { Configuration } from '#config';
import { ProblemError } from '#contracts';
import type { KeyLimits } from '#domain';
import { countWaiting, type Database } from '#persistence';
import type { CallerLimit } from './limit-log.js';

export type QueueSettings = Pick<Configuration['limits'], 'queued_jobs_per_key' | 'queued_jobs_per_region'>;

/** A job that wants to be queued. */
export interface Newcomer {
  readonly keyId: string | null;
  readonly region: string;
  readonly limits: KeyLimits;
  /** Counted and never refused: a run submits no more than a few cells at a time. */
  readonly isOfRun: boolean;
}

/** Why a job was not queued. */
export interface FullQueue {
  readonly kind: Extract<CallerLimit, 'queued_of_key' | 'queued_in_region'>;
  /** As the configuration calls it. */
  readonly limit: string;
  readonly whose: string;
  readonly allowed: number;
  readonly waiting: number;
}

/** A queue that is not to grow beyond a limit. */
interface Bounded {
  readonly kind: FullQueue['kind'];
  readonly name: string;
  readonly limit: string;
  readonly allowed: number;
}

interface Count {
  waiting: number;
  readonly atMs: number;
  readonly costMs: number;
}

/** What other routers queue in this time may go unseen, and so beyond a limit. */
const COUNT_AGE_MAX_MS = 1000;
/**
 * A queue that was full is counted again after this long, and so that counting takes a twentieth of the time, however
 * much there is to count: an older count refuses a little longer, and lets nobody in.
 */
const FULL_AGE_MS = 5;
const FULL_AGE_PER_COST = 20;
/** What counting a job may take; a count that took longer waited for something else. */
const COST_MAX_MS_PER_JOB = 0.05;
/** No count is believed for ever. */
const FULL_AGE_MAX_MS = 30_000;
/** Counts that are remembered at once. */
const REMEMBERED = 1000;

/**
 * How many jobs may wait. Decided on a count of the rows and what was queued here since, which only errs on the high
 * side: one router never goes beyond a limit; several do by what the others queue within a second. Whoever takes room
 * says when its transaction has ended: what is counted until then does not have its rows.
 */
export class QueueLimits {
  private readonly counts = new Map<string, Count>();
  /** Room that was taken by transactions that have not ended, by queue. */
  private readonly unsettled = new Map<string, number>();
  /** Ended while rows are being counted, which may not have seen theirs. */
  private settledMeanwhile: (readonly Newcomer[])[] | undefined;
  private turn: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly database: Database,
    /** Asked for at every batch: they may change while the process runs. */
    private readonly settings: () => QueueSettings,
    private readonly nowMs: () => number = () => performance.now(),
  ) {}

  /**
   * Every taker of room is to `settle` it.
   * @returns why each of them cannot be queued, in their order; undefined: there is room, and it is taken
   */
  takeRoom(newcomers: readonly Newcomer[]): Promise<(FullQueue | undefined)[]> {
    const taken = this.turn.then(() => this.take(newcomers));
    this.turn = taken.catch(() => undefined);
    return taken;
  }

  /** The transaction that was to queue them has ended, either way. */
  settle(newcomers: readonly Newcomer[]): void {
    if (this.settledMeanwhile !== undefined) {
      this.settledMeanwhile.push(newcomers);
      return;
    }
    for (const name of newcomers.flatMap(queuesOf)) {
      const left = (this.unsettled.get(name) ?? 0) - 1;
      if (left > 0) this.unsettled.set(name, left);
      else this.unsettled.delete(name);
    }
  }

  private async take(newcomers: readonly Newcomer[]): Promise<(FullQueue | undefined)[]> {
    const bounds = newcomers.map((newcomer) => this.boundsOf(newcomer));
    await this.countWhereNeeded(bounds.filter((_, index) => newcomers[index]?.isOfRun === false));
    return bounds.map((queues, index) => {
      const full =
        newcomers[index]?.isOfRun === true ? undefined : queues.find((queue) => this.roomIn(queue) <= 0);
      if (full !== undefined) return this.fullQueue(full);
      for (const queue of queues) this.add(queue, 1);
      for (const name of newcomers.slice(index, index + 1).flatMap(queuesOf))
        this.unsettled.set(name, (this.unsettled.get(name) ?? 0) + 1);
      return undefined;
    });
  }

  /** It was no new job after all. */
  giveBack(newcomer: Newcomer): void {
    for (const queue of this.boundsOf(newcomer)) this.add(queue, -1);
  }

  /** Nobody knows what was queued: everything is counted anew. */
  forget(): void {
    this.counts.clear();
  }

  private boundsOf({ keyId, region, limits }: Newcomer): Bounded[] {
    const settings = this.settings();
    const bounds: Bounded[] = [];
    const own = limits.queued_jobs;
    if (keyId !== null && (own !== undefined || settings.queued_jobs_per_key > 0)) {
      const limit = own === undefined ? 'limits.queued_jobs_per_key' : 'queued_jobs of the key';
      bounds.push({
        ...{ kind: 'queued_of_key', name: keyId, limit },
        allowed: own ?? settings.queued_jobs_per_key,
      });
    }
    if (settings.queued_jobs_per_region > 0) {
      bounds.push({
        ...{ kind: 'queued_in_region', name: region, limit: 'limits.queued_jobs_per_region' },
        allowed: settings.queued_jobs_per_region,
      });
    }
    return bounds;
  }

  private async countWhereNeeded(bounds: readonly (readonly Bounded[])[]): Promise<void> {
    const wanted = new Map<string, { queue: Bounded; jobs: number }>();
    for (const queue of bounds.flat()) {
      const key = keyOf(queue);
      wanted.set(key, { queue, jobs: (wanted.get(key)?.jobs ?? 0) + 1 });
    }
    const nowMs = this.nowMs();
    const stale = [...wanted.values()].flatMap(({ queue, jobs }) => {
      const count = this.counts.get(keyOf(queue));
      if (count === undefined) return [queue];
      const ageMax =
        this.roomIn(queue) >= jobs
          ? COUNT_AGE_MAX_MS
          : Math.min(FULL_AGE_MAX_MS, Math.max(FULL_AGE_MS, count.costMs * FULL_AGE_PER_COST));
      return nowMs - count.atMs > ageMax ? [queue] : [];
    });
    if (stale.length === 0) return;
    const names = (kind: Bounded['kind']): string[] =>
      stale.filter((queue) => queue.kind === kind).map(({ name }) => name);
    const meanwhile: (readonly Newcomer[])[] = [];
    this.settledMeanwhile = meanwhile;
    try {
      const { ofKeys, inRegions } = await countWaiting(
        this.database,
        names('queued_of_key'),
        names('queued_in_region'),
      );
      const costMs = this.nowMs() - nowMs;
      if (this.counts.size > REMEMBERED) this.counts.clear();
      for (const queue of stale) {
        const found = queue.kind === 'queued_of_key' ? ofKeys : inRegions;
        const waiting = (found.get(queue.name) ?? 0) + (this.unsettled.get(keyOf(queue)) ?? 0);
        this.counts.set(keyOf(queue), {
          ...{ waiting, atMs: nowMs },
          costMs: Math.min(costMs, waiting * COST_MAX_MS_PER_JOB),
        });
      }
    } finally {
      this.settledMeanwhile = undefined;
      for (const newcomers of meanwhile) this.settle(newcomers);
    }
  }

  private roomIn(queue: Bounded): number {
    return queue.allowed - (this.counts.get(keyOf(queue))?.waiting ?? 0);
  }

  private add(queue: Bounded, jobs: number): void {
    const count = this.counts.get(keyOf(queue));
    if (count !== undefined) count.waiting += jobs;
  }

  private fullQueue(queue: Bounded): FullQueue {
    const { kind, name, limit, allowed } = queue;
    const whose = kind === 'queued_of_key' ? `key "${name}"` : `region ${name}`;
    return { kind, limit, whose, allowed, waiting: allowed - this.roomIn(queue) };
  }
}

function keyOf({ kind, name }: Pick<Bounded, 'kind' | 'name'>): string {
  return `${kind} ${name}`;
}

/** All that it would wait in, whether they are bounded now or not: limits may change until it is settled. */
function queuesOf({ keyId, region }: Newcomer): string[] {
  const inRegion = keyOf({ kind: 'queued_in_region', name: region });
  return keyId === null ? [inRegion] : [keyOf({ kind: 'queued_of_key', name: keyId }), inRegion];
}

/** Where nothing is able to take work now, nobody knows when there will be room. */
const UNKNOWN_DRAIN_S = 60;
const RETRY_AFTER_MAX_S = 3600;

/** @param drainMs until enough of those that wait have begun; undefined: nothing can take them now */
export function queueFull(
  { limit, whose, allowed, waiting }: FullQueue,
  drainMs: number | undefined,
): ProblemError {
  const retryAfterS =
    drainMs === undefined
      ? UNKNOWN_DRAIN_S
      : Math.min(RETRY_AFTER_MAX_S, Math.max(1, Math.ceil(drainMs / 1000)));
  const message = `${whose} may have ${allowed} jobs waiting and has ${waiting}; try again in ${retryAfterS} s`;
  return new ProblemError('QUEUE_FULL', `${limit}: ${message}`, [{ field: limit, message }], { retryAfterS });
}
