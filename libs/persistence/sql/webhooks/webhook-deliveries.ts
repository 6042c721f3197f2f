import type { WebhookFailureCode } from '#domain';
import type { Queryable } from '../../database.js';

export interface ClaimedWebhook {
  readonly eventId: string;
  readonly tenant: string;
  /** null: a job's. */
  readonly runId: string | null;
  readonly jobId: string | null;
  readonly eventType: string;
  readonly url: string;
  /** Host and port of the URL. */
  readonly receiver: string;
  readonly body: string;
  /** This one included. It tells this claim from later ones. */
  readonly tries: number;
  /** As `tries`, since it was last sent again by hand. */
  readonly triesOfRound: number;
}

/** How many deliveries one sender may have under way, and has. */
export interface DeliveryShares {
  readonly tenantMax: number;
  readonly receiverMax: number;
  /** Under way, by tenant and by receiver. */
  readonly byTenant: Readonly<Record<string, number>>;
  readonly byReceiver: Readonly<Record<string, number>>;
  /** Under way, by `shareOf` a tenant and a receiver. */
  readonly byBoth: Readonly<Record<string, number>>;
}

/** What a tenant has at a receiver; no name of a receiver has a space in it. */
export function shareOf({ tenant, receiver }: Pick<ClaimedWebhook, 'tenant' | 'receiver'>): string {
  return `${receiver} ${tenant}`;
}

/**
 * Takes webhooks that are due, each for one try; of no tenant and no receiver more than its share, and of every tenant
 * one before a second of any, at a receiver that several share too: what is under way counts, so one that has thousands
 * due is not given each place that comes free. Whoever takes one and dies leaves it due again after `leaseMs`: it is then sent again,
 * with the same id. The receivers whose share is used up are left out before the oldest of a tenant are looked at,
 * so thousands that are due to one that hangs hide nobody else's for longer than one more look.
 */
export async function claimWebhooks(
  database: Queryable,
  limit: number,
  leaseMs: number,
  { tenantMax, receiverMax, byTenant, byReceiver, byBoth }: DeliveryShares,
): Promise<ClaimedWebhook[]> {
  const full = (held: Readonly<Record<string, number>>, most: number): string[] =>
    Object.keys(held).filter((name) => (held[name] ?? 0) >= most);
  const { rows } = await database.query<ClaimedWebhook>(
    `WITH RECURSIVE tenants AS (
            (SELECT tenant FROM webhook_deliveries WHERE status = 'pending' ORDER BY tenant LIMIT 1)
            UNION ALL
            SELECT (SELECT tenant FROM webhook_deliveries AS next
                     WHERE next.status = 'pending' AND next.tenant > tenants.tenant ORDER BY tenant LIMIT 1)
              FROM tenants WHERE tenants.tenant IS NOT NULL
          ), oldest AS (
            SELECT tenants.tenant, due.*,
                   coalesce(($9::jsonb->>(receiver || ' ' || tenants.tenant))::integer, 0)
                     + row_number() OVER (PARTITION BY tenants.tenant, receiver ORDER BY due_at, event_id) AS turn
              FROM tenants
             CROSS JOIN LATERAL (
                    SELECT event_id, receiver, due_at FROM webhook_deliveries
                     WHERE status = 'pending' AND webhook_deliveries.tenant = tenants.tenant
                       AND due_at <= clock_timestamp() AND receiver <> ALL ($5::text[])
                     ORDER BY due_at LIMIT $3) AS due
             WHERE tenants.tenant <> ALL ($6::text[])
          ), in_turn AS (
            SELECT *, row_number() OVER (PARTITION BY receiver ORDER BY turn, due_at, event_id) AS place_of_receiver
              FROM oldest
          ), within_receivers AS (
            SELECT *, coalesce(($7::jsonb->>tenant)::integer, 0)
                        + row_number() OVER (PARTITION BY tenant ORDER BY due_at, event_id) AS place_of_tenant
              FROM in_turn
             WHERE place_of_receiver <= $4 - coalesce(($8::jsonb->>receiver)::integer, 0)
          ), chosen AS (
            SELECT event_id FROM within_receivers
             WHERE place_of_tenant <= $3
             ORDER BY place_of_tenant, due_at LIMIT $1
          ), due AS (
            SELECT event_id FROM webhook_deliveries
             WHERE event_id IN (SELECT event_id FROM chosen) AND status = 'pending' AND due_at <= clock_timestamp()
               FOR UPDATE SKIP LOCKED
          )
     UPDATE webhook_deliveries AS delivery
        SET tries = tries + 1, is_claimed = true, due_at = clock_timestamp() + $2 * interval '1 millisecond'
       FROM due
      WHERE delivery.event_id = due.event_id
      RETURNING delivery.event_id AS "eventId", tenant, run_id AS "runId", job_id AS "jobId",
                event_type AS "eventType", url, receiver, body, tries, tries - tries_before AS "triesOfRound"`,
    [
      ...[limit, leaseMs, tenantMax, receiverMax],
      ...[full(byReceiver, receiverMax), full(byTenant, tenantMax)],
      ...[JSON.stringify(byTenant), JSON.stringify(byReceiver), JSON.stringify(byBoth)],
    ],
  );
  return rows;
}

