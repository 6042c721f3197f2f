import type { Terminal } from '../terminal/terminal.js';
import { terminalOf } from '../terminal/terminal.js';

const ENTER = '\u001b[?1049h\u001b[?25l';
const LEAVE = '\u001b[?25h\u001b[?1049l';
const HOME = '\u001b[H';
const REST_OF_LINE = '\u001b[K';
const REST_OF_SCREEN = '\u001b[J';
const CTRL_C = '\u0003';

/** The whole terminal for a while, as `top` takes it; what stood there comes back. */
export class LiveScreen {
  private readonly abort = new AbortController();
  private readonly onKey = (data: Buffer): void => {
    if (['q', 'Q', CTRL_C].includes(data.toString())) this.abort.abort(new Error('left'));
  };
  private readonly onSignal = (): void => this.abort.abort(new Error('left'));
  private readonly onResize = (): void => this.redraw();
  private lines: (terminal: Terminal) => readonly string[] = () => [];

  constructor() {
    process.stdout.write(ENTER);
    process.stdout.on('resize', this.onResize);
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, this.onSignal);
    if (process.stdin.isTTY) {
      process.stdin.setRawMode(true);
      process.stdin.resume();
      process.stdin.on('data', this.onKey);
    }
  }

  /** Aborted by "q", Ctrl-C or a signal. */
  get left(): AbortSignal {
    return this.abort.signal;
  }

  show(lines: (terminal: Terminal) => readonly string[]): void {
    this.lines = lines;
    this.redraw();
  }

  leave(): void {
    process.stdout.off('resize', this.onResize);
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.off(signal, this.onSignal);
    if (process.stdin.isTTY) {
      process.stdin.off('data', this.onKey);
      process.stdin.setRawMode(false);
      process.stdin.pause();
    }
    process.stdout.write(LEAVE);
  }

  /** Drawn over, not erased first: that would flicker. */
  private redraw(): void {
    const terminal = terminalOf();
    const shown = this.lines(terminal).slice(0, terminal.height - 1);
    process.stdout.write(
      `${HOME}${shown.map((line) => `${line}${REST_OF_LINE}\n`).join('')}${REST_OF_SCREEN}`,
    );
  }
}
