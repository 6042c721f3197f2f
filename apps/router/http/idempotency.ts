import { createHash } from 'node:crypto';
import { ProblemError } from '#contracts';
import { isCellKey, type Caller } from '#domain';

const IDEMPOTENCY_KEY = /^[\x21-\x7e]{1,255}$/;

/** @throws ProblemError VALIDATION_FAILED */
export function parseIdempotencyKey(key: string | undefined, caller: Caller): string | undefined {
  if (key === undefined) return key;
  if (caller.kind === 'key' && isCellKey(key)) {
    const message = 'must not begin as those of runs do';
    throw new ProblemError('VALIDATION_FAILED', `Idempotency-Key: ${message}`, [
      { field: 'Idempotency-Key', message },
    ]);
  }
  if (IDEMPOTENCY_KEY.test(key)) return key;
  const message = 'must be 1 to 255 visible ASCII characters';
  throw new ProblemError('VALIDATION_FAILED', `Idempotency-Key: ${message}`, [
    { field: 'Idempotency-Key', message },
  ]);
}

/**
 * SHA-256 of a parsed body. Bodies that mean the same hash alike: defaults are filled in and the order of names
 * does not count.
 */
export function requestHash(request: object): Buffer {
  const canonical = JSON.stringify(request, (_name, value: unknown) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1)))
      : value,
  );
  return createHash('sha256').update(canonical).digest();
}

/** @returns the refusal of a key that came with another request before: another body, or at OpenAI's door another header */
export function keyReused(): ProblemError {
  return new ProblemError(
    'IDEMPOTENCY_KEY_REUSED',
    'Idempotency-Key: this key was used with another request',
    [{ field: 'Idempotency-Key', message: 'was used with another request' }],
  );
}