/** What a try came to. Where another claim has begun meanwhile, nothing changes. */
export type WebhookSettlement =
  | { readonly kind: 'delivered'; readonly status: number }
  | { readonly kind: 'failed'; readonly code: WebhookFailureCode; readonly status: number | null }
  | {
      readonly kind: 'retry';
      readonly code: WebhookFailureCode;
      readonly status: number | null;
      readonly pauseMs: number;
    };

/** @returns whether the claim still held */
export async function settleWebhook(
  database: Queryable,
  { eventId, tries }: Pick<ClaimedWebhook, 'eventId' | 'tries'>,
  settlement: WebhookSettlement,
): Promise<boolean> {
  const pauseMs = settlement.kind === 'retry' ? settlement.pauseMs : 0;
  const { rowCount } = await database.query(
    `UPDATE webhook_deliveries
        SET status = $3, is_claimed = false, last_error_code = $4, last_status = $5,
            due_at = clock_timestamp() + $6 * interval '1 millisecond',
            finished_at = CASE WHEN $3 = 'pending' THEN NULL ELSE clock_timestamp() END
      WHERE event_id = $1 AND tries = $2 AND status = 'pending'`,
    [
      eventId,
      tries,
      settlement.kind === 'retry' ? 'pending' : settlement.kind,
      settlement.kind === 'delivered' ? null : settlement.code,
      settlement.status,
      pauseMs,
    ],
  );
  return rowCount === 1;
}

export interface WebhookTally {
  readonly pending: number;
  readonly delivered: number;
  readonly failed: number;
  /** Of the latest event whose last try failed. */
  readonly lastErrorCode: WebhookFailureCode | null;
}

export async function countWebhooks(database: Queryable, runId: string): Promise<WebhookTally> {
  const { rows } = await database.query<WebhookTally>(
    `SELECT count(*) FILTER (WHERE status = 'pending')::integer AS pending,
            count(*) FILTER (WHERE status = 'delivered')::integer AS delivered,
            count(*) FILTER (WHERE status = 'failed')::integer AS failed,
            (array_agg(last_error_code ORDER BY created_at DESC)
               FILTER (WHERE last_error_code IS NOT NULL))[1] AS "lastErrorCode"
       FROM webhook_deliveries WHERE run_id = $1`,
    [runId],
  );
  return rows[0] ?? { pending: 0, delivered: 0, failed: 0, lastErrorCode: null };
}

export interface WebhookBacklog {
  readonly pending: number;
  readonly failed: number;
  /** Of the oldest that is due and not being tried; 0: nothing is late. */
  readonly latestByS: number;
}

/** What a gauge shows: how many wait, how many were given up, and how late the latest is. */
export async function readWebhookBacklog(database: Queryable): Promise<WebhookBacklog> {
  const { rows } = await database.query<WebhookBacklog>(
    `SELECT (SELECT count(*)::integer FROM webhook_deliveries WHERE status = 'pending') AS pending,
            (SELECT count(*)::integer FROM webhook_deliveries WHERE status = 'failed') AS failed,
            greatest(0, (SELECT extract(epoch FROM clock_timestamp() - min(due_at))
                           FROM webhook_deliveries WHERE status = 'pending'))::float8 AS "latestByS"`,
  );
  return rows[0] ?? { pending: 0, failed: 0, latestByS: 0 };
}
