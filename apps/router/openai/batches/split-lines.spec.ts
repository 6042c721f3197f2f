import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { splitLines, type FileLine } from './split-lines.js';

async function split(chunks: readonly Buffer[], longest = 1000): Promise<FileLine[]> {
  const lines: FileLine[] = [];
  async function* all(): AsyncGenerator<Buffer> {
    for (const chunk of chunks) yield await Promise.resolve(chunk);
  }
  for await (const line of splitLines(all(), longest)) lines.push(line);
  return lines;
}

describe('lines of a file', () => {
  it('are the same however it is cut into chunks, and lie where they say', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.string({ unit: fc.constantFrom('a', 'é', ' ', '{', '😀') }), { maxLength: 20 }),
        fc.constantFrom('\n', '\r\n'),
        fc.boolean(),
        fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 5 }),
        async (texts, lineBreak, ends, sizes) => {
          const file = Buffer.from(texts.join(lineBreak) + (ends && texts.length > 0 ? lineBreak : ''));
          const chunks: Buffer[] = [];
          for (let at = 0, turn = 0; at < file.length; turn += 1) {
            const size = sizes[turn % sizes.length]!;
            chunks.push(file.subarray(at, at + size));
            at += size;
          }
          const lines = await split(chunks);
          const wanted = texts.flatMap((text, index) => (text.trim() === '' ? [] : [[index + 1, text]]));
          expect(lines.map(({ lineNo, content }) => [lineNo, content?.toString()])).toEqual(wanted);
          for (const { atByte, bytes, content } of lines)
            expect(file.subarray(atByte, atByte + bytes)).toEqual(content);
        },
      ),
    );
  });

  it('that are too long are passed over, and those around them are not', async () => {
    const file = Buffer.from(`ab\n${'x'.repeat(5000)}\ncd\n${'y'.repeat(10)}\n${'z'.repeat(11)}`);
    const lines = await split([file.subarray(0, 100), file.subarray(100)], 10);
    expect(lines.map(({ lineNo, bytes, content }) => [lineNo, bytes, content?.toString() ?? null])).toEqual([
      [1, 2, 'ab'],
      [2, 5000, null],
      [3, 2, 'cd'],
      [4, 10, 'y'.repeat(10)],
      [5, 11, null],
    ]);
  });

  it('begin after a byte order mark', async () => {
    const [line] = await split([Buffer.from('\ufeffab\n')]);
    expect(line).toMatchObject({ lineNo: 1, atByte: 3, bytes: 2 });
    expect(line?.content?.toString()).toBe('ab');
  });
});
