import type { CDPSession } from 'playwright-core';
import type { Page } from './browser.js';

/** Where Chromium tells of the tasks of its threads. */
const CATEGORY = 'disabled-by-default-devtools.timeline';
const PAGES_THREAD = 'CrRendererMain';
const [TASK, THREAD] = ['RunTask', 'thread_name'];

/** The part that is used of an event of Chromium's trace. */
interface TraceEvent {
  readonly name: string;
  readonly pid: number;
  readonly tid: number;
  /** What a task took of the processor, in microseconds. */
  readonly tdur?: number;
  readonly args: { readonly name?: string };
}

/** What an opened page takes: of the processor and not by the clock, which goes on while the machine does other work. */
export class PageCosts {
  private constructor(private readonly session: CDPSession) {}

  static async of(page: Page): Promise<PageCosts> {
    return new PageCosts(await page.context().newCDPSession(page));
  }

  /** @returns what each task took that began while `use` went on, longest first, in ms of the processor */
  async tasksDuring(use: () => Promise<void>): Promise<number[]> {
    const events: TraceEvent[] = [];
    this.session.on('Tracing.dataCollected', ({ value }) => {
      const told = value as unknown as TraceEvent[];
      events.push(...told.filter(({ name }) => name === TASK || name === THREAD));
    });
    await this.session.send('Tracing.start', {
      transferMode: 'ReportEvents',
      traceConfig: { includedCategories: [CATEGORY], excludedCategories: ['*'] },
    });
    await use();
    const isComplete = new Promise<{ dataLossOccurred: boolean }>((resolve) => {
      this.session.once('Tracing.tracingComplete', resolve);
    });
    await this.session.send('Tracing.end');
    const { dataLossOccurred: isIncomplete } = await isComplete;
    if (isIncomplete) throw new Error('the browser has lost a part of what it was asked to note');
    const threadOf = ({ pid, tid }: TraceEvent): string => `${pid} ${tid}`;
    const threads = new Set(
      events
        .filter(({ name, args }) => name === THREAD && args.name === PAGES_THREAD)
        .map((event) => threadOf(event)),
    );
    return events
      .filter((event) => event.name === TASK && threads.has(threadOf(event)))
      .map(({ tdur = 0 }) => tdur / 1000)
      .sort((left, right) => right - left);
  }

  /** @returns bytes of what scripts hold, and nothing that could be thrown away */
  async heapBytes(): Promise<number> {
    await this.session.send('HeapProfiler.collectGarbage');
    return (await this.session.send('Runtime.getHeapUsage')).usedSize;
  }
}
