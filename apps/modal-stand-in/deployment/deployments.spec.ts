import { afterEach, describe, expect, it } from '@jest/globals';
import { standInConfiguration } from '../configuration/configuration.js';
import {
  COLD_START_S,
  EXECUTION_S,
  SCALEDOWN_S,
  anEndpoint,
  jsonOf,
  served,
  type Served,
} from '../spec-support.js';

const LIMIT_TEXT = 'reached limit of 8 web endpoints (# already deployed => 8, # in this app => 1)';

describe('a redeploy', () => {
  let standIn: Served;
  afterEach(() => standIn.close());

  it('rule 25: old containers finish their inputs and take no others; new inputs go to new ones', async () => {
    standIn = await served();
    const old = await standIn.startCall();
    standIn.clock.advance(COLD_START_S + 1);
    await post(standIn, 'endpoints/us-m/redeploy');
    const fresh = await standIn.startCall();
    expect(await states(standIn)).toEqual(['draining', 'booting']);

    standIn.clock.advance(EXECUTION_S - 1);
    const first = await jsonOf(await old.answer);
    expect(await states(standIn)).toEqual(['initialising']);
    standIn.clock.advance(COLD_START_S + 1);
    const second = await jsonOf(await fresh.answer);
    expect(second).toMatchObject({ status: 'success', cold_start: true });
    expect(second['container_id']).not.toBe(first['container_id']);
    expect(standIn.standIn.account.totals.tally.reruns).toBe(0);
  });

  it('rule 25: an idle container goes at once, and a waiting input waits for a new one', async () => {
    standIn = await served();
    const warm = await standIn.startCall();
    standIn.clock.advance(COLD_START_S + EXECUTION_S);
    await warm.answer;
    expect(await states(standIn)).toEqual(['idle']);
    await post(standIn, 'endpoints/us-m/redeploy');
    expect(await states(standIn)).toEqual([]);
  });

  it('rule 25: the URL stays, its settings may change, what it is bound to may not', async () => {
    standIn = await served();
    const changed = await post(standIn, 'deploy', anEndpoint({ models: ['m', 'n'] }));
    expect(changed.status).toBe(201);
    expect(await jsonOf(changed)).toMatchObject({
      endpoint: { version: 2, path: '/us-m', models: ['m', 'n'] },
    });
    const { answer } = await standIn.startCall({ body: { model: 'n', prompt: 'Hello?' } });
    standIn.clock.advance(COLD_START_S + EXECUTION_S);
    expect((await answer).status).toBe(200);

    const moved = await post(standIn, 'deploy', anEndpoint({ region: 'EU' }));
    expect(moved.status).toBe(409);
    expect(await jsonOf(moved)).toMatchObject({ code: 'FIXED_SETTING', errors: [{ field: 'region' }] });
  });

  it('rule 1: a stopped app answers so, ends what it had, and serves again after a deploy', async () => {
    standIn = await served();
    const running = await standIn.startCall();
    const queued = await standIn.startCall();
    standIn.clock.advance(COLD_START_S);
    await post(standIn, 'endpoints/us-m/stop');
    const text = 'modal-http: app for invoked web endpoint is stopped';
    for (const { answer } of [running, queued]) {
      expect((await answer).status).toBe(404);
      expect(await (await answer).text()).toBe(text);
    }
    expect(await (await standIn.call()).text()).toBe(text);
    expect((await standIn.get('/us-m/health')).status).toBe(404);
    expect(standIn.standIn.simulation.gpus.used).toBe(0);

    await post(standIn, 'endpoints/us-m/redeploy');
    const { answer } = await standIn.startCall();
    standIn.clock.advance(COLD_START_S + EXECUTION_S);
    expect((await answer).status).toBe(200);
  });
});

