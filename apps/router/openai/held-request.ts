import type { FastifyRequest } from 'fastify';
import { ProblemError, openAiErrorOf } from '#contracts';
import type { Caller } from '#domain';
import { parseIdempotencyKey, requestHash } from '../http/idempotency.js';
import type { HeldRequest, UnkeyedRetries } from './unkeyed-retries.js';

/** A request, as far as another try of it is told by it. */
export interface Likeness {
  readonly route: string;
  /** As it was checked. */
  readonly body: object;
}

/**
 * The request under its client's own idempotency key, or under one that it is given: that of a try before it whose client
 * has gone without an answer.
 * @param jobs how many it makes
 * @param left aborted once its client has gone
 * @throws ProblemError VALIDATION_FAILED; REQUEST_INVALID: its client has gone, and would not find what it made
 */
export async function holdRequest(
  retries: UnkeyedRetries,
  { headers }: Pick<FastifyRequest, 'headers'>,
  caller: Caller,
  likeness: Likeness,
  jobs: number,
  left: AbortSignal,
): Promise<HeldRequest> {
  const given = parseIdempotencyKey(headerOf(headers, 'idempotency-key'), caller);
  if (given !== undefined) return ofClient(given);
  const isRetry = /^[1-9]/.test(headerOf(headers, 'x-stainless-retry-count') ?? '');
  const fingerprint = requestHash({ key: caller.keyId, ...likeness }).toString('hex');
  return retries.hold({ tenant: caller.tenant, fingerprint }, isRetry, jobs, left);
}

/** Whether the client need not come back with the same. */
export function isFinalRefusal(error: unknown): boolean {
  if (!(error instanceof ProblemError)) return false;
  const { status } = openAiErrorOf(error);
  return status < 500 && status !== 429;
}

/** The client's own key is its own business: it may come back whenever it likes. */
function ofClient(idempotencyKey: string): HeldRequest {
  return { idempotencyKey, settle: () => Promise.resolve(), release: () => Promise.resolve() };
}

function headerOf(headers: FastifyRequest['headers'], name: string): string | undefined {
  const value = headers[name];
  return typeof value === 'string' ? value : undefined;
}
