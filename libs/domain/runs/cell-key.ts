const PREFIX = 'run:';

/** What the idempotency keys of a run's jobs begin with, and nobody else's do. */
export function runKeyPrefix(runId: string): string {
  return `${PREFIX}${runId}:`;
}

/** Whether an idempotency key looks like that of a run's job. */
export function isCellKey(key: string): boolean {
  return key.startsWith(PREFIX);
}

/** One key per cell and try: asking twice, from whatever process, makes one job. */
export function cellKey(runId: string, cellNo: number, cellAttempt: number): string {
  return `${runKeyPrefix(runId)}${cellNo}:${cellAttempt}`;
}
