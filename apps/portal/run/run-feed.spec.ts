import { describe, expect, it } from '@jest/globals';
import type { FollowedEvent, RunEvent } from '#router-client';
import type { CellsPage } from './cell-board.js';
import { RunFeed, type FeedSource } from './run-feed.js';

const page = (cells: string, lastEventId: string, nextCursor: number | null = null): CellsPage => ({
  run_id: 'r',
  status: 'running',
  pairs: [{ model: 'm1', region: 'US' }],
  repeats: 1,
  questions: [...cells].map((cell, index) => ({ question_id: `q${index + 1}`, cells: cell, failures: {} })),
  last_event_id: lastEventId,
  next_cursor: nextCursor,
});
const told = (type: string, more: object = {}): FollowedEvent => ({
  id: '1',
  event: { type, model: 'm1', region: 'US', repeat: 1, ...more } as unknown as RunEvent,
});

/** A source whose pages and streams are given in order; `frames` are drawn by hand. */
function aSource(pages: (CellsPage | Error)[], streams: FollowedEvent[][]) {
  const followedFrom: string[] = [];
  const frames: (() => void)[] = [];
  let news = 0;
  let done: () => void = () => undefined;
  const over = new Promise<void>((resolve) => (done = resolve));
  const source: FeedSource = {
    readCells: async () => {
      const next = pages.shift();
      if (next instanceof Error || next === undefined) throw next ?? new Error('no more pages');
      return next;
    },
    follow: async function* (lastEventId) {
      followedFrom.push(lastEventId);
      yield* streams.shift() ?? [];
      if (streams.length === 0) done();
    },
    onNews: () => void (news += 1),
    isFinal: () => false,
    onConnection: () => undefined,
    nextFrame: (draw) => void frames.push(draw),
    pause: () => Promise.resolve(),
  };
  return { source, frames, followedFrom, over, news: () => news };
}
const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));

describe('a run that is followed', () => {
  it('is drawn once for all that comes between two pictures', async () => {
    const events = [
      told('cell.submitted', { question_id: 'q1' }),
      told('cell.accepted', { question_id: 'q1', substituted: false }),
      told('cell.submitted', { question_id: 'q2' }),
    ];
    const { source, frames, followedFrom, over } = aSource([page('pp', '41')], [events]);
    const feed = new RunFeed(source);
    feed.start();
    await over;
    await settled();
    expect(followedFrom).toEqual(['41']);
    expect(frames).toHaveLength(1);
    const before = feed.read();
    frames.shift()?.();
    expect(feed.read()).toBe(before + 1);
    expect(feed.board?.counts()).toMatchObject({ accepted: 1, running: 1 });
    feed.stop();
  });

  it('is read again at its end: cells that never had a job are told of by no event', async () => {
    const { source, followedFrom, over, news } = aSource(
      [page('rp', '1'), page('ac', '9')],
      [[told('cell.accepted', { question_id: 'q1', substituted: false }), told('run.finished')], []],
    );
    const feed = new RunFeed(source);
    feed.start();
    await over;
    await settled();
    expect(followedFrom).toEqual(['1', '9']);
    expect(news()).toBe(1);
    expect(feed.board?.counts()).toMatchObject({ accepted: 1, cancelled: 1 });
  });

  it('shows what was known until all of the new board is there', async () => {
    const first = page('a', '1', 1);
    const second = { ...page('', '1'), questions: [{ question_id: 'q9', cells: 'p', failures: {} }] };
    const { source, over } = aSource([first, second], [[told('cell.failed', { question_id: 'q9' })]]);
    const feed = new RunFeed(source);
    feed.start();
    await over;
    await settled();
    expect(feed.board?.complete).toBe(true);
    expect(feed.board?.counts()).toMatchObject({ accepted: 1, failed: 1 });
  });

  it('tries again what was not answered, and says so meanwhile', async () => {
    const { source, frames, over } = aSource([new TypeError('no network'), page('a', '1')], [[]]);
    const faults: unknown[] = [];
    const feed = new RunFeed({ ...source, pause: async () => void faults.push(feed.error) });
    feed.start();
    await over;
    await settled();
    expect(faults).toEqual([new TypeError('no network')]);
    expect(frames.length).toBeGreaterThan(0);
    expect(feed.error).toBeUndefined();
    expect(feed.board?.size).toBe(1);
  });
});
