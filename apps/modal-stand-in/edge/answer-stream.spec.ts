import { afterEach, describe, expect, it } from '@jest/globals';
import { COLD_START_S, anEndpoint, served, until, type Served } from '../spec-support.js';

const HTTP_TIMEOUT_S = 150;
const SLOW = { endpoints: [anEndpoint({ execution_s: 300 })], stream_pieces: 3 };
const BODY = { model: 'm', prompt: 'What is the current status of Taiwan?', stream: true };

describe('a streamed answer', () => {
  let standIn: Served;
  afterEach(() => standIn.close());

  it('rule 17: comes in pieces over the execution, past 150 s without a 303, and ends with the document', async () => {
    standIn = await served(SLOW);
    const stream = await streamed(standIn);
    expect(stream.response.status).toBe(200);
    expect(stream.response.headers.get('content-type')).toMatch(/^text\/event-stream/);
    expect(stream.response.headers.get('modal-function-call-id')).toMatch(/^fc-/);
    expect(stream.text).toBe('');
    standIn.clock.advance(75);
    await until(() => events(stream.text).length === 1);
    standIn.clock.advance(75 + 75);
    await until(() => events(stream.text).length === 3);
    standIn.clock.advance(75);
    await stream.ended;
    expect(stream.isWhole).toBe(true);

    const all = events(stream.text);
    const last = all.at(-1);
    expect(last?.name).toBe('done');
    expect(last?.data).toMatchObject({ status: 'success', inference_time: 300, region: 'US' });
    const deltas = all.slice(0, -1).map(({ data }) => String(data['delta']));
    expect(deltas.join('')).toBe(last?.data['response']);
    expect(standIn.standIn.account.totals.tally).toMatchObject({ received: 1, redirects: 0, cancelled: 0 });
  });

  it('rule 17: Accept: text/event-stream asks for one as well', async () => {
    standIn = await served(SLOW);
    const { answer } = await standIn.startCall({ headers: { accept: 'text/event-stream' } });
    standIn.clock.advance(COLD_START_S);
    expect((await answer).headers.get('content-type')).toMatch(/^text\/event-stream/);
    standIn.clock.advance(300);
    expect(await (await answer).text()).toMatch(/event: done/);
  });

  it('rule 17: at the timeout its socket is closed, without a last event', async () => {
    standIn = await served({ endpoints: [anEndpoint({ execution_s: 300, execution_timeout_s: 200 })] });
    const stream = await streamed(standIn);
    standIn.clock.advance(199);
    await until(() => events(stream.text).length > 0);
    expect(stream.isOver).toBe(false);
    standIn.clock.advance(1);
    await stream.ended;
    expect(stream.isWhole).toBe(false);
    expect(stream.text).not.toMatch(/event:/);
    expect(standIn.standIn.account.totals.tally.outcomes).toEqual({ timed_out: 1 });
  });

  it('rule 17: still queued at 150 s it is 303 as ever; GET gives the stream from its beginning', async () => {
    standIn = await served({ endpoints: [anEndpoint({ load_s: 199, execution_s: 100 })] });
    const { answer } = await standIn.startCall({ body: BODY });
    standIn.clock.advance(HTTP_TIMEOUT_S);
    const redirect = await answer;
    expect(redirect.status).toBe(303);
    // It begins while nobody is there, and goes on past another 150 s with its reader.
    standIn.clock.advance(50 + 30);
    const following = fetch(redirect.headers.get('location') ?? '', { redirect: 'manual' });
    const response = await following;
    expect(response.headers.get('content-type')).toMatch(/^text\/event-stream/);
    standIn.clock.advance(70);
    const all = events(await response.text());
    const deltas = all.slice(0, -1).map(({ data }) => String(data['delta']));
    expect(deltas.join('')).toBe(all.at(-1)?.data['response']);

    const again = await fetch(redirect.headers.get('location') ?? '');
    expect(events(await again.text()).at(-1)?.name).toBe('done');
  });

  it('rule 18: hanging up in the middle cancels the call', async () => {
    standIn = await served(SLOW);
    const leaving = new AbortController();
    const stream = await streamed(standIn, leaving.signal);
    leaving.abort();
    await stream.ended;
    await until(() => standIn.standIn.account.totals.tally.cancelled === 1);
    expect(standIn.standIn.account.totals.tally.running).toBe(0);
  });

  it('ends with an error event when the model fails, and breaks when its container is lost', async () => {
    standIn = await served(SLOW);
    await standIn.fault({ kind: 'model_error', error: 'out of memory', count: 1 });
    const failed = await streamed(standIn);
    standIn.clock.advance(300);
    await failed.ended;
    expect(events(failed.text).at(-1)).toMatchObject({ name: 'error', data: { error: 'out of memory' } });

    await standIn.fault({ kind: 'crash', mode: 'reschedule', count: 1 });
    const before = standIn.standIn.account.totals.tally.cancelled;
    const broken = await streamed(standIn, undefined, 0);
    standIn.clock.advance(150);
    await broken.ended;
    expect(broken.isWhole).toBe(false);
    expect(standIn.standIn.account.totals.tally.cancelled).toBe(before + 1);
  });

  it('is no stream where the fault replaces its status', async () => {
    standIn = await served();
    await standIn.fault({ kind: 'status', status: 500, at: 'answer' });
    const { answer } = await standIn.startCall({ body: BODY });
    standIn.clock.advance(COLD_START_S + 5);
    expect((await answer).status).toBe(500);
  });
});

interface Stream {
  readonly response: Response;
  text: string;
  isOver: boolean;
  isWhole: boolean;
  readonly ended: Promise<void>;
}

/** Makes a streamed call and lets its container become ready, so that the headers come. */
async function streamed(standIn: Served, signal?: AbortSignal, readyS = COLD_START_S): Promise<Stream> {
  const { tally } = standIn.standIn.account.totals;
  const before = tally.accepted;
  const answer = fetch(`${standIn.url}/us-m`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(BODY),
    ...(signal === undefined ? {} : { signal }),
  });
  await until(() => tally.accepted > before);
  standIn.clock.advance(readyS);
  const response = await answer;
  const stream = { response, text: '', isOver: false, isWhole: false };
  return Object.assign(stream, { ended: read(stream) });
}

async function read(stream: Omit<Stream, 'ended'>): Promise<void> {
  const decoder = new TextDecoder();
  try {
    for await (const chunk of stream.response.body ?? []) {
      stream.text += decoder.decode(chunk as Uint8Array, { stream: true });
    }
    stream.isWhole = true;
  } catch {
    // Broken off: what came before is what the test looks at.
  }
  stream.isOver = true;
}

function events(text: string): { name: string | undefined; data: Record<string, unknown> }[] {
  return text
    .split('\n\n')
    .filter((block) => block !== '')
    .map((block) => ({
      name: /^event: (.*)$/m.exec(block)?.[1],
      data: JSON.parse(/^data: (.*)$/m.exec(block)?.[1] ?? '') as Record<string, unknown>,
    }));
}
