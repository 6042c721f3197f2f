import type { WebhookFailureCode, WebhookStatus } from '#domain';
import type { Queryable } from '../../database.js';

export interface WebhookDelivery {
  /** Grows in the order in which they were queued; a bigint. */
  readonly deliveryNo: string;
  readonly eventId: string;
  readonly eventType: string;
  readonly jobId: string | null;
  readonly runId: string | null;
  /** null: queued by an older version. */
  readonly sequence: number | null;
  readonly receiver: string;
  readonly status: WebhookStatus;
  readonly tries: number;
  readonly lastErrorCode: WebhookFailureCode | null;
  readonly lastStatus: number | null;
  readonly createdAt: Date;
  /** Next try; while one is being made, when it counts as lost. */
  readonly dueAt: Date;
  readonly finishedAt: Date | null;
}

/** Which deliveries; what is left out does not matter. */
export interface DeliveryFilter {
  /** undefined: everybody's. */
  readonly tenant?: string | undefined;
  readonly status?: WebhookStatus | undefined;
  readonly eventType?: string | undefined;
  readonly jobId?: string | undefined;
  readonly runId?: string | undefined;
}

const COLUMNS = `delivery_no AS "deliveryNo", event_id AS "eventId", event_type AS "eventType", job_id AS "jobId",
  run_id AS "runId", sequence, receiver, status, tries, last_error_code AS "lastErrorCode",
  last_status AS "lastStatus", created_at AS "createdAt", due_at AS "dueAt", finished_at AS "finishedAt"`;

/** Conditions are written out one by one, so that each has its index. */
function conditionsOf(filter: DeliveryFilter): { where: string[]; values: unknown[] } {
  const named: [string, unknown][] = [
    ['tenant', filter.tenant],
    ['status', filter.status],
    ['event_type', filter.eventType],
    ['job_id', filter.jobId],
    ['run_id', filter.runId],
  ];
  const given = named.filter(([, value]) => value !== undefined);
  return {
    where: given.map(([column], index) => `${column} = $${index + 1}`),
    values: given.map(([, value]) => value),
  };
}

/** Newest first. @param beforeNo the last one already seen */
export async function listDeliveries(
  database: Queryable,
  filter: DeliveryFilter,
  limit: number,
  beforeNo?: string,
): Promise<WebhookDelivery[]> {
  const { where, values } = conditionsOf(filter);
  if (beforeNo !== undefined) where.push(`delivery_no < $${values.push(beforeNo)}::bigint`);
  const { rows } = await database.query<WebhookDelivery>(
    `SELECT ${COLUMNS} FROM webhook_deliveries
      ${where.length === 0 ? '' : `WHERE ${where.join(' AND ')}`}
      ORDER BY delivery_no DESC LIMIT $${values.push(limit)}`,
    values,
  );
  return rows;
}

export interface WebhookDeliveryDetails extends WebhookDelivery {
  readonly url: string;
  readonly body: string;
}

export async function findDelivery(
  database: Queryable,
  eventId: string,
): Promise<WebhookDeliveryDetails | undefined> {
  const { rows } = await database.query<WebhookDeliveryDetails>(
    `SELECT ${COLUMNS}, url, body FROM webhook_deliveries WHERE event_id = $1`,
    [eventId],
  );
  return rows[0];
}

/** @returns undefined where there is no such delivery */
export async function readDeliveryTenant(database: Queryable, eventId: string): Promise<string | undefined> {
  const { rows } = await database.query<{ tenant: string }>(
    `SELECT tenant FROM webhook_deliveries WHERE event_id = $1`,
    [eventId],
  );
  return rows[0]?.tenant;
}

/**
 * Has deliveries sent again, now, with a schedule that begins anew: of the given ids, or the oldest that the filter
 * names. One that waits for its next try is tried at once; one that is being tried is left to that.
 * @returns ids of those that were due to be sent again
 */
export async function redeliver(
  database: Queryable,
  which: { readonly eventId: string } | (DeliveryFilter & { readonly limit: number }),
): Promise<string[]> {
  const isOne = 'eventId' in which;
  const { where, values } = isOne
    ? { where: ['event_id = $1'], values: [which.eventId] as unknown[] }
    : conditionsOf(which);
  const limit = isOne ? 1 : which.limit;
  const { rows } = await database.query<{ event_id: string }>(
    `WITH chosen AS (
            SELECT event_id FROM webhook_deliveries
             WHERE ${[...where, 'NOT (is_claimed AND due_at > clock_timestamp())'].join(' AND ')}
             ORDER BY delivery_no LIMIT $${values.push(limit)}
               FOR UPDATE
          )
     UPDATE webhook_deliveries AS delivery
        SET status = 'pending', is_claimed = false, due_at = clock_timestamp(), tries_before = tries,
            finished_at = NULL
       FROM chosen WHERE delivery.event_id = chosen.event_id
     RETURNING delivery.event_id`,
    values,
  );
  return rows.map(({ event_id: id }) => id);
}
