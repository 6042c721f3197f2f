import { describe, expect, it } from '@jest/globals';
import { parseConfiguration } from '#config';
import { parseRequest, runRequestSchema } from '#contracts';
import type { LearnedSamples } from '#domain';
import { resolveRun } from './resolve-run.js';
import { runForecast } from './run-forecast.js';

const configuration = parseConfiguration(
  JSON.stringify({
    regions: { US: {}, EU: {} },
    endpoints: ['US', 'EU'].map((region) => ({
      ...{ id: `${region}-m`, region, models: ['m'], url: `http://127.0.0.1:9/${region}` },
    })),
  }),
  'test',
);
const learned = (region: string, cold: boolean, ...samplesMs: number[]): LearnedSamples => ({
  ...{ region, model: 'm', cold, samplesMs },
});
const request = parseRequest(runRequestSchema(), {
  ...{ questions: [{ id: 'q', text: 'why?' }], models: ['m'], regions: ['US', 'EU'] },
});

function notesWith(...times: LearnedSamples[]): readonly string[] {
  const facts = { learned: times, stored: new Map(), nowMs: 0 };
  return runForecast(resolveRun(request, configuration), { order: 'auto' }, {}, configuration, facts).notes;
}

describe('the notes on a plan', () => {
  it.each<[string, LearnedSamples[], string[]]>([
    [
      'assumed everywhere',
      [],
      [
        'no warm call of m in US, m in EU has been seen: 30 s each assumed',
        'no cold start of m in US, m in EU has been seen: 150 s each assumed',
      ],
    ],
    [
      'for warm calls assumed, and for cold starts another region’s',
      [learned('US', true, 90_000)],
      [
        'no warm call of m in US, m in EU has been seen: 30 s each assumed',
        'cold starts of m in EU are taken to last as long as in other regions',
      ],
    ],
    [
      'for warm calls another region’s, and for cold starts assumed',
      [learned('US', false, 20_000)],
      [
        'no cold start of m in US, m in EU has been seen: 150 s each assumed',
        'warm calls of m in EU are taken to last as long as in other regions',
      ],
    ],
    ['learned', ['US', 'EU'].flatMap((region) => [learned(region, false, 1), learned(region, true, 2)]), []],
  ])('say which times are %s, naming what each note is about', (_where, times, notes) => {
    expect(notesWith(...times)).toEqual(notes);
  });
});
