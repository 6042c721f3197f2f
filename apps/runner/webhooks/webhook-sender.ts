import { planAfterWebhookFailure, WEBHOOK_RETRY_POLICY, type WebhookRetryPolicy } from '#domain';
import type { Logger, Metrics } from '#observability';
import {
  claimWebhooks,
  readWebhookBacklog,
  settleWebhook,
  type ClaimedWebhook,
  type Database,
  type WebhookSettlement,
} from '#persistence';
import { postWebhook, secretOfTenant, signWebhook, type AddressPolicy, type Resolve } from '#webhooks';
import { DeliveryPlaces, type PlaceLimits } from './delivery-places.js';

const TICK_MS = 1000;
/** Longer than any try takes: what is still claimed then was claimed by a process that is gone. */
const LEASE_MS = 20_000;
const STOP_MS = 2000;
const GAUGES_EVERY_MS = 15_000;

const SAID: Record<WebhookSettlement['kind'], string> = {
  delivered: 'webhook delivered',
  retry: 'webhook not delivered, will be tried again',
  failed: 'webhook not delivered, given up',
};

export interface WebhookSenderParts {
  readonly database: Database;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Webhooks are signed with each of them, the one in force first; empty: they are not signed. */
  readonly secrets: readonly string[];
  readonly policy: AddressPolicy;
  readonly places?: PlaceLimits;
  readonly tickMs?: number;
  readonly leaseMs?: number;
  readonly timeoutMs?: number;
  readonly stopMs?: number;
  readonly retryPolicy?: WebhookRetryPolicy;
  readonly resolve?: Resolve;
}

/**
 * Delivers the webhooks that transactions have queued, at least once each. It lives in the runner: that has the database,
 * but holds no credentials of endpoints and serves nobody, so a receiver that hangs or floods harms no request. Several
 * may run at once, as each row is claimed by one of them.
 */
export class WebhookSender {
  private readonly inFlight = new Set<Promise<void>>();
  private readonly places: DeliveryPlaces;
  private readonly stopping = new AbortController();
  private stopped = false;
  /** A place that somebody may have waited for is free again, or everything ends: look before the tick. */
  private isPoked = false;
  private wake: (() => void) | undefined;
  private loop: Promise<void> | undefined;
  private gaugesAtMs = 0;

  constructor(private readonly parts: WebhookSenderParts) {
    this.places = new DeliveryPlaces(parts.places);
  }

  start(): void {
    this.loop = this.watch();
  }

  /** Lets the tries under way end, for a moment; a receiver that hangs is told again by whoever comes next. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.poke();
    await this.loop;
    const timer = setTimeout(() => this.stopping.abort(), this.parts.stopMs ?? STOP_MS);
    await Promise.all(this.inFlight);
    clearTimeout(timer);
  }

  private async watch(): Promise<void> {
    while (!this.stopped) {
      let claimed = 0;
      this.isPoked = false;
      try {
        claimed = await this.claim();
        await this.showBacklog();
      } catch (error) {
        this.parts.logger.warn({ event: 'webhook.claim_failed', err: error }, 'could not look for webhooks');
      }
      // Where something was due there may be more.
      if (claimed === 0) await this.pause();
    }
  }

  private async claim(): Promise<number> {
    const { free } = this.places;
    if (free <= 0) return 0;
    const { database, leaseMs = LEASE_MS } = this.parts;
    const claimed = await claimWebhooks(database, free, leaseMs, this.places.shares());
    for (const webhook of claimed) {
      this.places.take(webhook);
      const delivery = this.deliver(webhook).finally(() => {
        this.inFlight.delete(delivery);
        if (this.places.release(webhook)) this.poke();
      });
      this.inFlight.add(delivery);
    }
    return claimed.length;
  }

  private async deliver(webhook: ClaimedWebhook): Promise<void> {
    const { database, logger, metrics } = this.parts;
    const { eventId, runId, jobId, tenant, eventType, tries } = webhook;
    const said = {
      ...{ event_id: eventId, tenant, event_type: eventType, tries },
      ...(runId === null ? {} : { run_id: runId }),
      ...(jobId === null ? {} : { job_id: jobId }),
    };
    try {
      const settlement = await this.send(webhook);
      if (!(await settleWebhook(database, webhook, settlement))) return;
      const result = settlement.kind === 'retry' ? 'retried' : settlement.kind;
      metrics.count('beacon_webhook_deliveries_total', { result });
      const { kind, ...outcome } = settlement;
      const level = kind === 'delivered' ? 'info' : 'warn';
      logger[level]({ event: `webhook.${result}`, ...said, ...outcome }, SAID[kind]);
    } catch (error) {
      // Its row says that it is due again: nothing is lost.
      logger.warn({ event: 'webhook.not_recorded', ...said, err: error }, 'webhook outcome not recorded');
    }
  }

  private async send(webhook: ClaimedWebhook): Promise<WebhookSettlement> {
    const { policy, timeoutMs, resolve, retryPolicy } = this.parts;
    const { eventId, url, body, triesOfRound } = webhook;
    const timestampS = Math.floor(Date.now() / 1000);
    const posted = await postWebhook({
      ...{ url, body, policy },
      signal: this.stopping.signal,
      headers: {
        'webhook-id': eventId,
        'webhook-timestamp': String(timestampS),
        ...this.signature(webhook, timestampS),
      },
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
      ...(resolve === undefined ? {} : { resolve }),
    });
    if (posted.kind === 'accepted') return { kind: 'delivered', status: posted.status };
    const { code, status, retryAfterMs } = posted;
    const policyOfRetries = retryPolicy ?? WEBHOOK_RETRY_POLICY;
    const plan = planAfterWebhookFailure(code, triesOfRound, retryAfterMs, policyOfRetries, Math.random());
    return plan.kind === 'giveUp'
      ? { kind: 'failed', code, status }
      : { kind: 'retry', code, status, pauseMs: plan.pauseMs };
  }

  /** One signature per secret, as Standard Webhooks has it for the time of a rotation. */
  private signature({ tenant, eventId, body }: ClaimedWebhook, timestampS: number): Record<string, string> {
    const signatures = this.parts.secrets.map((secret) =>
      signWebhook(secretOfTenant(secret, tenant), eventId, timestampS, body),
    );
    return signatures.length === 0 ? {} : { 'webhook-signature': signatures.join(' ') };
  }

  private async showBacklog(): Promise<void> {
    const { database, metrics } = this.parts;
    if (performance.now() < this.gaugesAtMs) return;
    this.gaugesAtMs = performance.now() + GAUGES_EVERY_MS;
    const { pending, failed, latestByS } = await readWebhookBacklog(database);
    metrics.set('beacon_webhooks', { status: 'pending' }, pending);
    metrics.set('beacon_webhooks', { status: 'failed' }, failed);
    metrics.set('beacon_webhooks_latest_by_seconds', {}, latestByS);
  }

  private poke(): void {
    this.isPoked = true;
    this.wake?.();
  }

  private async pause(): Promise<void> {
    if (this.stopped || this.isPoked) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, this.parts.tickMs ?? TICK_MS);
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.wake = undefined;
  }
}
