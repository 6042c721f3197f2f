import { isRunWebhookEvent, type RunWebhookEvent } from '#domain';
import type { Queryable } from '../../database.js';
import { countClosedCells } from './change-run.js';

interface ToldEvent {
  readonly type: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/**
 * Queues a webhook for each of these events, where the run has a `webhook_url`: in the transaction that makes the event
 * true, so that there is one for each event and none for what was rolled back. Ids, states and counts
 * only; never a prompt, an answer or a cost. The caller's transaction has locked the run, so nobody else counts
 * its events now.
 */
export async function queueWebhooks(
  client: Queryable,
  runId: string,
  events: readonly ToldEvent[],
): Promise<void> {
  const told = events.flatMap(({ type, data }) => (isRunWebhookEvent(type) ? [{ type, data }] : []));
  if (told.length === 0) return;
  const { rows } = await client.query<{
    url: string | null;
    tenant: string;
    total: number;
    at: Date;
    last: number;
  }>(
    `SELECT spec->>'webhook_url' AS url, tenant, total_cells AS total, now() AS at,
            coalesce((SELECT max(sequence) FROM webhook_deliveries WHERE run_id = $1), 0) AS last
       FROM runs WHERE id = $1`,
    [runId],
  );
  const [run] = rows;
  if (run === undefined || run.url === null) return;
  const { tenant, total, at, last } = run;
  const counts = { total, ...(await countClosedCells(client, runId)) };
  const bodies = told.map(({ type, data }, index) => {
    const about = { run_id: runId, sequence: last + 1 + index, counts, path: `/runs/${runId}` };
    return JSON.stringify({
      type,
      timestamp: at.toISOString(),
      data: { ...about, ...detailsOf(type, data) },
    });
  });
  await client.query(
    `INSERT INTO webhook_deliveries (tenant, run_id, url, event_type, body, sequence)
     SELECT $1, $2, $3, type, body, $6 + place
       FROM unnest($4::text[], $5::text[]) WITH ORDINALITY AS given (type, body, place) ORDER BY place`,
    [tenant, runId, run.url, told.map(({ type }) => type), bodies, last],
  );
}

/** What is told of an event besides which run it is of: named one by one, so that nothing is told by accident. */
function detailsOf(
  type: RunWebhookEvent,
  { gate_id, expires_at, decision, status }: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  switch (type) {
    case 'gate.waiting':
      return { gate_id, status: 'waiting', expires_at };
    case 'gate.decided':
      return { gate_id, decision };
    case 'run.budget_reached':
      return {};
    case 'run.finished':
      return { status };
  }
}
