import { describe, expect, it } from '@jest/globals';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { EventStreamParser, followRun, type RunEvent } from './run-events.js';

const eventText = (id: number, type: string): string =>
  `id: ${id}\nevent: ${type}\ndata: ${JSON.stringify({ type, at: '2026-01-01T00:00:00.000Z' })}\n\n`;

describe('server-sent events', () => {
  it('are whole wherever the chunks end; comments and pauses are none', () => {
    const parser = new EventStreamParser();
    const text = `retry: 1000\n\n: still here\n\n${eventText(1, 'a')}${eventText(2, 'b')}`;
    const events = [...text].flatMap((character) => parser.push(character));
    expect(events.map(({ id }) => id)).toEqual(['1', '2']);
    expect(events.map(({ data }) => (JSON.parse(data) as { type: string }).type)).toEqual(['a', 'b']);
  });
});

describe('following a run', () => {
  const serve = async (...answers: ((lastEventId: string | undefined) => string | number)[]) => {
    const seen: (string | undefined)[] = [];
    const server: Server = createServer((request, response) => {
      const lastEventId = request.headers['last-event-id'] as string | undefined;
      seen.push(lastEventId);
      const answer = answers[seen.length - 1]!(lastEventId);
      response.writeHead(typeof answer === 'number' ? answer : 200);
      response.end(typeof answer === 'number' ? '' : answer);
    }).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/runs/1/events`);
    return { seen, url, close: () => new Promise((resolve) => server.close(resolve)) };
  };

  it('goes on after a broken connection from the event that was seen last, until the run is over', async () => {
    const { seen, url, close } = await serve(
      () => eventText(1, 'run.started') + eventText(2, 'cell.accepted'),
      () => 503,
      () => eventText(3, 'run.finished'),
    );
    const events: RunEvent[] = [];
    await followRun(url, (event) => events.push(event), new AbortController().signal);
    expect(seen).toEqual([undefined, '2', '2']);
    expect(events.map(({ type }) => type)).toEqual(['run.started', 'cell.accepted', 'run.finished']);
    await close();
  });

  it('ends where there is nothing to come', async () => {
    const { url, close } = await serve(() => 204);
    await followRun(url, () => undefined, new AbortController().signal);
    await close();
  });

  it('ends with its signal', async () => {
    const abort = new AbortController();
    const { url, close } = await serve(() => {
      abort.abort(new Error('enough'));
      return 503;
    });
    await expect(followRun(url, () => undefined, abort.signal)).rejects.toThrow('enough');
    await close();
  });
});
