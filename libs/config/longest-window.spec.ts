import { describe, expect, it } from '@jest/globals';
import { parseConfiguration } from './configuration.js';
import { endpointsByLongestWindow } from './longest-window.js';

describe('the longest scale-down window that may come into force', () => {
  it.each([
    ['off', 300, 300],
    ['auto', 300, 1200],
    ['on', 300, 1200],
    ['on', 5000, 5000],
  ])('of an endpoint with warm: %s and a window of %i s is %i s', (warm, windowS, longestS) => {
    const url = 'https://example.com/m';
    const endpoint = { id: 'e', region: 'US', models: ['m'], url, autoscaler_url: `${url}/autoscaler` };
    const configuration = parseConfiguration(
      JSON.stringify({
        regions: { US: {} },
        endpoints: [{ ...endpoint, warm, scaledown_window_s: windowS }],
      }),
      'test',
    );
    expect(endpointsByLongestWindow(configuration)).toMatchObject([{ scaledown_window_s: longestS }]);
  });
});
