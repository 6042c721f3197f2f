import type { AutoscalerRequest } from '#contracts';
import { LocalEndpoint, answering, type EndpointReply } from '#testing';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { tellAutoscaler, type AutoscaledEndpoint } from './autoscaler.js';
import { createHttpClient, type HttpClient } from './http.js';

const RELEASE: AutoscalerRequest = { action: 'release', endpoint_id: 'us-m', timeout_s: 20 };
const KEEP: AutoscalerRequest = { action: 'set_window', endpoint_id: 'us-m', scaledown_window_s: 600 };

describe('telling an autoscaler', () => {
  let platform: LocalEndpoint;
  let http: HttpClient;
  beforeEach(async () => {
    platform = await LocalEndpoint.start();
    http = createHttpClient();
  });
  afterEach(async () => {
    await http.close();
    await platform.close();
  });

  const anEndpoint = (overrides: Partial<AutoscaledEndpoint> = {}): AutoscaledEndpoint => ({
    ...{ id: 'us-m', region: 'US', regionNames: ['US'], protocol: 'modal-hf', healthUrl: undefined },
    ...{ url: `${platform.origin}/m`, autoscalerUrl: `${platform.origin}/autoscaler/m` },
    ...{ credentials: { modalKey: 'wk-1', modalSecret: 'ws-2' }, limiter: undefined },
    ...overrides,
  });

  it('sets a window with the credentials of a call', async () => {
    platform.next(answering(200, { status: 'ok', scaledown_window_s: 600, containers: 1 }));
    expect(await tellAutoscaler(http.axios, anEndpoint(), KEEP)).toEqual({
      kind: 'window',
      scaledown_window_s: 600,
      containers: 1,
    });
    const { method, path, headers, body } = await platform.exchange(1);
    expect({ method, path, body: JSON.parse(body) as unknown }).toEqual({
      method: 'PUT',
      path: '/autoscaler/m',
      body: { scaledown_window_s: 600 },
    });
    expect(headers).toMatchObject({ 'modal-key': 'wk-1', 'modal-secret': 'ws-2' });
  });

  it.each([
    ['released', 0, true],
    ['busy', 1, false],
    // It contradicts itself: a GPU may hang on it.
    ['released', 1, false],
  ])('hears "%s" with %i containers as released: %s', async (status, containers, released) => {
    platform.next(answering(200, { status, containers }));
    const reply = await tellAutoscaler(http.axios, anEndpoint(), RELEASE);
    expect(reply).toEqual({ kind: 'release', released, containers });
    const { path, body } = await platform.exchange(1);
    expect({ path, body: JSON.parse(body) as unknown }).toEqual({
      path: '/autoscaler/m/release',
      body: { timeout_s: 20 },
    });
  });

  it.each<[string, EndpointReply, string]>([
    ['does not say 200', answering(404, { detail: 'no such model' }), 'refused'],
    ['redirects', ({ response }) => void response.writeHead(303, { location: '/m' }).end(), 'refused'],
    ['breaks the connection', ({ response }) => void response.destroy(), 'unreachable'],
    ['says something else', answering(200, { status: 'released' }), 'invalid'],
    ['does not speak JSON', ({ response }) => void response.writeHead(200).end('ok'), 'invalid'],
    ['says nothing in time', () => undefined, 'unreachable'],
  ])('is an error, and never an exception, where the platform %s', async (_title, reply, error) => {
    platform.next(reply);
    const shortRelease: AutoscalerRequest = { ...RELEASE, timeout_s: 0.05 };
    expect(await tellAutoscaler(http.axios, anEndpoint(), shortRelease, 50)).toMatchObject({
      kind: 'error',
      error,
    });
    expect(platform.lines).toEqual(['POST /autoscaler/m/release']);
  });

  it('tells nobody where there is no autoscaler_url', async () => {
    const reply = await tellAutoscaler(http.axios, anEndpoint({ autoscalerUrl: undefined }), RELEASE);
    expect(reply).toMatchObject({ kind: 'error', error: 'not_configured' });
    expect(platform.lines).toEqual([]);
  });
});
