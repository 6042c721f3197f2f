import { until } from '#testing';
import { describe, expect, it } from '@jest/globals';
import { jsonOf, type Answered } from './caller.js';
import { answerSchema, refusalSchema, releaseSchema } from './documents.js';
import { JobCaller } from './job-caller.js';
import type { Running } from './running.js';

/** The part of the suite that is about the autoscaler routes. */
export function conformanceOfAutoscaler(current: () => Running, limitMs: number): void {
  describe('the autoscaler', () => {
    const urlOf = (model: string): string => {
      const { autoscalerUrlOf } = current().target;
      if (autoscalerUrlOf === undefined) throw new Error('the target offers no autoscaler routes');
      return autoscalerUrlOf(model);
    };
    const setWindow = (body: unknown, model = current().model): Promise<Answered> =>
      current().caller.ask({ method: 'PUT', url: urlOf(model), body });
    const release = (body: unknown, model = current().model): Promise<Answered> =>
      current().caller.ask({ url: `${urlOf(model)}/release`, body });
    const aQuestion = (): Record<string, unknown> => ({
      ...{ model: current().model, prompt: 'What is 2+2?', temperature: 0, max_tokens: 32 },
    });

    it(
      'is told how long idle containers stay',
      async () => {
        const { windowS } = current().target;
        const { status, text } = await setWindow({ scaledown_window_s: windowS });
        expect({ status, body: jsonOf(text) }).toEqual({
          status: 200,
          body: { status: 'ok', scaledown_window_s: windowS, containers: expect.any(Number) },
        });
      },
      limitMs,
    );

    it(
      'gives up an idle container, twice as well as once, and the next call starts cold',
      async () => {
        const { caller, target } = current();
        answerSchema.parse(jsonOf((await caller.call(aQuestion())).text));
        await until(
          'no container is left',
          async () => {
            const { status, text } = await release({ timeout_s: 20 });
            expect(status).toBe(200);
            const { status: said, containers } = releaseSchema.parse(jsonOf(text));
            return said === 'released' && containers === 0 ? true : undefined;
          },
          target.callMs,
        );
        const again = await release({ timeout_s: 20 });
        expect(jsonOf(again.text)).toEqual({ status: 'released', containers: 0 });
        const { text } = await caller.call(aQuestion());
        expect(answerSchema.parse(jsonOf(text)).cold_start).toBe(true);
      },
      limitMs,
    );

    it(
      'stops no work: an endpoint that has some is busy',
      async () => {
        const { caller, target } = current();
        if (target.jobsUrl === undefined) throw new Error('the target offers no job routes');
        const jobs = new JobCaller(caller, target.jobsUrl, target);
        const { ahead, callId, clear } = await jobs.spawnBehind(aQuestion());
        const { status, text } = await release({ timeout_s: 20 });
        expect({ status, said: releaseSchema.parse(jsonOf(text)).status }).toEqual({
          status: 200,
          said: 'busy',
        });
        await clear();
        for (const id of [...ahead, callId]) answerSchema.parse(jsonOf((await jobs.untilEnded(id)).text));
      },
      limitMs,
    );

    it.each([
      ['a window of nothing', setWindow, { scaledown_window_s: 0 }],
      ['no window', setWindow, {}],
      ['no time', release, { timeout_s: 0 }],
      ['too much time', release, { timeout_s: 1000 }],
    ])(
      'refuses %s',
      async (_title, ask, body) => {
        const { status, text } = await ask(body);
        expect({ status, text }).toMatchObject({ status: 422 });
        refusalSchema.parse(jsonOf(text));
      },
      limitMs,
    );

    it('is 404 for a model that is not there', async () => {
      expect((await setWindow({ scaledown_window_s: 5 }, 'no-such-model')).status).toBe(404);
      expect((await release({ timeout_s: 20 }, 'no-such-model')).status).toBe(404);
    });
  });
}
