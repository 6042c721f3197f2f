import { randomUUID } from 'node:crypto';
import type { Configuration } from '#config';
import { endpointLane, isLive, type Control, type EndpointView } from '#domain';
import type { Logger } from '#observability';
import { insertJobs, readEndpoints, type Database } from '#persistence';
import type { Endpoints } from '../engine/endpoints.js';
import type { JobArrivals } from '../engine/job-arrivals.js';
import type { InForce } from './in-force.js';

export interface WakeUpParts {
  readonly database: Database;
  readonly endpoints: Endpoints;
  readonly inForce: InForce;
  readonly arrivals: JobArrivals;
  readonly logger: Logger;
}

/**
 * Wakes endpoints that are to be warm: a platform starts a container for a call and for nothing else, so it is given a
 * short one. That is a job like any other: admission keeps the limits, the ledger has its cost.
 */
export class WakeUps {
  constructor(private readonly parts: WakeUpParts) {}

  /** Gives every endpoint a call that is to be warm and is not; at most one per hot window, whichever router asks. */
  async wake(): Promise<void> {
    const { database, endpoints, inForce } = this.parts;
    if (!inForce.controls.some(({ kind }) => kind === 'warm')) return;
    const nowMs = Date.now();
    for (const view of endpoints.views(await readEndpoints(database, endpoints.ids), nowMs)) {
      if (view.orders?.keepWarm !== true || !view.spec.canRelease || !isLive(view)) continue;
      if (view.leases > 0 || view.record.warmUntilMs > nowMs) continue;
      const order = inForce.controls.find(
        ({ kind, target }) =>
          kind === 'warm' && [`endpoint:${view.spec.id}`, `region:${view.spec.region}`].includes(target),
      );
      if (order !== undefined) await this.call(view, order, nowMs);
    }
  }

  private async call({ spec }: EndpointView, order: Control, nowMs: number): Promise<void> {
    const { database, inForce, arrivals, logger } = this.parts;
    const [model] = spec.models;
    if (model === undefined) return;
    const { configuration } = inForce;
    const id = randomUUID();
    const job = {
      ...{ id, model, home_region: spec.region, preferred_region: spec.region },
      ...{ tenant: order.tenant, key_id: order.actor === 'local' ? null : order.actor },
      ...{ run_id: null, task_type: null, metadata: null, webhook_url: null, request_hash: null },
      ...({ region_policy: 'pin', priority: 'high', lane: endpointLane(spec.id) } as const),
      order_key: Math.round(nowMs),
      max_attempts: inForce.retries.maxAttempts,
      timeout_ms: configuration.timeouts.execution_ms,
      default_timeout: true,
      awaited: false,
      // Nobody draws from its lane once the order is over.
      deadline: order.untilMs === null ? null : new Date(order.untilMs).toISOString(),
      request: { prompt: 'Say OK.', temperature: 0, max_tokens: 1 },
      idempotency_key: `beacon:wake:${order.changeId}:${spec.id}:${turnOf(order, configuration, nowMs)}`,
    };
    const inserted = await insertJobs(database, [job]);
    if (!inserted.has(id)) return;
    arrivals.announce([{ ...job, homeRegion: spec.region }]);
    logger.info(
      { event: 'endpoint.waking', endpoint_id: spec.id, job_id: id, change_id: order.changeId },
      'an endpoint that is to be warm is given a call',
    );
  }
}

/** A container that was called stays for the hot window: once in each is enough, and a failure is no reason to storm. */
function turnOf({ sinceMs }: Control, { keep_warm: keepWarm }: Configuration, nowMs: number): number {
  return Math.max(0, Math.floor((nowMs - sinceMs) / (keepWarm.hot_window_s * 1000)));
}
