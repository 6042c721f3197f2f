import { createHash, timingSafeEqual } from 'node:crypto';

/** In constant time, whatever the lengths and whichever it is. */
export function isOneOf(given: string, secrets: readonly string[]): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  const wanted = digest(given);
  return secrets.map((secret) => timingSafeEqual(wanted, digest(secret))).includes(true);
}
