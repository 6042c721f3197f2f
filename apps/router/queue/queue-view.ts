import { performance } from 'node:perf_hooks';
import {
  TenantTurns,
  aheadUnderFairness,
  estimateWaitMs,
  holdsGpu,
  lanesOf,
  PRIORITIES,
  spreadOf,
  type EndpointView,
  type ExpectedTimes,
  type Priority,
  type Spread,
  type TenantShare,
} from '#domain';
import {
  countOpenJobs,
  readEndpoints,
  readExecutionTimes,
  readRegionTotals,
  readTenantShares,
  type Database,
  type JobsAhead,
  type QueueCount,
  type RegionTotals,
} from '#persistence';
import type { Endpoints } from '../engine/endpoints.js';

/** What was learned of a model in a region; `undefined`: nothing yet. */
export interface LearnedSpreads {
  readonly warm: Spread | undefined;
  readonly cold: Spread | undefined;
}

/** The queues at one moment. */
export interface QueueSnapshot {
  /** Unix ms. */
  readonly asOfMs: number;
  readonly counts: readonly QueueCount[];
  readonly totals: ReadonlyMap<string, RegionTotals>;
  readonly endpoints: readonly EndpointView[];
  /** By `<region> <model>`. */
  readonly times: ReadonlyMap<string, LearnedSpreads>;
  /** What the tenants with open jobs have of each endpoint. */
  readonly shares: readonly TenantShare[];
}

/** Up to this many open jobs every reader gets a count of its own moment; more are counted in the background. */
const COUNTED_PER_READ_MAX = 2000;
/** Background counts: at least this far apart, and so far that counting takes a twenty-fifth of one connection's time. */
const BACKGROUND_INTERVAL_MS = 500;
const BACKGROUND_PAUSE_PER_COST = 24;
/** A new job's place may be told from a count of this age. */
const SUBMIT_AGE_MS = 50;

/**
 * What the queues look like, at a cost that does not grow with the number of readers. While the backlog is
 * small every read is exact; a big backlog is counted in the background, readers get the latest count and its
 * time (`as_of`).
 */
export class QueueView {
  private latest: QueueSnapshot | undefined;
  /** Set while the backlog is counted in the background. */
  private background: NodeJS.Timeout | undefined;
  private stopped = false;
  private taking: Promise<QueueSnapshot> | undefined;
  private next: Promise<QueueSnapshot> | undefined;
  /** Jobs that arrived since the latest count, by lane, model and tenant. */
  private readonly arrivals = new Map<string, number>();

  constructor(
    private readonly database: Database,
    private readonly endpoints: Endpoints,
  ) {}

  /** In single-region mode: where everything goes that is not pinned elsewhere. */
  get onlyRegion(): string | undefined {
    return this.endpoints.onlyRegion;
  }

