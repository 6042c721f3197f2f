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
    const probes = new HealthProbes(http.axios, 200);
    let held: Exchange | undefined;
    upstream.always((exchange) => void (held ??= exchange));
    expect(await probes.ask(anEndpoint())).toMatchObject({ healthy: false, pending: true });
    expect(await probes.ask(anEndpoint())).toMatchObject({ pending: true });
    await answering(200, { status: 'healthy' })(await until('the gateway is asked', () => held));
    const heard = await until('the answer is heard', async () => {
      const reply = await probes.ask(anEndpoint());
      return reply.pending === true ? undefined : reply;
    });
    expect(heard).toEqual({ healthy: true, detail: 'healthy' });
  });

  it('is made once more beside a request that was lost, ever more seldom, until one is answered', async () => {
    const probes = new HealthProbes(http.axios, 20);
    const lost: Exchange[] = [];
    const lose = (exchange: Exchange): void => void lost.push(exchange);
    upstream.next(lose, lose, lose);
    upstream.always(answering(200, { status: 'healthy' }));
    const begunMs = performance.now();
    const heard = await until('an answer is heard', async () => {
      const reply = await probes.ask(anEndpoint());
      return reply.pending === true ? undefined : reply;
    });
    expect(heard).toEqual({ healthy: true, detail: 'healthy' });
    // 20, 40 and 80 ms after the first. Where the answer takes long, one more may be on its way.
    expect(performance.now() - begunMs).toBeGreaterThan(75);
    expect(upstream.lines.length).toBeGreaterThanOrEqual(4);
    expect(upstream.lines.length).toBeLessThanOrEqual(2 + Math.log2((performance.now() - begunMs) / 20));
    await until('nobody waits for the lost ones', () => lost.every(({ response }) => response.destroyed));
  });

  it('asks a gateway that is slow once only until as long again has passed', async () => {
    const probes = new HealthProbes(http.axios, 60_000);
    let held: Exchange | undefined;
    upstream.next((exchange) => void (held = exchange));
    const replies = [probes.ask(anEndpoint()), probes.ask(anEndpoint()), probes.ask(anEndpoint())];
    await answering(200, { status: 'healthy' })(await until('the gateway is asked', () => held));
    expect(await Promise.all(replies)).toEqual(Array(3).fill({ healthy: true, detail: 'healthy' }));
    expect(upstream.lines).toEqual(['GET /health']);
  });

  it('is made anew where its answer came long ago, and nobody has asked since', async () => {
    const probes = new HealthProbes(http.axios, 5, 60);
    let heardMs: number | undefined;
    http.axios.interceptors.response.use((response) => {
      heardMs ??= performance.now();
      return response;
    });
    let held: Exchange | undefined;
    upstream.always((exchange) => void (held ??= exchange));
    expect(await probes.ask(anEndpoint())).toMatchObject({ pending: true });
    await answering(200, { status: 'healthy' })(await until('the gateway is asked', () => held));
    upstream.always(answering(503));
    // It grows old from when it was heard, which a busy machine does long after it was given.
    const sinceMs = await until('the answer is heard', () => heardMs);
    await until('the answer is old', () => performance.now() - sinceMs > 200);
    const heard = await until('an answer is heard', async () => {
      const reply = await probes.ask(anEndpoint());
      return reply.pending === true ? undefined : reply;
    });
    expect(heard).toMatchObject({ healthy: false, detail: 'health answered 503' });
  });

  it('is made anew after it was answered', async () => {
    const probes = new HealthProbes(http.axios, 60_000);
    upstream.next(answering(503), answering(200, { status: 'healthy' }));
    expect(await probes.ask(anEndpoint())).toMatchObject({ healthy: false });
    expect(await probes.ask(anEndpoint())).toMatchObject({ healthy: true });
  });
});
