import {
  deliveryListQuerySchema,
  parseRequest,
  redeliverRequestSchema,
  type RedeliveredView,
  type WebhookDeliveryDetailsView,
  type WebhookDeliveryListView,
  type WebhookDeliveryView,
} from '#contracts';
import { visibleTenant, type Caller } from '#domain';
import type { Logger, Metrics } from '#observability';
import {
  appendAudit,
  findDelivery,
  listDeliveries,
  redeliver,
  type Database,
  type WebhookDeliveryDetails,
} from '#persistence';
import { actOf } from '../access/act-of.js';
import { deliveryDetailsView, deliveryView } from './delivery-view.js';
import { webhookNotFound } from './webhook-not-found.js';
import { isUuid } from '../http/ids.js';

/** What became of webhooks, and having them sent again: the runner sends what is due. */
export class WebhookDeliveries {
  constructor(
    private readonly database: Database,
    private readonly metrics: Metrics,
    private readonly logger: Logger,
  ) {}

  async list(query: unknown, caller: Caller): Promise<WebhookDeliveryListView> {
    const { limit, cursor, ...filter } = parseRequest(deliveryListQuerySchema, query);
    const found = await listDeliveries(
      this.database,
      {
        ...{ tenant: visibleTenant(caller), status: filter.status, eventType: filter.event_type },
        ...{ jobId: filter.job_id, runId: filter.run_id },
      },
      limit + 1,
      cursor,
    );
    const page = found.slice(0, limit);
    return {
      deliveries: page.map(deliveryView),
      next_cursor: found.length > limit ? (page.at(-1)?.deliveryNo ?? null) : null,
    };
  }

  /** @throws ProblemError WEBHOOK_NOT_FOUND */
  async read(eventId: string): Promise<WebhookDeliveryDetailsView> {
    return deliveryDetailsView(await this.find(eventId));
  }

  /**
   * One that is being tried at this moment is left to that try.
   * @throws ProblemError WEBHOOK_NOT_FOUND
   */
  async redeliverOne(eventId: string, caller: Caller): Promise<WebhookDeliveryView> {
    const { eventId: id } = await this.find(eventId);
    const count = await this.database.transaction(async (client) => {
      const again = await redeliver(client, { eventId: id });
      if (again.length > 0) await appendAudit(client, actOf(caller, 'webhook.redelivered', id));
      return again.length;
    });
    this.report(count, caller, { event_id: id });
    return deliveryView(await this.find(id));
  }

  async redeliverMany(body: unknown, caller: Caller): Promise<RedeliveredView> {
    const { limit, ...given } = parseRequest(redeliverRequestSchema, body);
    const filter = {
      ...{ tenant: visibleTenant(caller), status: given.status, eventType: given.event_type },
      ...{ jobId: given.job_id, runId: given.run_id },
    };
    const count = await this.database.transaction(async (client) => {
      const again = await redeliver(client, { ...filter, limit });
      const detail = { ...given, redelivered: again.length };
      if (again.length > 0) await appendAudit(client, actOf(caller, 'webhooks.redelivered', '*', detail));
      return again.length;
    });
    this.report(count, caller, given);
    return { redelivered: count, more: count === limit };
  }

  private report(count: number, { tenant }: Caller, which: object): void {
    if (count === 0) return;
    this.metrics.count('beacon_webhook_redeliveries_total', {}, count);
    this.logger.info({ event: 'webhook.redelivered', tenant, ...which, count }, 'webhooks are sent again');
  }

  private async find(eventId: string): Promise<WebhookDeliveryDetails> {
    const delivery = isUuid(eventId) ? await findDelivery(this.database, eventId) : undefined;
    if (delivery === undefined) throw webhookNotFound(eventId);
    return delivery;
  }
}
