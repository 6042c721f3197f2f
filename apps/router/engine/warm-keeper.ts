import type { Configuration } from '#config';
import {
  decideWarmth,
  holdsGpu,
  lanesOf,
  sumOf,
  windowOf,
  type EndpointView,
  type KeepWarmSum,
  type RecentAttempt,
  type WarmDecision,
  type WarmFacts,
  type WarmPolicy,
  type WarmSetting,
} from '#domain';
import type { Logger, Metrics } from '#observability';
import {
  claimWindowChange,
  confirmWindowChange,
  postponeWindowChange,
  readRecentAttempts,
  readWarmth,
  type Database,
  type StoredWarmth,
} from '#persistence';
import { spreadsOf, type QueueSnapshot, type QueueView } from '../queue/queue-view.js';
import type { InForce } from '../operations/in-force.js';
import type { EndpointControl } from './endpoint-control.js';

/** Every five seconds with the default times; more often where time is compressed. */
const TICK_MS_MAX = 5000;
const TICK_MS_MIN = 100;
const TICKS_TO_DEMOTE = 360;
/** Longer than telling a platform may take. */
const CLAIM_MS = 60_000;
/** After a platform could not be told, doubled each time: at a start the region's dispatcher may not be there yet. */
const RETRY_MS = 500;
const RETRY_MS_MAX = 30_000;
/** Part of a window by which a platform may be late, or early, with what it does at its end: of 600 s, 5 s. */
const MARGIN = 1 / 120;
/** A deploy brings back the configured window without a word. */
const TELL_AGAIN_MS = 900_000;
const ATTEMPTS_JUDGED = 100;
/** How far back the sums go, in times of `demote_after_s`. */
const HORIZON = 4;

/** How long one endpoint's idle containers stay, and how long they should. */
export interface Warmth {
  readonly endpointId: string;
  readonly setting: WarmSetting;
  readonly configuredMs: number;
  /** `undefined`: its platform was never told anything. */
  readonly stored: StoredWarmth | undefined;
  readonly inForceMs: number;
  readonly wanted: WarmDecision;
  readonly wantedMs: number;
  readonly judgedMs: number;
  readonly sum: KeepWarmSum;
}

export interface WarmKeeperOptions {
  readonly database: Database;
  readonly configuration: Configuration;
  readonly queueView: QueueView;
  /** Left out: nobody changes anything while it runs. */
  readonly inForce?: Pick<InForce, 'gpuLimit' | 'ordersFor'>;
  readonly control: Pick<EndpointControl, 'canBeTold' | 'setWindow'>;
  readonly metrics: Metrics;
  readonly logger: Logger;
  /** After a platform could not be told for the first time. */
  readonly retryMs?: number;
}

/**
 * Has endpoints kept warm by the warm policy. Runs in every router; which one tells a platform is settled in the
 * database, where the window in force is kept too, so that admission counts GPUs by it.
 */
export class WarmKeeper {
  private readonly policy: WarmPolicy;
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> | undefined;
  private stopped = false;
  /** How often each endpoint's platform could not be told, one time after the other. */
  private readonly failures = new Map<string, number>();

  constructor(private readonly options: WarmKeeperOptions) {
    const { keep_warm: keepWarm } = options.configuration;
    this.policy = {
      hybridWindowMs: keepWarm.hybrid_window_s * 1000,
      hotWindowMs: keepWarm.hot_window_s * 1000,
      promoteAttempts: keepWarm.promote_attempts,
      promoteWithinMs: keepWarm.promote_within_s * 1000,
      promoteColdStartMs: keepWarm.promote_cold_start_s * 1000,
      demoteAfterMs: keepWarm.demote_after_s * 1000,
    };
  }

  start(): void {
    const tickMs = Math.max(TICK_MS_MIN, this.policy.demoteAfterMs / TICKS_TO_DEMOTE);
    this.timer = setTimeout(
      () => {
        this.running = this.tick()
          .catch((error: unknown) => {
            this.options.logger.warn(
              { event: 'warmth.step_failed', err: error },
              'endpoints could not be kept warm and will be looked at again',
            );
          })
          .finally(() => {
            if (!this.stopped) this.start();
          });
      },
      Math.min(TICK_MS_MAX, tickMs),
    );
  }

  async stop(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    await this.running;
  }

  /** How every endpoint stands now, in the order of the configuration. */
  async assess(snapshot: QueueSnapshot): Promise<Warmth[]> {
    const { database, configuration } = this.options;
    const ids = configuration.endpoints.map(({ id }) => id);
    const [stored, attempts] = await Promise.all([
      readWarmth(database),
      readRecentAttempts(database, ids, HORIZON * this.policy.demoteAfterMs, ATTEMPTS_JUDGED),
    ]);
    const nowMs = Date.now();
    const areGpusScarce = this.areGpusScarce(snapshot, attempts, nowMs);
    return configuration.endpoints.map((endpoint) => {
      const known = stored.get(endpoint.id);
      const configuredMs = endpoint.scaledown_window_s * 1000;
      const facts: WarmFacts = {
        setting: endpoint.warm,
        isAskedFor: this.isAskedFor(endpoint),
        canBeTold: this.options.control.canBeTold(endpoint.id),
        mode: known?.mode ?? 'configured',
        configuredWindowMs: configuredMs,
        attempts: attempts.get(endpoint.id) ?? [],
        coldStartMs: coldStartOf(snapshot, endpoint),
        areGpusScarce,
        nowMs,
      };
      const wanted = decideWarmth(facts, this.policy);
      const judged = facts.mode === 'configured' ? 'hybrid' : facts.mode;
      return {
        endpointId: endpoint.id,
        setting: endpoint.warm,
        configuredMs,
        stored: known,
        inForceMs: known?.windowMs ?? configuredMs,
        wanted,
        wantedMs: windowOf(wanted.mode, facts, this.policy),
        judgedMs: windowOf(judged, facts, this.policy),
        sum: sumOf(judged, facts, this.policy),
      };
    });
  }

