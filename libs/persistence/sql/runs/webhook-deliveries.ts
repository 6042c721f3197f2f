import type { WebhookFailureCode } from '#domain';
import type { Queryable } from '../../database.js';

export interface ClaimedWebhook {
  readonly eventId: string;
  readonly runId: string;
  readonly eventType: string;
  readonly url: string;
  readonly body: string;
  /** This one included. It tells this claim from later ones. */
  readonly tries: number;
}

/**
 * Takes webhooks that are due, each for one try. Whoever takes one and dies leaves it due again after `leaseMs`:
 * it is then sent again, with the same id.
 */
export async function claimWebhooks(
  database: Queryable,
  limit: number,
  leaseMs: number,
): Promise<ClaimedWebhook[]> {
  const { rows } = await database.query<ClaimedWebhook>(
    `UPDATE webhook_deliveries AS delivery
        SET tries = tries + 1, due_at = clock_timestamp() + $2 * interval '1 millisecond'
       FROM (SELECT event_id FROM webhook_deliveries
              WHERE status = 'pending' AND due_at <= clock_timestamp()
              ORDER BY due_at LIMIT $1
                FOR UPDATE SKIP LOCKED) AS due
      WHERE delivery.event_id = due.event_id
      RETURNING delivery.event_id AS "eventId", run_id AS "runId", event_type AS "eventType", url, body, tries`,
    [limit, leaseMs],
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
        SET status = $3, last_error_code = $4, last_status = $5,
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
