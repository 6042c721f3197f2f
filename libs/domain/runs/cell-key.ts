/** What the idempotency keys of a run's jobs begin with, and nobody else's do. */
export function runKeyPrefix(runId: string): string {
  return `run:${runId}:`;
}

/** One key per cell and try: asking twice, from whatever process, makes one job. */
export function cellKey(runId: string, cellNo: number, cellAttempt: number): string {
  return `${runKeyPrefix(runId)}${cellNo}:${cellAttempt}`;
}
