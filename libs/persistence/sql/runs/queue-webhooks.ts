import { isWebhookEvent, type CellCounts, type WebhookEventType } from '#domain';
import type { Queryable } from '../../database.js';
import { countClosedCells } from './change-run.js';

interface ToldEvent {
  readonly type: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/**
 * Queues a webhook for each of these events, where the run has a `webhook_url`: in the transaction that makes the event
 * true, so that there is one for each event and none for what was rolled back. Ids, states and counts
 * only; never a prompt or an answer.
 */
export async function queueWebhooks(
  client: Queryable,
  runId: string,
  events: readonly ToldEvent[],
): Promise<void> {
  const told = events.flatMap(({ type, data }) => (isWebhookEvent(type) ? [{ type, data }] : []));
  if (told.length === 0) return;
  const { rows } = await client.query<{ url: string | null; total: number; at: Date }>(
    `SELECT spec->>'webhook_url' AS url, total_cells AS total, now() AS at FROM runs WHERE id = $1`,
    [runId],
  );
  const [run] = rows;
  if (run === undefined || run.url === null) return;
  const { total, at } = run;
  const counts = { total, ...(await countClosedCells(client, runId)) };
  const bodies = told.map(({ type, data }) =>
    JSON.stringify({ type, timestamp: at.toISOString(), data: payload(runId, type, data, counts) }),
  );
  await client.query(
    `INSERT INTO webhook_deliveries (run_id, event_type, url, body)
     SELECT $1, type, $2, body FROM unnest($3::text[], $4::text[]) AS given (type, body)`,
    [runId, run.url, told.map(({ type }) => type), bodies],
  );
}

function payload(
  runId: string,
  type: WebhookEventType,
  data: Readonly<Record<string, unknown>>,
  counts: CellCounts & { readonly total: number; readonly cancelled: number },
): Readonly<Record<string, unknown>> {
  const { gate_id: gateId, expires_at: expiresAt, decision, status } = data;
  const path = `/runs/${runId}`;
  switch (type) {
    case 'gate.waiting':
      return { run_id: runId, gate_id: gateId, status: 'waiting', expires_at: expiresAt, counts, path };
    case 'gate.decided':
      return { run_id: runId, gate_id: gateId, decision, counts, path };
    case 'run.finished':
      return { run_id: runId, status, counts, path };
  }
}
