import { describe, expect, it } from '@jest/globals';
import { parseConfiguration } from '#config';
import { spentInAll } from '#domain';
import { UNKNOWN_COSTS, runCostsOf } from './run-costs.js';

const configuration = parseConfiguration(
  JSON.stringify({
    regions: { US: null },
    endpoints: [{ id: 'US-m', region: 'US', models: ['m'], url: 'http://localhost:1/' }],
  }),
  'test',
);
const oneCallOf = (endpointId: string) => ({
  ...{ endpointId, calls: 1, coldStarts: 1, busyMs: 1000, gapMs: 0, lastEndMs: 1000, strayMs: 0 },
});

describe('what is taken to be so without a configuration', () => {
  it('is what the configuration has by default: how long calls, pauses and idle containers last', () => {
    const { rates, timeoutMs, pauseMs } = runCostsOf(configuration);
    expect(UNKNOWN_COSTS).toMatchObject({ timeoutMs, pauseMs });
    const idle = spentInAll([oneCallOf('US-m')], rates).gpuMs;
    expect(spentInAll([oneCallOf('US-m')], UNKNOWN_COSTS.rates)).toEqual({ gpuMs: idle, usd: null });
  });
});
