/** A line longer than this is passed on in parts; nothing may grow without bound. */
const LONGEST_LINE_CHARS = 1_000_000;

/** Turns chunks into whole lines, so that the lines of several processes do not cut into each other. */
export class LineSplitter {
  private rest = '';

  constructor(private readonly onLine: (line: string) => void) {}

  push(chunk: string): void {
    const lines = (this.rest + chunk).split('\n');
    this.rest = lines.pop() ?? '';
    for (const line of lines) this.onLine(line);
    if (this.rest.length > LONGEST_LINE_CHARS) this.end();
  }

  end(): void {
    if (this.rest !== '') this.onLine(this.rest);
    this.rest = '';
  }
}
