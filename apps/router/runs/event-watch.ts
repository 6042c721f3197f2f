import { readLastSeqs, type Database } from '#persistence';

/**
 * Finds new events of the runs that somebody follows, without word of them: one statement for all of them, and none
 * while nobody follows any.
 */
export class EventWatch {
  private readonly lastSeqs = new Map<string, string>();
  private timer: NodeJS.Timeout | undefined;
  private closed = false;

  /**
   * @param runIds runs that are followed now
   * @param onNews a run has events that it did not have at the last look
   */
  constructor(
    private readonly database: Database,
    private readonly everyMs: number,
    private readonly runIds: () => readonly string[],
    private readonly onNews: (runId: string) => void,
  ) {}

  /** To be called when somebody begins to follow a run. */
  wanted(): void {
    if (this.timer !== undefined || this.closed) return;
    this.timer = setTimeout(() => void this.look(), this.everyMs);
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.timer);
  }

  private async look(): Promise<void> {
    const runIds = this.runIds();
    try {
      if (runIds.length > 0) {
        for (const { runId, seq } of await readLastSeqs(this.database, runIds)) {
          if (this.lastSeqs.get(runId) === seq) continue;
          this.lastSeqs.set(runId, seq);
          this.onNews(runId);
        }
      }
    } catch {
      // Each stream looks for itself now and then, and says what is wrong with the database.
    }
    const followed = new Set(this.runIds());
    for (const runId of this.lastSeqs.keys()) if (!followed.has(runId)) this.lastSeqs.delete(runId);
    this.timer = undefined;
    if (followed.size > 0) this.wanted();
  }
}
