import { providersSchema, type ProviderView } from '#contracts';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { addExecutionTimes, deploymentOf, startBeacon, until, type Beacon } from '#testing';

describe('GET /providers', () => {
  let beacon: Beacon;
  beforeAll(async () => {
    beacon = await startBeacon({ configuration: deploymentOf({ timed: ['US', 'EU'] }) });
  });
  afterAll(() => beacon.stop());

  const providers = async (): Promise<ProviderView[]> => {
    const { status, body } = await beacon.client.request('/providers');
    expect(status).toBe(200);
    expect(providersSchema.parse(body)).toEqual(body);
    return providersSchema.parse(body).providers;
  };
  const timesOf = async (id: string): Promise<ProviderView['times'][string]> =>
    (await providers()).find((provider) => provider.id === id)!.times['timed']!;
  const NOTHING = { warm_p50_s: null, warm_p95_s: null, cold_p50_s: null, cold_p95_s: null, samples: 0 };

  it('says how long calls of each model took, warm and cold apart, and nothing where none was made', async () => {
    expect(await timesOf('US-timed')).toEqual(NOTHING);
    const sample = { region: 'US', model: 'timed' };
    await addExecutionTimes(beacon.database, [
      ...[1000, 2000, 3000, 4000, 5000].map((executionMs) => ({ ...sample, cold: false, executionMs })),
      { ...sample, cold: true, executionMs: 90_000 },
    ]);
    expect(await timesOf('US-timed')).toEqual({
      ...{ warm_p50_s: 3, warm_p95_s: 4.8, samples: 6 },
      // Of one call they are the same.
      ...{ cold_p50_s: 90, cold_p95_s: 90 },
    });
    expect(await timesOf('EU-timed')).toEqual(NOTHING);
  });

  it('counts the calls that are made', async () => {
    const { client, upstream } = beacon;
    for (const cold_start of [true, false, false]) {
      upstream.next('EU/timed', (call) => call.answer({ cold_start }));
      const { job_id } = await client.queue({ model: 'timed', prompt: 'x', region_preference: 'EU' });
      await client.untilJob(job_id, 'completed');
    }
    const times = await until('three calls are known', async () => {
      const known = await timesOf('EU-timed');
      return known.samples === 3 ? known : undefined;
    });
    expect(times.cold_p95_s).toBe(times.cold_p50_s);
    expect(times.warm_p95_s!).toBeGreaterThanOrEqual(times.warm_p50_s!);
  });
});
