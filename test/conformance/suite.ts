import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { Caller, jsonOf, type Answered } from './caller.js';
import type { Target } from './target.js';

const count = z.int().min(0);
const name = z.string().min(1);

/** What the contract names; more is allowed. */
const answerSchema = z.looseObject({
  status: z.literal('success'),
  response: z.string().min(1),
  model: name,
  inference_time: z.number().min(0),
  region: name,
  tokens_generated: count.min(1),
  tokens_in: count.min(1),
  gpu: name,
  model_revision: name,
  container_id: name,
  cold_start: z.boolean(),
});
const errorSchema = z.looseObject({ status: z.literal('error'), error: z.string().min(1) });
const refusalSchema = z.looseObject({
  detail: z.array(
    z.looseObject({ loc: z.array(z.union([z.string(), z.int()])), msg: z.string(), type: z.string() }),
  ),
});
const healthSchema = z.looseObject({
  status: z.literal('healthy'),
  models_available: z.array(name).min(1),
  region: name,
});

const HEALTH_MS = 10_000;

/**
 * What every deployment must do that Beacon is to call: the application under uvicorn, the stand-in, and what runs
 * on Modal. One suite, so that what passes against the double is what passes in production.
 */
export function conformance(title: string, start: () => Promise<Target>, limitMs: number): void {
  describe(title, () => {
    let started: Target | undefined;
    let target: Target;
    let caller: Caller;
    let model: string;
    let first: Answered & { hops: number };

    beforeAll(async () => {
      target = started = await start();
      caller = new Caller(target);
      [model] = target.models;
      // The first call meets a cold container; what it costs is asserted below, not here.
      first = await caller.call({ model, prompt: 'What is the capital of France?', max_tokens: 32 });
    }, limitMs);
    afterAll(() => started?.stop());

    const url = (): string => target.urlOf(model);
    const jobsUrl = (): string => {
      if (target.jobsUrl === undefined) throw new Error('the target offers no job routes');
      return target.jobsUrl;
    };
    const aQuestion = (changes: Record<string, unknown> = {}): Record<string, unknown> => ({
      ...{ model, prompt: 'What is 2+2?', temperature: 0, max_tokens: 32 },
      ...changes,
    });

    describe('health', () => {
      it(
        'names the models and attests the region',
        async () => {
          const { status, text } = await caller.ask({ url: target.healthUrl });
          expect(status).toBe(200);
          const health = healthSchema.parse(jsonOf(text));
          expect(health.models_available).toEqual(expect.arrayContaining([...target.models]));
          expectRegion(target, health.region);
        },
        HEALTH_MS,
      );
    });

    describe('a call', () => {
      it('is answered with everything that the contract names', () => {
        expect(first.status).toBe(200);
        const answer = answerSchema.parse(jsonOf(first.text));
        expect(answer.model).toBe(model);
        expectRegion(target, answer.region);
      });

      it(
        'takes messages, and fields that it does not know',
        async () => {
          const messages = [
            { role: 'system', content: 'Be brief.' },
            { role: 'user', content: 'What is the capital of France?' },
          ];
          const { status, text } = await caller.call({ model, messages, max_tokens: 32, top_p: 1 });
          expect(status).toBe(200);
          answerSchema.parse(jsonOf(text));
        },
        limitMs,
      );

      it(
        'generates no more than max_tokens',
        async () => {
          const { text } = await caller.call(aQuestion({ max_tokens: 3 }));
          expect(answerSchema.parse(jsonOf(text)).tokens_generated).toBeLessThanOrEqual(3);
        },
        limitMs,
      );

      it(
        'is answered alike at temperature 0',
        async () => {
          const [one, other] = [await caller.call(aQuestion()), await caller.call(aQuestion())];
          const answers = [one, other].map(({ text }) => answerSchema.parse(jsonOf(text)));
          expect(answers[0]!.response).toBe(answers[1]!.response);
          expect(answers[0]!.tokens_in).toBe(answers[1]!.tokens_in);
        },
        limitMs,
      );

      it(
        'begins cold once: the next one finds the container',
        async () => {
          const { text } = await caller.call(aQuestion());
          expect(answerSchema.parse(jsonOf(text)).cold_start).toBe(false);
        },
        limitMs,
      );

      it(
        'for a model that is not served here is an error of the application',
        async () => {
          const { status, text } = await caller.call(aQuestion({ model: 'no-such-model' }), url());
          expect(status).toBe(200);
          errorSchema.parse(jsonOf(text));
        },
        limitMs,
      );

      it.each<[string, unknown]>([
        ['is no JSON', '{'],
        ['is a list', []],
        ['has neither prompt nor messages', { max_tokens: 1 }],
        ['has a prompt that is no text', { prompt: 42 }],
        ['has messages that are no list', { messages: 'hello' }],
        ['has a temperature that is no number', { prompt: 'x', temperature: 'warm' }],
      ])(
        'whose body %s is refused, and the input is not repeated',
        async (_title, body) => {
          const sent = typeof body === 'object' && !Array.isArray(body) ? { model, ...body } : body;
          const { status, text } = await caller.ask({ url: url(), body: sent });
          expect(status).toBe(422);
          refusalSchema.parse(jsonOf(text));
          expect(text).not.toMatch(/hello|warm/);
        },
        limitMs,
      );

      it('is made by POST only', async () => {
        expect((await caller.ask({ url: url() })).status).toBe(405);
      });

      it('to a path where nothing is deployed is 404', async () => {
        const { status } = await caller.ask({ url: new URL('/nothing-here', url()).href, body: aQuestion() });
        expect(status).toBe(404);
      });
    });

    describe('without the credentials', () => {
      const asked = (): readonly (readonly [string, string | undefined])[] => [
        [target.healthUrl, undefined],
        [url(), JSON.stringify({ model, prompt: 'x' })],
        ...(target.jobsUrl === undefined
          ? []
          : ([
              [target.jobsUrl, JSON.stringify({ model, prompt: 'x' })],
              [`${target.jobsUrl}/fc-1`, undefined],
            ] as const)),
      ];

      it.each([
        ['missing', null],
        ['invalid', { 'modal-key': 'wk-wrong', 'modal-secret': 'ws-wrong' }],
      ] as const)('every route answers 401: %s', async (word, credentials) => {
        if (target.credentials === undefined) return;
        for (const [path, body] of asked()) {
          const { status, text } = await caller.ask({ url: path, body, credentials });
          expect({ path, status, text: text.trim() }).toEqual({
            path,
            status: 401,
            text: `modal-http: ${word} credentials for proxy authorization`,
          });
        }
      });
    });

    describe('a job', () => {
      it(
        'is spawned at once, is pending, and ends with the document of a call, as often as it is read',
        async () => {
          const callId = await caller.spawn(aQuestion());
          const ended = await caller.untilEnded(callId);
          expect(ended.status).toBe(200);
          expectRegion(target, answerSchema.parse(jsonOf(ended.text)).region);
          expect((await caller.job(callId)).text).toBe(ended.text);
        },
        limitMs,
      );

      it(
        'is the same job under the same key, and another under another',
        async () => {
          const key = randomUUID();
          const callId = await caller.spawn(aQuestion(), key);
          expect(await caller.spawn(aQuestion(), key)).toBe(callId);
          expect(await caller.spawn(aQuestion(), randomUUID())).not.toBe(callId);
          await caller.untilEnded(callId);
          expect(await caller.spawn(aQuestion(), key)).toBe(callId);
        },
        limitMs,
      );

      it(
        'can be cancelled, twice as well as once, and then says so',
        async () => {
          // Behind another one, so that it has not ended by the time it is to be cancelled.
          const ahead = await caller.spawn(aQuestion());
          const callId = await caller.spawn(aQuestion());
          for (const _time of ['first', 'second']) {
            const { status, text } = await caller.job(callId, 'DELETE');
            expect(status).toBe(200);
            expect(jsonOf(text)).toMatchObject({ status: 'cancelled', call_id: callId });
          }
          const ended = await caller.untilEnded(callId);
          expect(ended.status).toBe(200);
          expect(errorSchema.parse(jsonOf(ended.text))).toMatchObject({ error_type: 'cancelled' });
          // And what it waited for was not.
          answerSchema.parse(jsonOf((await caller.untilEnded(ahead)).text));
        },
        limitMs,
      );

      it(
        'that has ended keeps its result when it is cancelled too late',
        async () => {
          const callId = await caller.spawn(aQuestion());
          const ended = await caller.untilEnded(callId);
          const { status, text } = await caller.job(callId, 'DELETE');
          expect(status).toBe(200);
          expect(jsonOf(text)).toMatchObject({ status: 'finished', call_id: callId });
          expect((await caller.job(callId)).text).toBe(ended.text);
        },
        limitMs,
      );

      it(
        'that nobody spawned is 404',
        async () => {
          for (const method of ['GET', 'DELETE']) {
            const { status, text } = await caller.job('fc-00000000000000000000000000', method);
            expect(status).toBe(404);
            expect(jsonOf(text)).toEqual({ detail: expect.any(String) });
          }
        },
        limitMs,
      );

      it(
        'of a wrong body is refused, and one for a model that is not served is an error',
        async () => {
          const refused = await caller.ask({ url: jobsUrl(), body: { model } });
          expect(refused.status).toBe(422);
          refusalSchema.parse(jsonOf(refused.text));
          const elsewhere = await caller.ask({ url: jobsUrl(), body: aQuestion({ model: 'no-such-model' }) });
          expect(elsewhere.status).toBe(200);
          errorSchema.parse(jsonOf(elsewhere.text));
        },
        limitMs,
      );
    });

    describe("behind Modal's front", () => {
      it('names the call in a header', () => {
        if (target.hasEdge) expect(first.headers.get('modal-function-call-id')).toMatch(/^fc-/);
      });

      it('other modal headers are refused', async () => {
        if (!target.hasEdge) return;
        const headers = { 'modal-function-call-id': 'fc-1' };
        const { status, text } = await caller.ask({ url: url(), body: aQuestion(), headers });
        expect(status).toBe(400);
        expect(text).toContain('prohibited modal header');
      });
    });
  });
}

