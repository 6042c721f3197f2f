import { afterRelease, afterReleaseRefused, type EndpointRecord, type EndpointView } from '#domain';
import type { Logger, Metrics } from '#observability';
import { RELEASE_WITHIN_MS, type EndpointControl, type ReleaseResult } from './endpoint-control.js';

/** Longer than an answer may take. After that the endpoint takes tickets again, whatever the platform says then. */
export const RELEASE_LEASE_MS = RELEASE_WITHIN_MS + 2000;
/** An endpoint that could not be released is not asked again for so long. */
const PAUSE_MS = 10_000;

/** What became of a release that was asked for. */
export interface ReleaseReply {
  readonly endpointId: string;
  /** The lease under which it was asked for: `releasingUntilMs` of the record. */
  readonly leaseMs: number;
  readonly result: ReleaseResult;
  readonly tookMs: number;
}

/**
 * Releases that are under way. The lease is in the endpoint's row, so a router that dies while it waits blocks the
 * endpoint for no longer than that, and its GPU counts as held until somebody knows better.
 */
export class Releases {
  /** By this process's clock, which is compared with itself only. */
  private readonly pausedUntilMs = new Map<string, number>();

  constructor(
    private readonly control: Pick<EndpointControl, 'release'>,
    private readonly metrics: Metrics,
    private readonly logger: Logger,
  ) {}

  /** Whether it may be asked for: not where it has failed just now. */
  isAllowed(endpointId: string): boolean {
    return (this.pausedUntilMs.get(endpointId) ?? 0) <= Date.now();
  }

  /** Call once the lease is committed. */
  async ask(endpointId: string, leaseMs: number): Promise<ReleaseReply> {
    const askedMs = Date.now();
    const result = await this.control.release(endpointId);
    const tookMs = Date.now() - askedMs;
    if (result !== 'released') this.pausedUntilMs.set(endpointId, Date.now() + PAUSE_MS);
    this.metrics.count('beacon_gpu_releases_total', { endpoint: endpointId, outcome: result });
    this.logger.info(
      { event: 'endpoint.release', endpoint_id: endpointId, outcome: result, took_ms: tookMs },
      'asked the platform to release an idle container, because its GPU is wanted',
    );
    return { endpointId, leaseMs, result, tookMs };
  }
}

/**
 * @returns the record from now on, or `undefined` where the reply says nothing: its lease is over, or calls are there
 */
export function recordAfterReply(
  { leaseMs, result, tookMs }: ReleaseReply,
  { record, spec, leases }: EndpointView,
  nowMs: number,
): EndpointRecord | undefined {
  if (Math.round(record.releasingUntilMs) !== leaseMs || leases > 0 || leaseMs <= nowMs) return undefined;
  switch (result) {
    case 'released':
      return afterRelease(record, tookMs, nowMs);
    case 'busy':
      return afterReleaseRefused(record, spec, nowMs);
    case 'unavailable':
      return { ...record, releasingUntilMs: 0 };
  }
}
