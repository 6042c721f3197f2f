import { HOLDER_SILENCE_MS } from '#domain';
import type { Queryable } from '../database.js';
import { SLOT_LEASE_MS } from './admission.js';

/**
 * Of a row of `slots`: somebody else has the ticket, and was heard a moment ago.
 * @param dispatcher a parameter of the statement
 */
export const isHeldByOther = (dispatcher: `$${number}`): string =>
  `(slots.holder IS NOT NULL AND slots.holder <> ${dispatcher}
    AND coalesce(slots.seen_at > clock_timestamp() - interval '${HOLDER_SILENCE_MS} milliseconds', false))`;

export interface TicketHolding {
  /** Somebody else has it, and was heard a moment ago. */
  readonly isHeld: boolean;
  /** Since it was issued. */
  readonly issuedMs: number;
}

/** @returns undefined where the ticket has no slot any more */
export async function readHolding(
  database: Queryable,
  jobId: string,
  epoch: number,
  asker: string,
): Promise<TicketHolding | undefined> {
  const { rows } = await database.query<TicketHolding & Record<string, unknown>>(
    `SELECT ${isHeldByOther('$3')} AS "isHeld", (extract(epoch FROM clock_timestamp() - leased_at) * 1000)::float8 AS "issuedMs"
       FROM slots WHERE job_id = $1 AND epoch = $2`,
    [jobId, epoch, asker],
  );
  return rows[0];
}

/**
 * The asker is told to begin, and has the ticket from now on: whoever looks into its silence may be about to take it back, and
 * others may ask for it as well.
 * @param asker undefined: it does not say who it is, and is not kept from anything
 * @param taken `fromNobody`: not from one who has it and was heard a moment ago. `fromWhoever`: who had it is known to be done
 *   with it
 * @returns whether it is the asker's; otherwise it is another's, or was taken back
 */
export async function claimTicket(
  client: Queryable,
  jobId: string,
  epoch: number,
  asker: string | undefined,
  taken: 'fromNobody' | 'fromWhoever',
): Promise<boolean> {
  const { rowCount } = await client.query(
    `UPDATE slots
        SET lease_until = clock_timestamp() + make_interval(secs => $4 / 1000.0),
            left_at = CASE WHEN holder IS DISTINCT FROM coalesce($3, holder) THEN coalesce(seen_at, left_at) ELSE left_at END,
            seen_at = CASE WHEN $3::text IS NULL THEN seen_at ELSE clock_timestamp() END,
            holder = coalesce($3, holder)
      WHERE job_id = $1 AND epoch = $2 AND ($3::text IS NULL OR $5 = 'fromWhoever' OR NOT ${isHeldByOther('$3')})`,
    [jobId, epoch, asker ?? null, SLOT_LEASE_MS, taken],
  );
  return (rowCount ?? 0) > 0;
}
