import { describe, expect, it } from '@jest/globals';
import { parseConfiguration } from '#config';
import { GPU_USD_PER_S } from '#domain';
import type { LearnedTimes } from '#persistence';
import { estimateCostUsd } from './estimate-cost.js';

const configuration = parseConfiguration(
  JSON.stringify({
    regions: { US: {}, EU: {} },
    endpoints: [
      { id: 'us-m', region: 'US', models: ['m'], url: 'http://127.0.0.1:9/us', scaledown_window_s: 300 },
      { id: 'us-o', region: 'US', models: ['m'], url: 'http://127.0.0.1:9/o', protocol: 'openai' },
      { id: 'eu-m', region: 'EU', models: ['m'], url: 'http://127.0.0.1:9/eu', gpu: 'ABACUS' },
    ],
  }),
  'test',
);
const learned = (region: string, cold: boolean, ...samplesMs: number[]): LearnedTimes => ({
  ...{ region, model: 'm', cold, samplesMs },
});
const KNOWN = [learned('US', false, 30_000, 40_000, 50_000), learned('US', true, 200_000)];

describe('the cost of a run', () => {
  it('is a cold start, the work and an idle tail of each endpoint that has cells', () => {
    const seconds = 200 - 40 + 8 * 40 + 300;
    expect(estimateCostUsd({ 'us-m': 8 }, configuration, KNOWN)).toBeCloseTo(
      seconds * GPU_USD_PER_S['T4']! * 1.5,
      6,
    );
  });

  it('is nothing where nothing is to be done', () => {
    expect(estimateCostUsd({}, configuration, KNOWN)).toBe(0);
  });

  it.each([
    ['nothing was learned', { 'us-m': 8 }, []],
    ['no cold start was learned', { 'us-m': 8 }, KNOWN.slice(0, 1)],
    ['an endpoint is not paid by the GPU second', { 'us-m': 1, 'us-o': 1 }, KNOWN],
    ['the price of a GPU is not known', { 'eu-m': 1 }, [learned('EU', false, 1), learned('EU', true, 2)]],
  ])('is not said where %s', (_title, cells, times) => {
    expect(estimateCostUsd(cells, configuration, times)).toBeNull();
  });
});
