import { describe, expect, it } from '@jest/globals';
import { runProgressEventSchema } from '#contracts';
import { submitExperiment, untilFinished } from '../stack/experiment.js';
import { onStack } from '../stack/stack.js';
import { ENDPOINTS } from '../stack/stand-in.js';

const PLATFORM = {
  endpoints: ENDPOINTS.map(({ id, region, model }) => ({
    ...{
      id,
      region,
      models: [model],
      boot_s: 1,
      load_s: [4, 20],
      execution_s: [1, 8],
      scaledown_window_s: 600,
    },
  })),
};

interface Message {
  readonly id: string | undefined;
  readonly type: string;
  readonly data: unknown;
}

/** Follows a stream until it ends, or until so many stored events have come: then it hangs up, wherever it is. */
async function follow(url: string, lastId: string | undefined, stopAfter = Infinity): Promise<Message[]> {
  const abort = new AbortController();
  const headers = lastId === undefined ? {} : { 'last-event-id': lastId };
  const answer = await fetch(url, { headers, signal: abort.signal });
  const messages: Message[] = [];
  let rest = '';
  for await (const chunk of (answer.body ?? new ReadableStream()).pipeThrough(new TextDecoderStream())) {
    const blocks = (rest + String(chunk)).split('\n\n');
    rest = blocks.pop() ?? '';
    for (const block of blocks) {
      const field = (name: string): string | undefined => new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1];
      const data = field('data');
      if (data === undefined) continue;
      messages.push({ id: field('id'), type: field('event') ?? '', data: JSON.parse(data) as unknown });
      if (stored(messages).length < stopAfter) continue;
      abort.abort();
      return messages;
    }
  }
  return messages;
}

const stored = (messages: readonly Message[]): Message[] => messages.filter(({ id }) => id !== undefined);

describe('the events of a run of 64 cells', () => {
  it('all reach a client once each, in order, that hangs up again and again and comes back with Last-Event-ID', () =>
    onStack({ seed: 5, platform: PLATFORM }, async (stack) => {
      const runId = await submitExperiment(stack);
      const url = `${stack.url}/runs/${runId}/events`;
      const seen: Message[] = [];
      const streams: Message[][] = [];
      while (seen.at(-1)?.type !== 'run.finished') {
        const part = await follow(url, seen.at(-1)?.id, 3 + (streams.length % 4) * 7);
        streams.push(part);
        seen.push(...stored(part));
      }
      const { run } = await untilFinished(stack, runId);

      // What is there afterwards is what was sent: none missing, none twice.
      const all = stored(await follow(url, undefined));
      expect(seen.map(({ id }) => id)).toEqual(all.map(({ id }) => id));
      expect(seen).toEqual(all);
      expect(new Set(seen.map(({ id }) => id)).size).toBe(seen.length);
      expect(seen.filter(({ type }) => type === 'cell.accepted')).toHaveLength(64);
      // The control: it did hang up, many times.
      expect(streams.length).toBeGreaterThan(8);
      expect((await fetch(url, { headers: { 'last-event-id': seen.at(-1)?.id ?? '' } })).status).toBe(204);

      // Progress is told to every stream, whole at first, and adds up to what the run says.
      const last = streams.at(-1) ?? [];
      const progress = last
        .filter(({ type }) => type === 'progress')
        .map(({ data }) => runProgressEventSchema.parse(data));
      expect(progress[0]?.complete).toBe(true);
      const { by_pair: _pairs, by_question: questions, ...counts } = run.progress;
      const { by_question: _changed, ...told } = progress.at(-1)?.progress ?? { by_question: [] };
      expect(told).toEqual(counts);
      const byQuestion = new Map(
        progress.flatMap((event) => event.progress.by_question.map((each) => [each.question_id, each])),
      );
      expect([...byQuestion.values()]).toEqual(expect.arrayContaining(questions));
      expect(progress.at(-1)?.eta_seconds).toBe(0);
    }));
});