  /** Changes what is to be changed now; public for those who cannot wait for it. */
  async tick(): Promise<void> {
    const { configuration, control, database, queueView } = this.options;
    const mayChange = configuration.endpoints.filter(({ id }) => control.canBeTold(id));
    if (mayChange.length === 0) return;
    // Where nothing is to be kept warm, and nothing ever was, there is nothing to look at.
    const isWanted = mayChange.some((endpoint) => endpoint.warm !== 'off' || this.isAskedFor(endpoint));
    if (!isWanted && (await readWarmth(database)).size === 0) return;
    const warmths = await this.assess(await queueView.read());
    await Promise.all(
      warmths
        .filter(({ endpointId }) => control.canBeTold(endpointId))
        .filter((warmth) => isToBeTold(warmth, Date.now()))
        .map((warmth) => this.change(warmth)),
    );
  }

  /** What may be in force counts before it is told, what was in force until it is confirmed. */
  private async change({ endpointId, configuredMs, wanted, wantedMs, stored }: Warmth): Promise<void> {
    const { control, database, retryMs = RETRY_MS } = this.options;
    const marginMs = this.policy.hybridWindowMs * MARGIN;
    const change = { endpointId, configuredMs, windowMs: wantedMs };
    const mayTell = await database.admissionTransaction((client) =>
      claimWindowChange(client, change, CLAIM_MS, marginMs),
    );
    if (!mayTell) return;
    if ((await control.setWindow(endpointId, wantedMs / 1000)) === 'unavailable') {
      const failures = this.failures.get(endpointId) ?? 0;
      this.failures.set(endpointId, failures + 1);
      await postponeWindowChange(database, endpointId, Math.min(RETRY_MS_MAX, retryMs * 2 ** failures));
      return;
    }
    this.failures.delete(endpointId);
    await database.admissionTransaction((client) =>
      confirmWindowChange(client, change, wanted.mode, wanted.reason),
    );
    if (stored?.mode !== wanted.mode) this.trace(endpointId, stored?.mode ?? 'configured', wanted, wantedMs);
  }

  private trace(endpointId: string, from: string, { mode, reason }: WarmDecision, windowMs: number): void {
    const { metrics, logger } = this.options;
    metrics.count('beacon_warm_changes_total', { endpoint: endpointId, to: mode });
    logger.info(
      {
        event: 'endpoint.warmth',
        endpoint_id: endpointId,
        from,
        to: mode,
        reason,
        window_s: windowMs / 1000,
      },
      'idle containers of an endpoint stay for another time',
    );
  }

  /** An endpoint wants a GPU where it holds one, was called lately, or is waited for. */
  private areGpusScarce(
    snapshot: QueueSnapshot,
    attempts: ReadonlyMap<string, readonly RecentAttempt[]>,
    nowMs: number,
  ): boolean {
    const { configuration, inForce } = this.options;
    const { endpoints } = snapshot;
    const sinceMs = nowMs - this.policy.promoteWithinMs;
    const wanting = endpoints.filter(
      (view) =>
        holdsGpu(view, nowMs) ||
        (attempts.get(view.spec.id) ?? []).some(({ finishedMs }) => (finishedMs ?? nowMs) >= sinceMs) ||
        isWaitedFor(view, snapshot),
    );
    return wanting.length > (inForce?.gpuLimit ?? configuration.limits.gpus);
  }

  private isAskedFor(endpoint: Configuration['endpoints'][number]): boolean {
    return this.options.inForce?.ordersFor(endpoint).keepWarm === true;
  }
}

function isToBeTold({ stored, inForceMs, wanted, wantedMs }: Warmth, nowMs: number): boolean {
  if (wantedMs !== inForceMs || (stored !== undefined && stored.mode !== wanted.mode)) return true;
  return wanted.mode !== 'configured' && nowMs - (stored?.toldMs ?? 0) > TELL_AGAIN_MS;
}

function isWaitedFor(view: EndpointView, { counts, endpoints }: QueueSnapshot): boolean {
  return view.spec.models.some((model) => {
    const lanes: readonly string[] = lanesOf(view, model, endpoints);
    return counts.some(
      (count) =>
        (count.state === 'queued' || count.state === 'retrying') &&
        count.model === model &&
        lanes.includes(count.lane),
    );
  });
}

/** What a container's first call takes longer; of several models the one that takes longest. */
function coldStartOf(
  snapshot: QueueSnapshot,
  { region, models }: Configuration['endpoints'][number],
): number | undefined {
  const known = models.flatMap((model) => {
    const { warm, cold } = spreadsOf(snapshot, region, model);
    return cold === undefined ? [] : [Math.max(0, cold.p50Ms - (warm?.p50Ms ?? 0))];
  });
  return known.length === 0 ? undefined : Math.max(...known);
}
