/** One line of a file, from 1; blank ones are counted and left out. */
export interface FileLine {
  readonly lineNo: number;
  /** Where it begins and how long it is, without its line break. */
  readonly atByte: number;
  readonly bytes: number;
  /** null: it is longer than a line may be, and was passed over. */
  readonly content: Buffer | null;
}

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);

/** Splits a file as it is read. No more is held than a chunk and the longest line. */
export async function* splitLines(
  chunks: AsyncIterable<Buffer>,
  lineBytesMax: number,
): AsyncGenerator<FileLine, void, undefined> {
  let lineNo = 0;
  let atByte = 0;
  let length = 0;
  let pieces: Buffer[] = [];

  const take = (piece: Buffer): void => {
    length += piece.length;
    // One byte more than a line has may be a carriage return.
    if (length <= lineBytesMax + BYTE_ORDER_MARK.length + 1) pieces.push(piece);
    else pieces = [];
  };
  const end = (): FileLine | undefined => {
    lineNo += 1;
    const line = { lineNo, at: atByte, length, whole: Buffer.concat(pieces) };
    pieces = [];
    length = 0;
    if (line.whole.length !== line.length)
      return { lineNo, atByte: line.at, bytes: line.length, content: null };
    let { whole, at } = line;
    if (lineNo === 1 && whole.subarray(0, 3).equals(BYTE_ORDER_MARK)) {
      whole = whole.subarray(3);
      at += 3;
    }
    if (whole.at(-1) === CARRIAGE_RETURN) whole = whole.subarray(0, -1);
    if (isBlank(whole)) return undefined;
    return { lineNo, atByte: at, bytes: whole.length, content: whole.length > lineBytesMax ? null : whole };
  };

  for await (const chunk of chunks) {
    let from = 0;
    for (let at = chunk.indexOf(LINE_FEED); at >= 0; at = chunk.indexOf(LINE_FEED, from)) {
      take(chunk.subarray(from, at));
      const skipped = length + 1;
      const line = end();
      atByte += skipped;
      from = at + 1;
      if (line !== undefined) yield line;
    }
    take(chunk.subarray(from));
  }
  if (length > 0) {
    const line = end();
    if (line !== undefined) yield line;
  }
}

function isBlank(content: Buffer): boolean {
  return content.every((byte) => byte === 0x20 || byte === 0x09 || byte === CARRIAGE_RETURN);
}
