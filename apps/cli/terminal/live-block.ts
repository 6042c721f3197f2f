import type { Terminal } from './terminal.js';

/** Lines that are drawn again in place; what is said above them stays. */
export class LiveBlock {
  private drawn = 0;

  constructor(
    private readonly terminal: Terminal,
    private readonly write: (text: string) => unknown = (text) => process.stdout.write(text),
  ) {}

  /** In one piece: what is erased and written apart flickers. */
  draw(lines: readonly string[]): void {
    const shown = lines.slice(0, Math.max(1, this.terminal.height - 1));
    this.write(`${this.erasure()}${shown.map((line) => `${line}\n`).join('')}`);
    this.drawn = shown.length;
  }

  /** What has been drawn stays as it is. */
  keep(): void {
    this.drawn = 0;
  }

  private erasure(): string {
    return this.drawn === 0 ? '' : `\u001b[${this.drawn}A\u001b[0J`;
  }
}
