import { planAfterWebhookFailure, WEBHOOK_RETRY_POLICY, type WebhookRetryPolicy } from '#domain';
import type { Logger, Metrics } from '#observability';
import {
  claimWebhooks,
  settleWebhook,
  type ClaimedWebhook,
  type Database,
  type WebhookSettlement,
} from '#persistence';
import { postWebhook, signWebhook, type Resolve } from '#webhooks';

const TICK_MS = 1000;
/** Webhooks under way at once; a receiver that hangs holds one of them for a try's 10 s. */
const IN_FLIGHT_MAX = 20;
/** Longer than any try takes: what is still claimed then was claimed by a process that is gone. */
const LEASE_MS = 20_000;
const STOP_MS = 2000;

const SAID: Record<WebhookSettlement['kind'], string> = {
  delivered: 'webhook delivered',
  retry: 'webhook not delivered, will be tried again',
  failed: 'webhook not delivered, given up',
};

export interface WebhookSenderParts {
  readonly database: Database;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** undefined: webhooks are not signed. */
  readonly secret: string | undefined;
  readonly allowPrivateAddresses: boolean;
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
  private readonly stopping = new AbortController();
  private stopped = false;
  private wake: (() => void) | undefined;
  private loop: Promise<void> | undefined;

  constructor(private readonly parts: WebhookSenderParts) {}

  start(): void {
    this.loop = this.watch();
  }

  /** Lets the tries under way end, for a moment; a receiver that hangs is told again by whoever comes next. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.wake?.();
    await this.loop;
    const timer = setTimeout(() => this.stopping.abort(), this.parts.stopMs ?? STOP_MS);
    await Promise.all(this.inFlight);
    clearTimeout(timer);
  }

  private async watch(): Promise<void> {
    while (!this.stopped) {
      let claimed = 0;
      try {
        claimed = await this.claim();
      } catch (error) {
        this.parts.logger.warn({ event: 'webhook.claim_failed', err: error }, 'could not look for webhooks');
      }
      // A full batch: there may be more that are due.
      if (claimed === 0 || this.inFlight.size >= IN_FLIGHT_MAX) await this.pause();
    }
  }

  private async claim(): Promise<number> {
    const free = IN_FLIGHT_MAX - this.inFlight.size;
    if (free <= 0) return 0;
    const { database, leaseMs = LEASE_MS } = this.parts;
    const claimed = await claimWebhooks(database, free, leaseMs);
    for (const webhook of claimed) {
      const delivery = this.deliver(webhook).finally(() => {
        this.inFlight.delete(delivery);
        if (this.inFlight.size === IN_FLIGHT_MAX - 1) this.wake?.();
      });
      this.inFlight.add(delivery);
    }
    return claimed.length;
  }

  private async deliver(webhook: ClaimedWebhook): Promise<void> {
    const { database, logger, metrics } = this.parts;
    const { eventId, runId, eventType, tries } = webhook;
    const said = { event_id: eventId, run_id: runId, event_type: eventType, tries };
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

  private async send({ eventId, url, body, tries }: ClaimedWebhook): Promise<WebhookSettlement> {
    const { secret, allowPrivateAddresses, timeoutMs, resolve, retryPolicy } = this.parts;
    const timestampS = Math.floor(Date.now() / 1000);
    const posted = await postWebhook({
      url,
      body,
      allowPrivateAddresses,
      signal: this.stopping.signal,
      headers: {
        'webhook-id': eventId,
        'webhook-timestamp': String(timestampS),
        ...(secret === undefined
          ? {}
          : { 'webhook-signature': signWebhook(secret, eventId, timestampS, body) }),
      },
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
      ...(resolve === undefined ? {} : { resolve }),
    });
    if (posted.kind === 'accepted') return { kind: 'delivered', status: posted.status };
    const { code, status } = posted;
    const plan = planAfterWebhookFailure(code, tries, retryPolicy ?? WEBHOOK_RETRY_POLICY, Math.random());
    return plan.kind === 'giveUp'
      ? { kind: 'failed', code, status }
      : { kind: 'retry', code, status, pauseMs: plan.pauseMs };
  }

  private async pause(): Promise<void> {
    if (this.stopped) return;
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
