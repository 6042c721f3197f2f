import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { providersSchema, type ProviderView } from '#contracts';
import { startBeacon, until, type Beacon } from '#testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { parse, stringify } from 'yaml';
import { ensureBuilt } from '../stack/stack.js';
import { StandIn } from '../stack/stand-in.js';

const LIMIT_MS = 600_000;
const TIME_SCALE = 60;
/** Simulated seconds; Beacon's are sixty times shorter. */
const HOT_S = 1200;
const CONFIGURED_S = 900;
/** Its log goes where this spec's own goes. */
const STDERR = 2;

interface Deployed {
  readonly id: string;
  readonly autoscaler: { readonly scaledown_window_s: number; readonly overridden: boolean };
}

/** The stand-in plays Modal; Beacon is told of it, and that one endpoint goes by use. */
describe('an endpoint that is kept warm by use', () => {
  let folder: string;
  let platform: StandIn;
  let beacon: Beacon;
  beforeAll(async () => {
    await ensureBuilt();
    folder = await mkdtemp(join(tmpdir(), 'beacon-test-warm-'));
    platform = await StandIn.start(folder, 1, 8, STDERR, {
      time_scale: TIME_SCALE,
      http_timeout_s: 150,
      endpoints: ['used', 'other'].map((id) => ({
        ...{ id, region: 'US', models: [`m-${id}`], boot_s: 1, load_s: 30, execution_s: 10 },
        scaledown_window_s: CONFIGURED_S,
      })),
      beacon: { limits: { gpus: 1 } },
    });
    const document = parse(await platform.beaconConfiguration()) as { endpoints: Record<string, unknown>[] };
    document.endpoints[0]!['warm'] = 'auto';
    beacon = await startBeacon({ configuration: () => stringify(document) });
  });
  afterAll(async () => {
    await beacon.stop();
    await platform.stop();
    await rm(folder, { recursive: true });
  });

  const warmthOf = async (id: string): Promise<ProviderView['warm']> => {
    const { body } = await beacon.client.request('/providers');
    return providersSchema.parse(body).providers.find((provider) => provider.id === id)!.warm;
  };
  const windowAtPlatform = async (): Promise<number> => {
    const { endpoints } = (await (await fetch(`${platform.url}/_stand-in/endpoints`)).json()) as {
      endpoints: Deployed[];
    };
    return endpoints.find(({ id }) => id === 'used')!.autoscaler.scaledown_window_s;
  };
  const call = async (model: string): Promise<void> => {
    const { job_id } = await beacon.client.queue({ model, prompt: 'x' });
    await beacon.client.untilJob(job_id, 'completed');
  };

  it('is hot after four calls, also after a restart, and gives its GPU up where another endpoint wants it', async () => {
    expect(await warmthOf('other')).toMatchObject({ setting: 'off', mode: 'configured', reason: 'off' });
    for (let calls = 0; calls < 4; calls += 1) await call('m-used');
    const hot = await until('it is hot', async () => {
      const warmth = await warmthOf('used');
      return warmth.mode === 'hot' ? warmth : undefined;
    });
    expect(hot).toMatchObject({
      ...{ setting: 'auto', window_s: HOT_S / TIME_SCALE, reason: 'often_called' },
      ...{ judged_window_s: HOT_S / TIME_SCALE, since: expect.any(String) },
    });
    expect(await windowAtPlatform()).toBeCloseTo(HOT_S, 3);

    await beacon.stopRouter();
    await beacon.startRouter();
    expect(await warmthOf('used')).toMatchObject({ mode: 'hot', since: hot.since });

    // One GPU for two endpoints: the other one gets it, long before the hot window is over.
    await call('m-other');
    const yielded = await until('the window is as configured', async () => {
      const warmth = await warmthOf('used');
      return warmth.mode === 'configured' ? warmth : undefined;
    });
    expect(yielded).toMatchObject({ window_s: CONFIGURED_S / TIME_SCALE, reason: 'gpus_scarce' });
    expect(await windowAtPlatform()).toBeCloseTo(CONFIGURED_S, 3);
    expect((await platform.account()).totals.gpus_peak).toBe(1);
    const metrics = await (await fetch(`${beacon.url}/metrics`)).text();
    expect(metrics).toMatch(/beacon_warm_changes_total\{[^}]*endpoint="used"[^}]*to="configured"[^}]*\} 1/);
  });

  it('is woken and kept when an operator asks, within the limit of GPUs, and let go when that is taken back', async () => {
    const ordered = await beacon.client.request('/endpoints/other/warm', {
      json: { for_s: 600, reason: 'a demonstration' },
    });
    expect(ordered).toMatchObject({ status: 200, body: { in_force: { until: expect.any(String) } } });
    // The other endpoint holds the only GPU, or has just given it up: the call that wakes this one waits its turn.
    await until(
      'it is warm, by a call that nobody made',
      async () => {
        const { body } = await beacon.client.request('/providers');
        const provider = providersSchema.parse(body).providers.find(({ id }) => id === 'other');
        return provider?.state === 'warm' && provider.warm.reason === 'asked' && provider.warm.mode === 'hot';
      },
      LIMIT_MS,
    );
    expect(await warmthOf('other')).toMatchObject({ window_s: HOT_S / TIME_SCALE });
    const { body } = await beacon.client.request('/operations');
    expect(body).toMatchObject({
      warm: [{ target: { kind: 'endpoint', id: 'other' }, reason: 'a demonstration' }],
    });
    // Drained with a release it gives the container up that was just woken.
    await beacon.client.request('/endpoints/other/drain', { json: { release: true } });
    await until('its container is gone', async () => {
      const { endpoints } = await beacon.client
        .request<{ regions: { US: { endpoints: { id: string; state: string; holds_gpu: boolean }[] } } }>(
          '/queue/status',
        )
        .then((reply) => reply.body.regions.US);
      return endpoints.some(({ id, state, holds_gpu }) => id === 'other' && state === 'paused' && !holds_gpu);
    });
    await beacon.client.request('/endpoints/other/resume', { method: 'POST' });
    const warmed = String(ordered.body['change_id']);
    await beacon.client.request(`/operations/changes/${warmed}/undo`, { method: 'POST' });
    await until('the window is as configured', async () => (await warmthOf('other')).mode === 'configured');
    expect((await platform.account()).totals.gpus_peak).toBe(1);
  });
});
