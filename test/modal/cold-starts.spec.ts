import { describe, expect, it } from '@jest/globals';
import { onStack } from '../stack/stack.js';
import { submitExperiment, untilFinished } from '../stack/experiment.js';
import { ENDPOINTS } from '../stack/stand-in.js';

const LIMIT_MS = 600_000;

/** Every first call waits for longer than a request may take, and no container starts faster. */
const PLATFORM = {
  ...{ time_scale: 60, http_timeout_s: 150, reattach_window_s: 900 },
  endpoints: ENDPOINTS.map(({ id, region, model }) => ({
    ...{ id, region, models: [model], boot_s: 1, load_s: [200, 350], execution_s: [20, 35] },
    scaledown_window_s: 6000,
  })),
};

describe('64 cells on endpoints that are all cold for more than 150 s', () => {
  it(
    'caller rule 9: are all accepted, each at its first attempt, and no breaker opens',
    () =>
      onStack({ seed: 3, platform: PLATFORM }, async (stack) => {
        const evidence = await untilFinished(stack, await submitExperiment(stack));
        expect(evidence.cells.filter(({ status }) => status !== 'accepted')).toEqual([]);
        expect(evidence.cells).toHaveLength(64);
        expect(evidence.jobs.map(({ retry_count: retries }) => retries)).toEqual(Array(64).fill(0));
        expect(evidence.calls).toHaveLength(64);

        // The control: it was as cold as that. Each endpoint's first call was answered 303, and none after it.
        const redirected = evidence.calls.filter(({ redirects_303: redirects }) => redirects > 0);
        expect(redirected.map(({ endpoint }) => endpoint).sort()).toEqual(
          ENDPOINTS.map(({ id }) => id).sort(),
        );
        const metrics = await (await fetch(`${stack.url}/metrics`)).text();
        expect(metrics).toContain('beacon_attempts_total');
        expect(metrics.match(/^beacon_breaker_transitions_total\{.*$/gm)).toBeNull();
      }),
    LIMIT_MS,
  );
});
