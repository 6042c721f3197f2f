import { parseConfiguration } from '#config';
import { autoscalerRequestSchema, subjects, type AutoscalerReply, type AutoscalerRequest } from '#contracts';
import { connectNats, replyJson, subscribeJson, type NatsConnection } from '#messaging';
import { startTestNats, until, type TestNats } from '#testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { EndpointControl } from './endpoint-control.js';

const endpoint = (id: string, more: object = {}): object => ({
  ...{ id, region: 'US', models: ['m'], url: 'https://us.example/m' },
  ...more,
});
const CONFIGURATION = parseConfiguration(
  JSON.stringify({
    regions: { US: {} },
    endpoints: [endpoint('scaled', { autoscaler_url: 'https://us.example/autoscaler/m' }), endpoint('plain')],
  }),
  'spec',
);

describe('the control of endpoints', () => {
  let nats: TestNats;
  let connection: NatsConnection;
  let asked: AutoscalerRequest[];
  beforeAll(async () => {
    nats = await startTestNats();
  });
  afterAll(() => nats.close());
  beforeEach(async () => {
    asked = [];
    connection = await connectNats({
      url: nats.url,
      name: 'spec',
      onReconnect: () => undefined,
      onDisconnect: () => undefined,
    });
  });
  afterEach(() => connection.close());

  /** A dispatcher that says this, or nothing. */
  const dispatcher = (reply: AutoscalerReply | { readonly nonsense: true } | undefined): void => {
    subscribeJson(
      connection,
      subjects.autoscalerSubject('US'),
      autoscalerRequestSchema,
      (request, message) => {
        asked.push(request);
        if (reply !== undefined) replyJson(message, reply);
      },
    );
  };
  const control = (replyWithinMs = 60_000): EndpointControl =>
    new EndpointControl(connection, CONFIGURATION, replyWithinMs);

  it.each([
    [{ kind: 'release', released: true, containers: 0 }, 'released'],
    [{ kind: 'release', released: false, containers: 1 }, 'busy'],
    [{ kind: 'error', error: 'refused', detail: '' }, 'unavailable'],
    [{ kind: 'window', scaledown_window_s: 5, containers: 0 }, 'unavailable'],
    [{ nonsense: true }, 'unavailable'],
  ] as const)('hears %j after a release as %s', async (reply, result) => {
    dispatcher(reply);
    expect(await control().release('scaled')).toBe(result);
    expect(asked).toEqual([{ action: 'release', endpoint_id: 'scaled', timeout_s: 15 }]);
  });

  it.each([
    [{ kind: 'window', scaledown_window_s: 600, containers: 1 }, 'set'],
    [{ kind: 'error', error: 'unreachable', detail: '' }, 'unavailable'],
  ] as const)('hears %j after setting a window as %s', async (reply, result) => {
    dispatcher(reply);
    expect(await control().setWindow('scaled', 600)).toBe(result);
    expect(asked).toEqual([{ action: 'set_window', endpoint_id: 'scaled', scaledown_window_s: 600 }]);
  });

  it('is unavailable at once where the endpoint has no autoscaler_url, and asks nobody', async () => {
    dispatcher({ kind: 'release', released: true, containers: 0 });
    expect(await control().release('plain')).toBe('unavailable');
    expect(await control().setWindow('plain', 600)).toBe('unavailable');
    expect([control().canBeTold('scaled'), control().canBeTold('plain')]).toEqual([true, false]);
    expect(asked).toEqual([]);
  });

  it('is unavailable where no dispatcher is there, where it says nothing, and where NATS is away', async () => {
    expect(await control().setWindow('scaled', 600)).toBe('unavailable');
    dispatcher(undefined);
    expect(await control(50).setWindow('scaled', 600)).toBe('unavailable');
    await until('it was asked', () => asked.length === 1);
    await connection.close();
    expect(await control().release('scaled')).toBe('unavailable');
  });
});
