/**
 * The idempotency keys of a request's jobs.
 * @param count how many jobs it makes; only one: the request's key is its own
 */
export function keysOfJobs(key: string, count: number): string[] {
  return count === 1 ? [key] : Array.from({ length: count }, (_, index) => `${key}#${index}`);
}
