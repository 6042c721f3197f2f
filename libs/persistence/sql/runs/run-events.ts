import type { Queryable } from '../../database.js';
import { queueWebhooks } from './queue-webhooks.js';

export interface NewRunEvent {
  readonly type: string;
  /** Ids, counts and codes; never a prompt or an answer. */
  readonly data: Readonly<Record<string, unknown>>;
}

export interface StoredRunEvent {
  /** Grows with every event of a run; a bigint. */
  readonly seq: string;
  readonly type: string;
  readonly data: Readonly<Record<string, unknown>>;
  readonly at: Date;
}

/**
 * Appends in the given order, and queues the webhooks that tell of them. The caller's transaction has locked the run,
 * and has done what the events say.
 */
export async function appendRunEvents(
  client: Queryable,
  runId: string,
  events: readonly NewRunEvent[],
): Promise<void> {
  if (events.length === 0) return;
  await client.query(
    `INSERT INTO run_events (run_id, type, data)
     SELECT $1, type, data FROM unnest($2::text[], $3::jsonb[]) WITH ORDINALITY AS given (type, data, number)
      ORDER BY number`,
    [runId, events.map(({ type }) => type), events.map(({ data }) => JSON.stringify(data))],
  );
  await queueWebhooks(client, runId, events);
}

/** @param afterSeq '0': from the beginning */
export async function readRunEvents(
  database: Queryable,
  runId: string,
  afterSeq: string,
  limit: number,
): Promise<StoredRunEvent[]> {
  const { rows } = await database.query<StoredRunEvent>(
    `SELECT seq, type, data, at FROM run_events WHERE run_id = $1 AND seq > $2 ORDER BY seq LIMIT $3`,
    [runId, afterSeq, limit],
  );
  return rows;
}

/** The newest event of each run; runs without events are left out. */
export async function readLastSeqs(
  database: Queryable,
  runIds: readonly string[],
): Promise<{ runId: string; seq: string }[]> {
  const { rows } = await database.query<{ runId: string; seq: string }>(
    `SELECT run_id AS "runId", last.seq
       FROM unnest($1::uuid[]) AS wanted (run_id)
      CROSS JOIN LATERAL (
              SELECT seq FROM run_events WHERE run_events.run_id = wanted.run_id ORDER BY seq DESC LIMIT 1) AS last`,
    [runIds],
  );
  return rows;
}