/** Only for targets whose first call is known to take longer than one request may. */
export function conformanceOfResultUrls(title: string, start: () => Promise<Target>, limitMs: number): void {
  describe(title, () => {
    let started: Target | undefined;
    let target: Target;
    let caller: Caller;
    beforeAll(async () => {
      target = started = await start();
      caller = new Caller(target);
    }, limitMs);
    afterAll(() => started?.stop());

    it(
      'a call that takes too long is an empty 303 to a result URL, which is read by GET and by nothing else',
      async () => {
        const url = target.urlOf(target.models[0]);
        const first = await caller.ask({ url, body: { model: target.models[0], prompt: 'What is 2+2?' } });
        expect({ status: first.status, text: first.text }).toEqual({ status: 303, text: '' });
        const resultUrl = new URL(first.headers.get('location') ?? '', url);
        expect(resultUrl.origin).toBe(new URL(url).origin);
        expect(resultUrl.href).not.toBe(url);

        const posted = await caller.ask({
          url: resultUrl.href,
          body: { model: target.models[0], prompt: 'x' },
        });
        expect(posted.status).toBe(400);
        expect(posted.text).toContain('bad redirect method');
        if (target.credentials !== undefined)
          expect((await caller.ask({ url: resultUrl.href, credentials: null })).status).toBe(401);

        let answer: Answered = first;
        while (answer.status === 303)
          answer = await caller.ask({ url: new URL(answer.headers.get('location') ?? '', url).href });
        expect(answer.status).toBe(200);
        answerSchema.parse(jsonOf(answer.text));
      },
      limitMs,
    );
  });
}

function expectRegion({ regionNames }: Target, region: string): void {
  expect(regionNames.map((known) => known.toLowerCase())).toContain(region.toLowerCase());
}
