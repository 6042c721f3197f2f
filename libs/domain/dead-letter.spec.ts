import { describe, expect, it } from '@jest/globals';
import { judgeRedrive, nextRedriveStep, type RedriveFacts, type RedriveSkip } from './dead-letter.js';

const letter: RedriveFacts = { ofRun: false, poison: false, isErased: false };

describe('a dead letter', () => {
  it.each<[string, Partial<RedriveFacts>, RedriveSkip | undefined]>([
    ['can become a job again', {}, undefined],
    ["of a run's cell belongs to the run", { ofRun: true }, 'JOB_OF_RUN'],
    ['whose prompt is erased has nothing to be made of', { isErased: true }, 'CONTENT_ERASED'],
    ['that is taken for poison is left alone', { poison: true }, 'POISON'],
  ])('%s', (_what, change, skip) => {
    expect(judgeRedrive({ ...letter, ...change }, false)).toBe(skip);
  });

  it('that is taken for poison is redriven where that is asked for', () => {
    expect(judgeRedrive({ ...letter, poison: true }, true)).toBeUndefined();
  });

  it.each([
    ['open', null, 'redrive'],
    ['discarded', null, 'discarded'],
    ['redriven', 'queued', 'already'],
    ['redriven', 'dispatched', 'already'],
    ['redriven', 'processing', 'already'],
    ['redriven', 'retrying', 'already'],
    ['redriven', 'cancelling', 'already'],
    ['redriven', 'completed', 'already'],
    ['redriven', 'failed', 'follow'],
    ['redriven', 'cancelled', 'redrive'],
    ['redriven', 'expired', 'redrive'],
  ] as const)('that is %s, its job %s: %s', (state, successor, step) => {
    expect(nextRedriveStep(state, successor)).toBe(step);
  });
});
