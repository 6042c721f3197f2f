import { Readable } from 'node:stream';

const streams = new WeakSet<object>();

/** An answer that is sent piece by piece, every piece made of charter views. */
export function charterStream(pieces: Iterable<string | Buffer> | AsyncIterable<string | Buffer>): Readable {
  const stream = Readable.from(pieces);
  streams.add(stream);
  return stream;
}

export function isCharterStream(payload: object): boolean {
  return streams.has(payload);
}
