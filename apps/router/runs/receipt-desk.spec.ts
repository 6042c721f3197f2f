import { describe, expect, it } from '@jest/globals';
import { ReceiptDesk } from './receipt-desk.js';

/** Takes a turn, and says once it has come. */
function taking(desk: ReceiptDesk, cells: number): { release?: () => void; readonly turn: Promise<void> } {
  const taken: { release?: () => void; turn: Promise<void> } = { turn: Promise.resolve() };
  taken.turn = desk.take(cells).then((release) => void (taken.release = release));
  return taken;
}

/** Everything that is due has happened by then. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('receipts in hand', () => {
  it('are as many as fit together, and the next begins when one is out of hand', async () => {
    const desk = new ReceiptDesk(100);
    const [first, second, third] = [taking(desk, 60), taking(desk, 40), taking(desk, 1)];
    await Promise.all([first.turn, second.turn]);
    await settled();
    expect(third.release).toBeUndefined();
    second.release?.();
    await third.turn;
  });

  it('come in order: a large one is not overtaken for ever', async () => {
    const desk = new ReceiptDesk(100);
    const [first, large, small] = [taking(desk, 60), taking(desk, 90), taking(desk, 10)];
    await first.turn;
    await settled();
    expect([large.release, small.release]).toEqual([undefined, undefined]);
    first.release?.();
    await Promise.all([large.turn, small.turn]);
  });

  it('may be one alone that is larger than the bound', async () => {
    const desk = new ReceiptDesk(100);
    const [huge, small] = [taking(desk, 1000), taking(desk, 1)];
    await huge.turn;
    await settled();
    expect(small.release).toBeUndefined();
    huge.release?.();
    await small.turn;
  });

  it('are given back once, however often that is said', async () => {
    const desk = new ReceiptDesk(100);
    const [first, second, third] = [taking(desk, 50), taking(desk, 50), taking(desk, 100)];
    await Promise.all([first.turn, second.turn]);
    first.release?.();
    first.release?.();
    await settled();
    expect(third.release).toBeUndefined();
    second.release?.();
    await third.turn;
  });
});
