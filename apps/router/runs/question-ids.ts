import { readQuestionIds, type Database } from '#persistence';

/** Of all runs together: some megabytes. */
const REMEMBERED_QUESTIONS_MAX = 100_000;

type Ids = ReadonlyMap<number, string>;

/** The ids of runs' questions, which never change: whoever polls a run of 10,000 questions need not read them each time. */
export class QuestionIds {
  private readonly known = new Map<string, Ids>();
  private count = 0;

  constructor(private readonly database: Database) {}

  /** @returns by question number, in that order */
  async of(runId: string): Promise<Ids> {
    const known = this.known.get(runId);
    if (known !== undefined) return known;
    const ids = await readQuestionIds(this.database, runId);
    if (!this.known.has(runId)) this.remember(runId, ids);
    return ids;
  }

  private remember(runId: string, ids: Ids): void {
    this.known.set(runId, ids);
    this.count += ids.size;
    for (const [oldest, { size }] of this.known) {
      if (this.count <= REMEMBERED_QUESTIONS_MAX || oldest === runId) return;
      this.known.delete(oldest);
      this.count -= size;
    }
  }
}
