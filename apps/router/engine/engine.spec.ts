import { randomUUID } from 'node:crypto';
import { afterEach, describe, expect, it } from '@jest/globals';
import { createLogger, Metrics } from '#observability';
import type { SignOfLife } from '#persistence';
import { until } from '#testing';
import { Engine, type EngineOptions } from './engine.js';

describe('signs of life', () => {
  let engine: Engine;
  /** What the database says to each cycle in turn; it waits for the next. */
  const answers: ((error: Error) => void)[] = [];
  const aSign = (): SignOfLife => ({ job_id: randomUUID(), epoch: 1, dispatcher_id: 'd1', running_ms: 1 });
  const isKnown = ({ job_id: jobId }: SignOfLife): boolean => engine.hasUnwritten(jobId, 1);
  const start = (): void => {
    answers.length = 0;
    engine = new Engine({
      database: {
        admissionTransaction: () => new Promise((_resolve, reject) => answers.push(reject)),
      },
      metrics: new Metrics('router'),
      logger: createLogger('router', 'silent'),
    } as unknown as EngineOptions);
  };
  /** @returns once the database is asked for the `count`th time */
  const asked = (count: number) => until(`cycle ${count}`, () => answers[count - 1]);
  const refuses = Object.assign(new Error('interval out of range'), { code: '22008' });

  afterEach(async () => {
    const stopped = engine.stop();
    answers.at(-1)?.(new Error('away'));
    await stopped;
  });

  it('are known from the moment they are heard, also where the database is away', async () => {
    start();
    const [sign, later, other] = [aSign(), aSign(), aSign()];
    engine.alive([sign]);
    (await asked(1))(new Error('away'));
    engine.alive([later]);
    await asked(2);
    expect([sign, later, other].map(isKnown)).toEqual([true, true, false]);
    expect(engine.hasUnwritten(sign.job_id, 1, 'd1')).toBe(false);
    expect(engine.hasUnwritten(sign.job_id, 2)).toBe(false);
  });

  it('are let go of where the database refuses them: nothing else waits for them, and they come again', async () => {
    start();
    const sign = aSign();
    engine.alive([sign]);
    // Three times as one of many, then alone.
    for (const cycle of [1, 2, 3, 4]) (await asked(cycle))(refuses);
    await until('they are gone', () => !isKnown(sign));
  });
});
