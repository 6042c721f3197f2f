import { progressBlock, progressLine, type ProgressFrame } from './progress-view.js';
import { realTime } from './durations.js';
import { PLAIN_STYLE, TERMINAL_STYLE, type Style } from '../terminal/style.js';
import { ellipsize } from '../terminal/text-table.js';

const DEFAULT_WIDTH = 100;
const NARROWEST_WIDTH = 60;
const WIDEST_WIDTH = 160;
/** Without a terminal, a line for every so many points of a hundred, or every so many seconds. */
const LINE_EVERY_PERCENT = 5;
const LINE_EVERY_S = 2;
const REDRAW_EVERY_S = 0.08;

export interface DisplayStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

/** Where the demo's words go: redrawn in place on a terminal, plain lines everywhere else. */
export class Display {
  readonly style: Style;
  private readonly redraws: boolean;
  private drawnLines = 0;
  private lastDrawnS = -Infinity;
  private lastPercent = -Infinity;
  private lastLineS = -Infinity;

  constructor(
    private readonly stream: DisplayStream,
    environment: Readonly<Record<string, string | undefined>>,
  ) {
    const { NO_COLOR: noColor = '', TERM: terminal } = environment;
    this.redraws = stream.isTTY === true && noColor === '' && terminal !== 'dumb';
    this.style = this.redraws ? TERMINAL_STYLE : PLAIN_STYLE;
  }

  /** For tables. */
  get width(): number {
    return Math.max(NARROWEST_WIDTH, Math.min(WIDEST_WIDTH, this.columns));
  }

  private get columns(): number {
    const { columns = 0 } = this.stream;
    return columns > 0 ? columns : DEFAULT_WIDTH;
  }

  say(...lines: readonly string[]): void {
    this.stream.write(`${this.erasure()}${lines.map((line) => `${line}\n`).join('')}`);
    this.drawnLines = 0;
  }

  /** A remark with its time; what is being redrawn stays below it. */
  note(elapsedS: number, text: string): void {
    const line = `${realTime(elapsedS).padStart(7)}  ${text}`;
    this.say(this.style.faint(this.redraws ? ellipsize(line, this.columns - 1) : line));
  }

  show(frame: ProgressFrame): void {
    const { done, total } = frame.progress.overall;
    if (this.redraws) {
      const isDue = this.drawnLines === 0 || frame.elapsedS - this.lastDrawnS >= REDRAW_EVERY_S;
      if (!isDue && done < total) return;
      // A line as wide as the terminal would wrap on some.
      const lines = progressBlock(frame, this.columns - 1);
      // In one piece: what is erased and written apart flickers.
      this.stream.write(`${this.erasure()}${lines.map((line) => `${line}\n`).join('')}`);
      this.drawnLines = lines.length;
      this.lastDrawnS = frame.elapsedS;
      return;
    }
    const percent = total === 0 ? 100 : (100 * done) / total;
    const isDue =
      percent - this.lastPercent >= LINE_EVERY_PERCENT || frame.elapsedS - this.lastLineS >= LINE_EVERY_S;
    if (isDue || (done === total && percent > this.lastPercent)) {
      this.lastPercent = percent;
      this.lastLineS = frame.elapsedS;
      this.stream.write(`${progressLine(frame)}\n`);
    }
  }

  /** What has been drawn stays; whatever follows goes below it. */
  keep(): void {
    this.drawnLines = 0;
  }

  private erasure(): string {
    return this.drawnLines > 0 ? `\u001b[${this.drawnLines}A\u001b[0J` : '';
  }
}