describe('the autoscaler', () => {
  let standIn: Served;
  afterEach(() => standIn.close());

  it('rule 24: buffer_containers are kept on top of the busy ones while there is work, then scaled down', async () => {
    standIn = await served({
      endpoints: [anEndpoint({ max_containers: 3, buffer_containers: 1, execution_s: 200 })],
    });
    await standIn.startCall();
    standIn.clock.advance(COLD_START_S);
    expect(await states(standIn)).toEqual(['busy', 'idle']);
    // Longer than its idle window: it stays while the other one works.
    standIn.clock.advance(2 * SCALEDOWN_S);
    expect(await states(standIn)).toEqual(['busy', 'idle']);
    const { simulation } = standIn.standIn;
    const [busy] = [...(simulation.pool('us-m')?.containers ?? [])];
    simulation.cancel([...(busy?.inputs ?? [])][0]!);
    expect(await states(standIn)).toEqual(['idle', 'idle']);
    standIn.clock.advance(SCALEDOWN_S);
    expect(await states(standIn)).toEqual([]);
  });

  it('rule 24: update_autoscaler is in force at once, until the next deploy', async () => {
    standIn = await served({ endpoints: [anEndpoint({ max_containers: 4 })] });
    const updated = await post(standIn, 'endpoints/us-m/autoscaler', {
      min_containers: 2,
      scaledown_window: 5,
    });
    expect(await jsonOf(updated)).toMatchObject({
      endpoint: {
        autoscaler: { min_containers: 2, max_containers: 4, scaledown_window_s: 5, overridden: true },
      },
    });
    expect(await states(standIn)).toEqual(['booting', 'booting']);
    standIn.clock.advance(10 * SCALEDOWN_S);
    expect(await states(standIn)).toEqual(['idle', 'idle']);

    await post(standIn, 'endpoints/us-m/redeploy');
    expect(await states(standIn)).toEqual([]);
    expect(await jsonOf(await standIn.get('/_stand-in/endpoints'))).toMatchObject({
      endpoints: [{ autoscaler: { min_containers: 0, scaledown_window_s: SCALEDOWN_S, overridden: false } }],
    });
  });

  it('rule 24: a shorter window holds for containers that idle already, a lower maximum for all', async () => {
    standIn = await served({ endpoints: [anEndpoint({ max_containers: 2, min_containers: 2 })] });
    standIn.clock.advance(SCALEDOWN_S);
    await post(standIn, 'endpoints/us-m/autoscaler', {
      min_containers: 0,
      max_containers: 1,
      scaledown_window: 70,
    });
    expect(await states(standIn)).toEqual(['idle']);
    standIn.clock.advance(COLD_START_S + 10);
    expect(await states(standIn)).toEqual([]);
  });

  it.each([
    [{ min_containers: 9 }, 'min_containers'],
    [{ containers: 1 }, 'containers'],
    [{}, 'at least one'],
  ])('rule 24: refuses %j, naming %s', async (body, named) => {
    standIn = await served();
    const answer = await post(standIn, 'endpoints/us-m/autoscaler', body);
    expect(answer.status).toBe(400);
    expect((await jsonOf(answer))['detail']).toMatch(named);
  });
});

describe('the limit of web endpoints', () => {
  const many = (count: number) =>
    Array.from({ length: count }, (_none, index) => anEndpoint({ id: `e${index}` }));
  let standIn: Served | undefined;
  afterEach(() => standIn?.close());

  it('rule 27: a configuration with nine is refused at start with the text of Modal', () => {
    expect(() => standInConfiguration({ endpoints: many(9) }, 'test')).toThrow(LIMIT_TEXT);
    expect(() => standInConfiguration({ endpoints: many(9), web_endpoints_limit: 9 }, 'test')).not.toThrow();
  });

  it('rule 27: endpoints that share a web endpoint count once', () => {
    const endpoints = many(9).map((endpoint, index) => ({
      ...endpoint,
      web_endpoint: `gateway-${index % 3}`,
    }));
    expect(() => standInConfiguration({ endpoints }, 'test')).not.toThrow();
  });

  it('rule 27: the ninth deploy fails, and works once another one is undeployed', async () => {
    standIn = await served({ endpoints: many(8) });
    const refused = await post(standIn, 'deploy', anEndpoint({ id: 'ninth' }));
    expect(refused.status).toBe(409);
    expect(await jsonOf(refused)).toMatchObject({ code: 'WEB_ENDPOINT_LIMIT', title: LIMIT_TEXT });
    expect((await standIn.call({ path: '/ninth' })).status).toBe(404);

    await fetch(`${standIn.url}/_stand-in/endpoints/e0`, { method: 'DELETE' });
    expect(await (await standIn.call({ path: '/e0' })).text()).toBe('modal-http: invalid function call');
    expect((await post(standIn, 'deploy', anEndpoint({ id: 'ninth' }))).status).toBe(201);
    const { answer } = await standIn.startCall({ path: '/ninth' });
    standIn.clock.advance(COLD_START_S + EXECUTION_S);
    expect((await answer).status).toBe(200);
    expect((await standIn.get('/ninth/health')).status).toBe(200);
    expect(await (await standIn.get('/_stand-in/beacon.yaml')).text()).toMatch(/id: ninth/);
  });

  it('rule 27: a stopped endpoint does not count; starting it again does', async () => {
    standIn = await served({ endpoints: many(8) });
    await post(standIn, 'endpoints/e0/stop');
    expect((await post(standIn, 'deploy', anEndpoint({ id: 'ninth' }))).status).toBe(201);
    const again = await post(standIn, 'endpoints/e0/redeploy');
    expect(await jsonOf(again)).toMatchObject({ code: 'WEB_ENDPOINT_LIMIT', title: LIMIT_TEXT });
  });

  it.each([
    [{ id: 'x' }, 'region'],
    [anEndpoint({ id: 'x', path: '/us-m' }), 'path'],
    [{ ...anEndpoint({ id: 'x' }), gpus: 2 }, 'gpus'],
    [anEndpoint({ id: 'x', min_containers: 5 }), 'min_containers'],
  ])('refuses to deploy %j, naming %s', async (body, named) => {
    standIn = await served();
    const answer = await post(standIn, 'deploy', body);
    expect([400, 409]).toContain(answer.status);
    const { errors } = (await jsonOf(answer)) as { errors: { field: string }[] };
    expect(errors.map(({ field }) => field)).toContain(named);
  });

  it('does not know an endpoint that is not there', async () => {
    standIn = await served();
    expect((await post(standIn, 'endpoints/nobody/stop')).status).toBe(404);
  });
});

