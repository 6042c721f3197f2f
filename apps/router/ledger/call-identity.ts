import { createHash } from 'node:crypto';
import type { AttemptCalls, Outcome } from '#contracts';

/**
 * Which calls an outcome is about. One of an older dispatcher, which gave its calls no ids, is about one call: the same
 * outcome delivered twice gives the same id.
 */
export function callsOf({ calls, job_id, attempt, epoch, duration_ms }: Outcome): AttemptCalls {
  if (calls !== undefined) return calls;
  const digest = createHash('sha256').update(`${job_id}:${attempt}:${epoch}:${duration_ms}`).digest('hex');
  // Version 8: of our own making.
  const id = `${digest.slice(0, 8)}-${digest.slice(8, 12)}-8${digest.slice(13, 16)}-8${digest.slice(17, 20)}-${digest.slice(20, 32)}`;
  return { id, earlier: [], ended_ms_ago: 0 };
}
