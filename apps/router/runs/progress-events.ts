import type { RunProgressEvent, RunView } from '#contracts';

type QuestionCounts = RunView['progress']['by_question'][number];

/** What one reader has been told of a run's progress. */
export class ProgressTold {
  private readonly questions = new Map<string, string>();
  private isFirst = true;

  /** The event that tells of what has changed; only the first one tells of every question that has begun. */
  eventOf(view: RunView, at: Date): RunProgressEvent {
    const { by_pair: _pairs, by_question: questions, ...counts } = view.progress;
    const changed = questions.filter((question) => this.isNews(question));
    const complete = this.isFirst;
    this.isFirst = false;
    return {
      type: 'progress',
      run_id: view.run_id,
      at: at.toISOString(),
      status: view.status,
      complete,
      progress: { ...counts, by_question: changed },
      eta_seconds: view.eta_seconds,
    };
  }

  private isNews({ question_id: id, done, total, accepted, failed, running }: QuestionCounts): boolean {
    const counts = `${done} ${total} ${accepted} ${failed} ${running}`;
    // One that nothing has happened to need not be named, unless something had.
    if (done === 0 && running === 0 && !this.questions.has(id)) return false;
    if (this.questions.get(id) === counts) return false;
    this.questions.set(id, counts);
    return true;
  }
}

/** At most so often is a run counted for its readers. */
const APART_MS = 250;
/** Between two counts, at least so many times what the last one took: counting must not become the work. */
const REST_FACTOR = 8;
/** Runs counted at once for readers: counting a large one is work for the database. */
const AT_ONCE = 2;
const REMEMBERED_MAX = 1000;

/** Views of runs for all their readers: each is read once, however many follow, a few at a time and now and then. */
export class ProgressViews {
  private readonly pending = new Map<string, Promise<RunView>>();
  private readonly notBeforeMs = new Map<string, number>();
  private readonly waiting: (() => void)[] = [];
  private busy = 0;

  constructor(private readonly read: (runId: string) => Promise<RunView>) {}

  /** The run as it will be in a moment: never as it was before the call. */
  view(runId: string): Promise<RunView> {
    return this.shared(
      runId,
      async () => {
        const pauseMs = (this.notBeforeMs.get(runId) ?? 0) - performance.now();
        if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs));
      },
      runId,
    );
  }

  /** The same without a pause: for a run that is over. */
  lastView(runId: string): Promise<RunView> {
    return this.shared(`last ${runId}`, () => Promise.resolve(), runId);
  }

  private shared(key: string, pause: () => Promise<void>, runId: string): Promise<RunView> {
    const pending = this.pending.get(key);
    if (pending !== undefined) return pending;
    const view = pause()
      .then(() => this.turn())
      .then(async () => {
        // From here on a count may miss what happens: whoever asks now needs another one.
        this.pending.delete(key);
        const startedMs = performance.now();
        try {
          return await this.read(runId);
        } finally {
          this.rest(runId, performance.now() - startedMs);
          this.busy -= 1;
          this.waiting.shift()?.();
        }
      });
    this.pending.set(key, view);
    return view;
  }

  private async turn(): Promise<void> {
    while (this.busy >= AT_ONCE) await new Promise<void>((resolve) => this.waiting.push(resolve));
    this.busy += 1;
  }

  private rest(runId: string, tookMs: number): void {
    this.notBeforeMs.delete(runId);
    this.notBeforeMs.set(runId, performance.now() + Math.max(APART_MS - tookMs, REST_FACTOR * tookMs));
    const [oldest] = this.notBeforeMs.keys();
    if (this.notBeforeMs.size > REMEMBERED_MAX && oldest !== undefined) this.notBeforeMs.delete(oldest);
  }
}

/**
 * One reader's progress events. A count is taken beside the stream, so that no stored event waits for it; what happens
 * meanwhile is told by the next one.
 */
export class ProgressReader {
  private readonly told = new ProgressTold();
  private isDue = true;
  private isReading = false;
  private readMs = 0;
  private ready: RunView | undefined;

  constructor(
    private readonly runId: string,
    private readonly views: ProgressViews,
    /** There is something to take. */
    private readonly onReady: () => void,
    private readonly refreshMs: number,
  ) {}

  /** The run has new events. */
  changed(): void {
    this.isDue = true;
  }

  /** @returns the event that is ready, if one is; sees to the next one */
  take(): RunProgressEvent | undefined {
    const view = this.ready;
    this.ready = undefined;
    if (!this.isReading && (this.isDue || this.waitMs() <= 1)) this.readNext();
    return view && this.told.eventOf(view, new Date());
  }

  /** The run as it is at its end: at once, and undefined where that takes longer than a reader should wait. */
  async last(maxMs: number): Promise<RunProgressEvent | undefined> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<undefined>((resolve) => {
      timer = setTimeout(() => resolve(undefined), maxMs);
    });
    const view = await Promise.race([this.views.lastView(this.runId).catch(() => undefined), late]);
    clearTimeout(timer);
    return view && this.told.eventOf(view, new Date());
  }

  /** Until there is progress to look for although nothing has happened. */
  waitMs(): number {
    if (this.isReading) return Number.POSITIVE_INFINITY;
    return Math.max(1, this.readMs + this.refreshMs - performance.now());
  }

  private readNext(): void {
    this.isDue = false;
    this.isReading = true;
    const done = (view: RunView | undefined): void => {
      this.isReading = false;
      this.readMs = performance.now();
      this.ready = view;
      this.onReady();
    };
    // Where it fails, the next one may succeed; events are what the stream is for.
    this.views.view(this.runId).then(done, () => done(undefined));
  }
}