describe('the way through us-east', () => {
  let standIn: Served;
  afterEach(() => standIn.close());

  it('rule 29: an answer takes the detour; one from an endpoint with a routing region does not', async () => {
    standIn = await served({
      routing_hop_s: { EU: 0.5, default: 0 },
      endpoints: [
        anEndpoint({ id: 'far', region: 'EU' }),
        anEndpoint({ id: 'near', region: 'EU', routing_region: 'eu-west' }),
      ],
    });
    const [far, near] = [
      await standIn.startCall({ path: '/far' }),
      await standIn.startCall({ path: '/near' }),
    ];
    let isFarAnswered = false;
    void far.answer.then(() => (isFarAnswered = true));
    standIn.clock.advance(COLD_START_S + EXECUTION_S);
    expect((await near.answer).status).toBe(200);
    expect(isFarAnswered).toBe(false);
    standIn.clock.advance(0.5);
    expect((await far.answer).status).toBe(200);
  });

  it('rule 29: unless told otherwise the detour is short, and none in the US', () => {
    const endpoints = ['US', 'EU', 'ASIA'].map((region) => anEndpoint({ id: region.toLowerCase(), region }));
    const configured = standInConfiguration({ endpoints }, 'test').endpoints;
    expect(configured.map(({ routing_hop_s: hopS }) => hopS)).toEqual([0, 0.09, 0.2]);
    const without = standInConfiguration({ endpoints, routing_hop_s: 0 }, 'test').endpoints;
    expect(without.map(({ routing_hop_s: hopS }) => hopS)).toEqual([0, 0, 0]);
  });

  it('rule 29: what Modal itself says takes no detour', async () => {
    standIn = await served({ routing_hop_s: 1000, proxy_auth: { key: 'wk-1', secret: 'ws-1' } });
    expect((await standIn.call()).status).toBe(401);
  });

  it('rule 29: answers and health say the MODAL_REGION of their containers', async () => {
    standIn = await served({
      endpoints: [
        anEndpoint({ region: 'ASIA', attested_region: 'asia-pacific', cloud_region: 'ap-northeast' }),
      ],
    });
    expect(await jsonOf(await standIn.get('/us-m/health'))).toMatchObject({
      region: 'asia-pacific',
      cloud_region: 'ap-northeast',
    });
    const { answer } = await standIn.startCall();
    standIn.clock.advance(COLD_START_S + EXECUTION_S);
    expect(await jsonOf(await answer)).toMatchObject({
      region: 'asia-pacific',
      cloud_region: 'ap-northeast',
    });
  });
});

async function post({ url }: Served, path: string, body?: unknown): Promise<Response> {
  return fetch(`${url}/_stand-in/${path}`, {
    method: 'POST',
    ...(body === undefined
      ? {}
      : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  });
}

async function states(standIn: Served): Promise<string[]> {
  const { containers } = (await jsonOf(await standIn.get('/_stand-in/containers'))) as {
    containers: { state: string }[];
  };
  return containers.map(({ state }) => state);
}
