import { autoscalerReplySchema, subjects, type AutoscalerReply, type AutoscalerRequest } from '#contracts';
import { createHttpClient, type HttpClient } from '#endpoint-client';
import { connectNats, requestJson, type NatsConnection } from '#messaging';
import { createLogger } from '#observability';
import { LocalEndpoint, answering, startTestNats, type TestNats } from '#testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { openAutoscalerDesk } from './autoscaler-desk.js';
import type { RegionEndpoint } from './region-endpoints.js';

describe('requests about autoscalers', () => {
  let nats: TestNats;
  let connection: NatsConnection;
  let platform: LocalEndpoint;
  let http: HttpClient;
  beforeAll(async () => {
    nats = await startTestNats();
  });
  afterAll(() => nats.close());
  beforeEach(async () => {
    connection = await connectNats({
      url: nats.url,
      name: 'spec',
      onReconnect: () => undefined,
      onDisconnect: () => undefined,
    });
    platform = await LocalEndpoint.start();
    http = createHttpClient();
  });
  afterEach(async () => {
    await connection.close();
    await http.close();
    await platform.close();
  });

  const open = (): void =>
    openAutoscalerDesk(connection, 'US', [anEndpoint()], http.axios, createLogger('spec', 'fatal'));
  const anEndpoint = (): RegionEndpoint => ({
    ...{ id: 'us-m', region: 'US', regionNames: ['US'], protocol: 'modal-hf', concurrency: 1 },
    ...{ url: `${platform.origin}/m`, healthUrl: undefined, credentials: undefined, limiter: undefined },
    autoscalerUrl: `${platform.origin}/autoscaler/m`,
  });
  const ask = (request: AutoscalerRequest): Promise<AutoscalerReply | undefined> =>
    requestJson(connection, subjects.autoscalerSubject('US'), request, autoscalerReplySchema, 60_000);

  it('are answered with what the platform said', async () => {
    open();
    platform.next(
      answering(200, { status: 'released', containers: 0 }),
      answering(200, { status: 'ok', scaledown_window_s: 600, containers: 1 }),
    );
    expect(await ask({ action: 'release', endpoint_id: 'us-m', timeout_s: 5 })).toEqual({
      kind: 'release',
      released: true,
      containers: 0,
    });
    expect(await ask({ action: 'set_window', endpoint_id: 'us-m', scaledown_window_s: 600 })).toMatchObject({
      kind: 'window',
      scaledown_window_s: 600,
    });
    expect(platform.lines).toEqual(['POST /autoscaler/m/release', 'PUT /autoscaler/m']);
  });

  it('are answered also where nothing can be done', async () => {
    open();
    platform.next(answering(500));
    expect(await ask({ action: 'release', endpoint_id: 'us-m', timeout_s: 5 })).toMatchObject({
      kind: 'error',
      error: 'refused',
    });
    expect(await ask({ action: 'release', endpoint_id: 'nobody', timeout_s: 5 })).toMatchObject({
      kind: 'error',
      error: 'not_configured',
    });
  });

  it('reach the platform once, however many dispatchers the region has', async () => {
    open();
    open();
    platform.next(answering(200, { status: 'busy', containers: 1 }));
    expect(await ask({ action: 'release', endpoint_id: 'us-m', timeout_s: 5 })).toMatchObject({
      released: false,
    });
    await connection.flush();
    expect(platform.lines).toEqual(['POST /autoscaler/m/release']);
  });
});
