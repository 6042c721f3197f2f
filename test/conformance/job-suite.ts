import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { jsonOf } from './caller.js';
import { answerSchema, errorSchema, refusalSchema } from './documents.js';
import { JobCaller } from './job-caller.js';
import { MARKER, REFUSED_BODIES, withModel } from './refused-bodies.js';
import { expectRegion, running, type Running } from './running.js';
import type { Candidate } from './target.js';

/** The part of the suite that is about job routes. */
export function conformanceOfJobs(current: () => Running, limitMs: number): void {
  describe('a job', () => {
    let jobs: JobCaller;
    beforeAll(() => {
      jobs = jobCallerOf(current());
    });
    const aQuestion = (changes: Record<string, unknown> = {}): Record<string, unknown> => ({
      ...{ model: current().model, prompt: 'What is 2+2?', temperature: 0, max_tokens: 32 },
      ...changes,
    });

    it(
      'is spawned at once, is pending, and ends with the document of a call, as often as it is read',
      async () => {
        const { callId, clear } = await jobs.spawnBehind(aQuestion());
        const pending = await jobs.get(callId);
        expect({ status: pending.status, body: jsonOf(pending.text) }).toEqual({
          status: 202,
          body: { status: 'pending', call_id: callId },
        });
        await clear();
        const ended = await jobs.untilEnded(callId);
        expect(ended.status).toBe(200);
        expectRegion(current().target, answerSchema.parse(jsonOf(ended.text)).region);
        expect((await jobs.get(callId)).text).toBe(ended.text);
      },
      limitMs,
    );

    it(
      'is the same job under the same key, and another under another',
      async () => {
        const key = randomUUID();
        const callId = await jobs.spawn(aQuestion(), key);
        expect(await jobs.spawn(aQuestion(), key)).toBe(callId);
        expect(await jobs.spawn(aQuestion(), randomUUID())).not.toBe(callId);
        await jobs.untilEnded(callId);
        expect(await jobs.spawn(aQuestion(), key)).toBe(callId);
      },
      limitMs,
    );

    it(
      'can be cancelled, twice as well as once, and then says so',
      async () => {
        const { ahead, callId, clear } = await jobs.spawnBehind(aQuestion());
        for (const _time of ['first', 'second']) {
          const { status, text } = await jobs.cancel(callId);
          expect(status).toBe(200);
          expect(jsonOf(text)).toMatchObject({ status: 'cancelled', call_id: callId });
        }
        const ended = await jobs.untilEnded(callId);
        expect(ended.status).toBe(200);
        expect(errorSchema.parse(jsonOf(ended.text))).toMatchObject({ error_type: 'cancelled' });
        await clear();
        // And what it waited for was not.
        for (const other of ahead) answerSchema.parse(jsonOf((await jobs.untilEnded(other)).text));
      },
      limitMs,
    );

    it(
      'that has ended keeps its result when it is cancelled too late',
      async () => {
        const callId = await jobs.spawn(aQuestion());
        const ended = await jobs.untilEnded(callId);
        const { status, text } = await jobs.cancel(callId);
        expect(status).toBe(200);
        expect(jsonOf(text)).toMatchObject({ status: 'finished', call_id: callId });
        expect((await jobs.get(callId)).text).toBe(ended.text);
      },
      limitMs,
    );

    it(
      'that nobody spawned is 404, whether it is asked for or cancelled',
      async () => {
        const callId = 'fc-00000000000000000000000000';
        for (const { status, text } of [await jobs.get(callId), await jobs.cancel(callId)]) {
          expect(status).toBe(404);
          expect(jsonOf(text)).toEqual({ detail: expect.any(String) });
        }
      },
      limitMs,
    );

    it.each([...REFUSED_BODIES, ['names no model', { model: undefined, prompt: MARKER }] as const])(
      'whose body %s is refused, and the input is not repeated',
      async (_title, body) => {
        const { caller, model } = current();
        const { status, text } = await caller.ask({ url: jobs.url, body: withModel(body, model) });
        expect({ status, text }).toMatchObject({ status: 422 });
        refusalSchema.parse(jsonOf(text));
        expect(text).not.toContain(MARKER);
      },
      limitMs,
    );

    it('for a model that is not served here is an error of the application', async () => {
      const body = aQuestion({ model: 'no-such-model' });
      const { status, text } = await current().caller.ask({ url: jobs.url, body });
      expect(status).toBe(200);
      errorSchema.parse(jsonOf(text));
    });
  });
}

/** Only for targets that keep results for a moment. */
export function conformanceOfExpiry(candidate: Candidate): void {
  describe(candidate.title, () => {
    const current = running(candidate);

    it(
      'a job whose result is kept no longer is 410, whether it is asked for or cancelled, and its key is free again',
      async () => {
        const jobs = jobCallerOf(current());
        const question = { model: current().model, prompt: 'What is 2+2?', max_tokens: 32 };
        const key = randomUUID();
        const callId = await jobs.spawn(question, key);
        const answers = [await jobs.untilExpired(callId), await jobs.cancel(callId), await jobs.get(callId)];
        for (const { status, text } of answers) {
          expect({ status, text }).toMatchObject({ status: 410 });
          expect(errorSchema.parse(jsonOf(text))).toMatchObject({ error_type: 'expired' });
        }
        expect(await jobs.spawn(question, key)).not.toBe(callId);
      },
      candidate.limitMs,
    );
  });
}

function jobCallerOf({ caller, target }: Running): JobCaller {
  if (target.jobsUrl === undefined) throw new Error('the target offers no job routes');
  return new JobCaller(caller, target.jobsUrl, target);
}
