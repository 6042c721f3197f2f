import { performance } from 'node:perf_hooks';
import type { Configuration, EndpointConfiguration } from '#config';
import { resolveRegion } from '#config';
import type { AssumedTimes, EndpointRecord, EndpointSpec, EndpointView, HandoverPolicy } from '#domain';
import { FRESH_ENDPOINT, NO_ORDERS, isRegionDown, workspaceOf } from '#domain';
import type { InForce } from '../operations/in-force.js';
import { specInForce } from './window-in-force.js';

/** What the decisions need to know of a configured endpoint. */
export function specOf(endpoint: EndpointConfiguration): EndpointSpec {
  return {
    id: endpoint.id,
    region: endpoint.region,
    workspace: workspaceOf(endpoint),
    models: endpoint.models,
    concurrency: endpoint.concurrency,
    scaledownWindowMs: endpoint.scaledown_window_s * 1000,
    hasHealthUrl: endpoint.health_url !== undefined,
    canRelease: endpoint.autoscaler_url !== undefined,
  };
}

export function handoverOf({ handover }: Configuration): HandoverPolicy {
  return { lingerMs: handover.linger_ms, turnMs: handover.turn_s * 1000 };
}

export function assumedTimesOf({ assumed }: Configuration): AssumedTimes {
  return { warmMs: assumed.call_s * 1000, coldStartMs: assumed.cold_start_s * 1000 };
}

/** The configured endpoints, and which regions' dispatchers give signs of life. */
export class Endpoints {
  readonly specs: readonly EndpointSpec[];
  readonly ids: readonly string[];
  readonly models: ReadonlySet<string>;
  readonly regions: readonly string[];
  readonly assumedTimes: AssumedTimes;
  private readonly specById: ReadonlyMap<string, EndpointSpec>;
  /** Unix ms by this process's clock, which is compared with itself only. */
  private readonly lastHeartbeatMs = new Map<string, number>();
  /** By the monotonic clock. */
  private listeningSinceMs = performance.now();

  constructor(
    private readonly configuration: Configuration,
    startedAtMs: number,
    /** What operators ask for; left out: nothing. */
    private readonly inForce?: Pick<InForce, 'ordersFor' | 'onlyRegion'>,
  ) {
    this.specs = configuration.endpoints.map(specOf);
    this.ids = this.specs.map(({ id }) => id);
    this.specById = new Map(this.specs.map((spec) => [spec.id, spec]));
    this.models = new Set(this.specs.flatMap(({ models }) => models));
    this.regions = Object.keys(configuration.regions);
    this.assumedTimes = assumedTimesOf(configuration);
    // A router that has just started has heard nothing yet: that is no sign of death.
    for (const region of this.regions) this.lastHeartbeatMs.set(region, startedAtMs);
  }

  spec(endpointId: string): EndpointSpec | undefined {
    return this.specById.get(endpointId);
  }

  resolveRegion(name: string): string | undefined {
    return resolveRegion(this.configuration, name);
  }

  /** In single-region mode: where everything goes that is not pinned elsewhere. */
  get onlyRegion(): string | undefined {
    return this.inForce?.onlyRegion;
  }

  regionsServing(model: string): string[] {
    return this.regions.filter((region) =>
      this.specs.some((spec) => spec.region === region && spec.models.includes(model)),
    );
  }

  heartbeat(region: string, nowMs: number): void {
    this.lastHeartbeatMs.set(region, nowMs);
  }

  /** NATS is back: while it was away nobody could be heard, which is no sign of death either. */
  listenAnew(nowMs: number): void {
    this.listeningSinceMs = performance.now();
    for (const region of this.regions) this.lastHeartbeatMs.set(region, nowMs);
  }

  /** Milliseconds since dispatchers are heard without a break. */
  listeningMs(): number {
    return performance.now() - this.listeningSinceMs;
  }

  dispatcherAlive(region: string, nowMs: number): boolean {
    return !isRegionDown(nowMs - (this.lastHeartbeatMs.get(region) ?? 0));
  }

  /** @param stored what the database says; an endpoint it does not know is fresh */
  views(
    stored: ReadonlyMap<string, { record: EndpointRecord; leases: number }>,
    nowMs: number,
  ): EndpointView[] {
    return this.specs.map((spec) => {
      const { record, leases } = stored.get(spec.id) ?? { record: FRESH_ENDPOINT, leases: 0 };
      const orders = this.inForce?.ordersFor(spec) ?? NO_ORDERS;
      return {
        spec: specInForce(spec, record),
        record: { ...record, paused: orders.pauses.length > 0 },
        leases,
        dispatcherAlive: this.dispatcherAlive(spec.region, nowMs),
        orders,
      };
    });
  }
}
