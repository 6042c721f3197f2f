import { describe, expect, it } from '@jest/globals';
import { StderrLines, type LineWriter } from './stderr-lines.js';

type Answer = number | 'all' | NodeJS.ErrnoException;

function fault(code: string): NodeJS.ErrnoException {
  return Object.assign(new Error(code), { code });
}

/** A file of which every write is answered as the script says, and then in full. */
class Script implements LineWriter {
  text = '';
  tries = 0;
  private readonly pending: (() => void)[] = [];

  constructor(private readonly answers: Answer[]) {}

  write(bytes: Buffer, done: (error: NodeJS.ErrnoException | null, written: number) => void): void {
    this.pending.push(() => {
      try {
        done(null, this.writeSync(bytes));
      } catch (error) {
        done(error as NodeJS.ErrnoException, 0);
      }
    });
  }

  writeSync(bytes: Buffer): number {
    this.tries += 1;
    const answer = this.answers.shift() ?? 'all';
    if (answer instanceof Error) throw answer;
    const written = bytes.subarray(0, answer === 'all' ? bytes.length : answer);
    this.text += written.toString();
    return written.length;
  }

  /** Answers the write under way, and those that follow from it. */
  answer(): void {
    for (let next = this.pending.shift(); next !== undefined; next = this.pending.shift()) next();
  }
}

describe('lines for stderr', () => {
  it('are written in their order, in as few writes as there is time for, and whole', () => {
    const script = new Script([2]);
    const lines = new StderrLines(script);
    for (const line of ['one\n', 'two\n', 'três\n']) lines.write(line);
    script.answer();
    expect(script.text).toBe('one\ntwo\ntrês\n');
    expect(script.tries).toBe(3);
  });

  it('are lost where the disk is full, and written again once it is not', () => {
    const script = new Script([fault('ENOSPC'), fault('ENOSPC')]);
    const lines = new StderrLines(script);
    for (const line of ['lost\n', 'lost too\n', 'kept\n']) {
      lines.write(line);
      script.answer();
    }
    expect(script.text).toBe('kept\n');
  });

  it('are all written at the end of the process', () => {
    const script = new Script([3]);
    const lines = new StderrLines(script);
    lines.write('under way\n');
    lines.write('last words\n');
    lines.flushSync();
    expect(script.text).toBe('last words\n');
    script.answer();
    expect(script.text).toBe('last words\nunder way\n');
  });

  it('do not hold up the end of the process where they cannot be written', () => {
    const full = new Script(Array.from({ length: 9 }, () => fault('ENOSPC')));
    const lines = new StderrLines(full);
    for (const line of ['under way\n', 'last words\n']) lines.write(line);
    lines.flushSync();
    expect(full.tries).toBe(1);

    const stuck = new Script(Array.from({ length: 1000 }, () => fault('EAGAIN')));
    const slow = new StderrLines(stuck, 1000, 60);
    for (const line of ['under way\n', 'last words\n']) slow.write(line);
    slow.flushSync();
    expect(stuck.text).toBe('');
  });

  it('are dropped where more wait than may', () => {
    const script = new Script([]);
    const lines = new StderrLines(script, 10);
    for (const line of ['under way\n', 'waits\n', 'does not\n', 'too\n']) lines.write(line);
    script.answer();
    expect(script.text).toBe('under way\nwaits\ntoo\n');
  });
});