  async read(): Promise<QueueSnapshot> {
    return this.latest !== undefined && this.background !== undefined ? this.latest : this.take();
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.background);
  }

  /** Counted in at once, so that the position told to a client does not wait for the next count. */
  arrived(lane: string, model: string, tenant: string): void {
    const key = JSON.stringify([lane, model, tenant]);
    this.arrivals.set(key, (this.arrivals.get(key) ?? 0) + 1);
  }

  /**
   * Place of a job that has just arrived, and the wait that follows from it. Read from a count that is at most
   * a few milliseconds old, so that answering a request costs no count of its own.
   */
  async placeOfNew(
    lane: string,
    model: string,
    priority: Priority,
    tenant: string,
  ): Promise<{ position: number; estimateMs: number | undefined }> {
    const { latest } = this;
    const snapshot =
      latest !== undefined && Date.now() - latest.asOfMs < SUBMIT_AGE_MS ? latest : await this.read();
    const before = PRIORITIES.slice(0, PRIORITIES.indexOf(priority) + 1);
    const waiting = snapshot.counts.filter(
      (count) =>
        count.lane === lane &&
        count.model === model &&
        (count.state === 'queued' || count.state === 'retrying'),
    );
    const own = waiting
      .filter((count) => count.tenant === tenant && (count.is_retry || before.includes(count.priority)))
      .reduce((sum, { jobs }) => sum + jobs, 0);
    const others = new Map<string, number>();
    for (const count of waiting)
      if (count.tenant !== tenant) others.set(count.tenant, (others.get(count.tenant) ?? 0) + count.jobs);
    const arrivals = this.arrivals.get(JSON.stringify([lane, model, tenant])) ?? 0;
    // Itself is among what has arrived, or has been counted, unless it has its ticket already.
    if (own + arrivals === 0) return { position: 0, estimateMs: this.estimateMs(snapshot, lane, model, 0) };
    const ahead = this.aheadOf(snapshot, lane, model, tenant, {
      own: own + arrivals - 1,
      others: [...others].map(([name, jobs]) => ({ tenant: name, waiting: jobs })),
    });
    return { position: ahead + 1, estimateMs: this.estimateMs(snapshot, lane, model, ahead) };
  }

  /** How many jobs go before one of a tenant's, where tenants take turns: an estimate, and exact with one tenant. */
  aheadOf(
    snapshot: QueueSnapshot,
    lane: string,
    model: string,
    tenant: string,
    ahead: JobsAhead,
    shares: readonly TenantShare[] = snapshot.shares,
  ): number {
    const turns = new TenantTurns(shares);
    const places = this.serversOf(snapshot, lane, model).map(({ view }) => turns.at(view.spec.id));
    return aheadUnderFairness(
      ahead.own,
      ahead.others.map(({ tenant: other, waiting }) => ({
        waiting,
        // Wherever it is the job's own turn, it does not wait for the other's. Of equals those go first who were there.
        goesFirst: places.every((place) => place.compare(other, tenant) <= 0),
      })),
    );
  }

  /** For jobs without a preference: where the fewest are waiting, by the latest count. */
  leastLoaded(regions: readonly string[]): string {
    const load = (region: string): number =>
      (this.latest?.counts ?? [])
        .filter((count) => count.region === region)
        .reduce((sum, { jobs }) => sum + jobs, 0);
    return [...regions].sort((left, right) => load(left) - load(right))[0] ?? '';
  }

  /** Endpoints that draw from a lane, with the times learned for the model. */
  serversOf(
    snapshot: QueueSnapshot,
    lane: string,
    model: string,
  ): { view: EndpointView; times: ExpectedTimes }[] {
    return snapshot.endpoints
      .filter(
        (view) => view.spec.models.includes(model) && lanesOf(view, model, snapshot.endpoints).includes(lane),
      )
      .map((view) => ({ view, times: timesOf(snapshot, view.spec.region, model) }));
  }

  /** Milliseconds until a job with this many before it starts; `undefined` while nothing can take it. */
  estimateMs(snapshot: QueueSnapshot, lane: string, model: string, aheadCount: number): number | undefined {
    const servers = this.serversOf(snapshot, lane, model);
    return estimateWaitMs(aheadCount, servers, Date.now(), this.endpoints.assumedTimes);
  }

  gpusInUse(snapshot: QueueSnapshot): number {
    return snapshot.endpoints.filter((view) => holdsGpu(view, Date.now())).length;
  }

  /** A reader never gets a count that began before it asked: it joins the next one. */
  private take(): Promise<QueueSnapshot> {
    if (this.taking === undefined) {
      this.taking = this.count().finally(() => {
        this.taking = undefined;
      });
      return this.taking;
    }
    this.next ??= this.taking
      .catch(() => undefined)
      .then(() => {
        this.next = undefined;
        return this.take();
      });
    return this.next;
  }

  private async count(): Promise<QueueSnapshot> {
    const began = performance.now();
    this.arrivals.clear();
    const [counts, totals, stored, learned] = await Promise.all([
      countOpenJobs(this.database),
      readRegionTotals(this.database),
      readEndpoints(this.database, this.endpoints.ids),
      readExecutionTimes(this.database),
    ]);
    const times = new Map<string, LearnedSpreads>();
    for (const { region, model, cold, samplesMs } of learned) {
      const key = `${region} ${model}`;
      const known = times.get(key) ?? NOTHING_LEARNED;
      times.set(key, { ...known, [cold ? 'cold' : 'warm']: spreadOf(samplesMs) });
    }
    const tenants = [...new Set(counts.map(({ tenant }) => tenant))];
    const snapshot: QueueSnapshot = {
      asOfMs: Date.now(),
      counts,
      totals: new Map(totals.map((row) => [row.region, row])),
      endpoints: this.endpoints.views(stored, Date.now()),
      times,
      shares: tenants.length > 0 ? await readTenantShares(this.database, tenants) : [],
    };
    this.latest = snapshot;
    this.countAgain(snapshot, performance.now() - began);
    return snapshot;
  }

  /** Keeps a big backlog's count fresh without a reader having to wait for it. */
  private countAgain(snapshot: QueueSnapshot, costMs: number): void {
    clearTimeout(this.background);
    this.background = undefined;
    const open = snapshot.counts.reduce((sum, { jobs }) => sum + jobs, 0);
    if (this.stopped || open <= COUNTED_PER_READ_MAX) return;
    this.background = setTimeout(
      () => {
        // A count that fails is made by the next reader, who hears of the failure.
        this.take().catch(() => {
          this.background = undefined;
        });
      },
      Math.max(BACKGROUND_INTERVAL_MS, costMs * BACKGROUND_PAUSE_PER_COST),
    );
  }
}

const NOTHING_LEARNED: LearnedSpreads = { warm: undefined, cold: undefined };

export function spreadsOf(snapshot: QueueSnapshot, region: string, model: string): LearnedSpreads {
  return snapshot.times.get(`${region} ${model}`) ?? NOTHING_LEARNED;
}

export function timesOf(snapshot: QueueSnapshot, region: string, model: string): ExpectedTimes {
  const { warm, cold } = spreadsOf(snapshot, region, model);
  return { warmMs: warm?.p50Ms, coldMs: cold?.p50Ms };
}
