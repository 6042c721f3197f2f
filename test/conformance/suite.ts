import { beforeAll, describe, expect, it } from '@jest/globals';
import { jsonOf, type Answered } from './caller.js';
import { answerSchema, errorSchema, healthSchema, refusalSchema } from './documents.js';
import { conformanceOfAutoscaler } from './autoscaler-suite.js';
import { conformanceOfJobs } from './job-suite.js';
import { MARKER, REFUSED_BODIES, withModel } from './refused-bodies.js';
import { expectRegion, running, type Running } from './running.js';
import { omissions, type Candidate } from './target.js';

/**
 * What every deployment must do that Beacon is to call: the application under uvicorn, the stand-in, and what runs
 * on Modal. One suite, so that what passes against the double is what passes in production.
 */
export function conformance(candidate: Candidate): void {
  const { title, traits, limitMs } = candidate;
  for (const omission of omissions(traits)) process.stderr.write(`${title}, not tested: ${omission}\n`);

  describe(title, () => {
    const current = running(candidate);
    let first: Answered;
    beforeAll(async () => {
      const { caller, model } = current();
      // What this one costs is asserted below, not here.
      first = await caller.call({ model, prompt: 'What is the capital of France?', max_tokens: 32 });
    }, limitMs);

    const aQuestion = (changes: Record<string, unknown> = {}): Record<string, unknown> => ({
      ...{ model: current().model, prompt: 'What is 2+2?', temperature: 0, max_tokens: 32 },
      ...changes,
    });

    describe('health', () => {
      it('names the models and attests the region', async () => {
        const { caller, target } = current();
        const { status, text } = await caller.ask({ url: target.healthUrl });
        expect(status).toBe(200);
        const health = healthSchema.parse(jsonOf(text));
        expect(health.models_available).toEqual(expect.arrayContaining([...target.models]));
        expectRegion(target, health.region);
      });
    });

    describe('a call', () => {
      it('is answered with everything that the contract names', () => {
        const { target, model } = current();
        expect(first.status).toBe(200);
        const answer = answerSchema.parse(jsonOf(first.text));
        expect(answer.model).toBe(model);
        expectRegion(target, answer.region);
      });

      it(
        'takes messages, and fields that it does not know',
        async () => {
          const { caller, model } = current();
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
          const { text } = await current().caller.call(aQuestion({ max_tokens: 3 }));
          expect(answerSchema.parse(jsonOf(text)).tokens_generated).toBeLessThanOrEqual(3);
        },
        limitMs,
      );

      it(
        'is answered alike at temperature 0',
        async () => {
          const { caller } = current();
          const [one, other] = [await caller.call(aQuestion()), await caller.call(aQuestion())];
          const answers = [one, other].map(({ text }) => answerSchema.parse(jsonOf(text)));
          expect(answers[0]!.response).toBe(answers[1]!.response);
          expect(answers[0]!.tokens_in).toBe(answers[1]!.tokens_in);
        },
        limitMs,
      );

      if (traits.isCold) {
        it('says that it began cold, where it is the first', () => {
          expect(answerSchema.parse(jsonOf(first.text)).cold_start).toBe(true);
        });
      }

      it(
        'finds the container of the one before it, and says so',
        async () => {
          const { text } = await current().caller.call(aQuestion());
          expect(answerSchema.parse(jsonOf(text)).cold_start).toBe(false);
        },
        limitMs,
      );

      it(
        'for a model that is not served here is an error of the application',
        async () => {
          const { caller, url } = current();
          const { status, text } = await caller.call(aQuestion({ model: 'no-such-model' }), url);
          expect(status).toBe(200);
          errorSchema.parse(jsonOf(text));
        },
        limitMs,
      );

      it.each(REFUSED_BODIES)(
        'whose body %s is refused, and the input is not repeated',
        async (_title, body) => {
          const { caller, model, url } = current();
          const { status, text } = await caller.ask({ url, body: withModel(body, model) });
          expect({ status, text }).toMatchObject({ status: 422 });
          refusalSchema.parse(jsonOf(text));
          expect(text).not.toContain(MARKER);
        },
        limitMs,
      );

      it.each(['GET', 'PUT', 'DELETE'])('is made by POST only: %s is 405', async (method) => {
        const { caller, url } = current();
        expect((await caller.ask({ method, url })).status).toBe(405);
      });

      it('to a path where nothing is deployed is 404', async () => {
        const { caller, url } = current();
        const { status } = await caller.ask({ url: new URL('/nothing-here', url).href, body: aQuestion() });
        expect(status).toBe(404);
      });
    });

    if (traits.isGuarded) {
      describe('without the credentials', () => {
        it.each([
          ['missing', null],
          ['invalid', { 'modal-key': 'wk-wrong', 'modal-secret': 'ws-wrong' }],
        ] as const)('every route answers 401: %s', async (word, credentials) => {
          for (const route of routesOf(current())) {
            const { status, text } = await current().caller.ask({ ...route, credentials });
            expect({ ...route, status, text: text.trim() }).toEqual({
              ...route,
              status: 401,
              text: `modal-http: ${word} credentials for proxy authorization`,
            });
          }
        });
      });
    }

    if (traits.offersJobs) conformanceOfJobs(current, limitMs);
    if (traits.offersAutoscaler) conformanceOfAutoscaler(current, limitMs);

    if (traits.hasEdge) {
      describe("behind Modal's front", () => {
        it('names the call in a header', () => {
          expect(first.headers.get('modal-function-call-id')).toMatch(/^fc-/);
        });

        it('every route refuses other modal headers', async () => {
          const headers = { 'modal-function-call-id': 'fc-1' };
          for (const route of routesOf(current())) {
            const { status, text } = await current().caller.ask({ ...route, headers });
            expect({ ...route, status, text }).toEqual({
              ...route,
              status: 400,
              text: expect.stringContaining('prohibited modal header'),
            });
          }
        });
      });
    }
  });
}

/** One request for every route that the target has. */
function routesOf({ target, model, url }: Running): { method: string; url: string; body?: unknown }[] {
  const { healthUrl, jobsUrl, autoscalerUrlOf, windowS } = target;
  const autoscalerUrl = autoscalerUrlOf?.(model);
  const body = { model, prompt: 'x' };
  return [
    { method: 'GET', url: healthUrl },
    { method: 'POST', url, body },
    ...(jobsUrl === undefined
      ? []
      : [
          { method: 'POST', url: jobsUrl, body },
          { method: 'GET', url: `${jobsUrl}/fc-1` },
          { method: 'DELETE', url: `${jobsUrl}/fc-1` },
        ]),
    ...(autoscalerUrl === undefined
      ? []
      : [
          { method: 'PUT', url: autoscalerUrl, body: { scaledown_window_s: windowS } },
          { method: 'POST', url: `${autoscalerUrl}/release`, body: {} },
        ]),
  ];
}
