import { describe, expect, it } from '@jest/globals';
import { BeaconClient, until } from '#testing';
import type { Stack } from '../stack/stack.js';
import { onStack } from '../stack/stack.js';

const LIMIT_MS = 600_000;
const TIME_SCALE = 20;
const CALL_MS = 150_000;

/**
 * A request is answered 303 after 150 s. Work of twenty minutes, because time goes by without hops while a dead
 * dispatcher's ticket waits to be delivered again: six seconds here, two minutes there, and more on a busy machine. The
 * platform keeps for longer than all of that what nobody asks for.
 */
const PLATFORM = {
  ...{ time_scale: TIME_SCALE, http_timeout_s: 150, reattach_window_s: 4000 },
  endpoints: [
    {
      ...{ id: 'us-long', region: 'US', attested_region: 'us-east', models: ['long'] },
      ...{ boot_s: 1, load_s: 29, execution_s: 1200, execution_timeout_s: 1500 },
    },
  ],
  beacon: { execution_timeout_s: 2100, regions: { US: { aliases: ['us-east'] } } },
};

describe('a call that takes more than ten minutes over four hops', () => {
  /** Hops that are under way: what leads to the result was stored before it was followed. */
  const hopsOf = async ({ standIn }: Stack): Promise<number> =>
    (await standIn.calls()).reduce((sum, call) => sum + call.result_requests, 0);

  it(
    'is one call upstream and one attempt, although its dispatcher is killed between hops, twice',
    () =>
      onStack({ seed: 1, platform: PLATFORM }, async (stack) => {
        const client = new BeaconClient(stack.url);
        const { job_id: jobId } = await client.queue({ model: 'long', prompt: 'Take your time.' });
        for (const hops of [1, 3]) {
          await until(`${hops} hops`, async () => (await hopsOf(stack)) >= hops, CALL_MS);
          await stack.restarted('dispatcher-US', stack.kill('dispatcher-US'));
        }
        const job = await client.untilJob(jobId, 'completed', CALL_MS);
        expect(job).toMatchObject({ retry_count: 0, attempts: [{ status: 'succeeded' }] });
        const calls = await stack.standIn.calls();
        expect(calls).toMatchObject([{ key: `${jobId}:1`, outcome: 'completed' }]);
        expect(calls[0]!.redirects_303).toBeGreaterThanOrEqual(4);
      }),
    LIMIT_MS,
  );
});
