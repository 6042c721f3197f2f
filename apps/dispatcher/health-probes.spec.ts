import { LocalEndpoint, answering, until, type Exchange } from '#testing';
import { createHttpClient, type HttpClient } from '#endpoint-client';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { HealthProbes } from './health-probes.js';
import type { RegionEndpoint } from './region-endpoints.js';

describe('the probe of an endpoint that is down', () => {
  let upstream: LocalEndpoint;
  let http: HttpClient;
  beforeEach(async () => {
    upstream = await LocalEndpoint.start();
    http = createHttpClient();
  });
  afterEach(async () => {
    await http.close();
    await upstream.close();
  });

  const anEndpoint = (): RegionEndpoint => ({
    ...{ id: 'us-m', region: 'US', regionNames: ['US'], protocol: 'modal-hf', concurrency: 1 },
    ...{ url: `${upstream.origin}/m`, healthUrl: `${upstream.origin}/health` },
    ...{ credentials: undefined, limiter: undefined },
  });

  it('goes on where the gateway is slow to start, and the next who asks hears what it found', async () => {
    const probes = new HealthProbes(http.axios, 20);
    let held: Exchange | undefined;
    upstream.next((exchange) => void (held = exchange));
    expect(await probes.ask(anEndpoint())).toMatchObject({ healthy: false, pending: true });
    expect(await probes.ask(anEndpoint())).toMatchObject({ pending: true });
    await answering(200, { status: 'healthy' })(await until('the gateway is asked', () => held));
    const heard = await until('the answer is heard', async () => {
      const reply = await probes.ask(anEndpoint());
      return reply.pending === true ? undefined : reply;
    });
    expect(heard).toEqual({ healthy: true, detail: 'healthy' });
    expect(upstream.lines).toEqual(['GET /health']);
  });

  it('is made anew after it was answered', async () => {
    const probes = new HealthProbes(http.axios);
    upstream.next(answering(503), answering(200, { status: 'healthy' }));
    expect(await probes.ask(anEndpoint())).toMatchObject({ healthy: false });
    expect(await probes.ask(anEndpoint())).toMatchObject({ healthy: true });
  });
});
