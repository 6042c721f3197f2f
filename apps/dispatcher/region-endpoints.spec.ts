import { describe, expect, it } from '@jest/globals';
import type { RequestLimiter } from '#endpoint-client';
import { loadSettings, parseConfiguration, type Configuration } from '#config';
import { regionEndpoints } from './region-endpoints.js';

const never = new AbortController().signal;

function configurationOf(
  endpoints: readonly Readonly<Record<string, unknown>>[],
  limits: Readonly<Record<string, unknown>> = {},
): Configuration {
  const document = {
    limits,
    regions: { US: { aliases: ['us-east'] }, EU: {}, ASIA: {} },
    endpoints: endpoints.map((endpoint, index) => ({ id: `e${index}`, models: ['m'], ...endpoint })),
  };
  return parseConfiguration(JSON.stringify(document), 'test');
}

const MODAL = ['US', 'EU', 'ASIA'].flatMap((region) =>
  ['a', 'b'].map((label) => ({ region, url: `https://acme--${label}-${region.toLowerCase()}.modal.run/m` })),
);
const settings = loadSettings({ MODAL_KEY: 'wk-1', MODAL_SECRET: 'ws-2' });

describe('what a dispatcher knows of its endpoints', () => {
  it("caller rule 11: the regions share the rate of a workspace, and its endpoints share a region's part", async () => {
    const configuration = configurationOf(MODAL, { requests_per_s: 3 });
    const [first, second] = regionEndpoints('US', settings, configuration, {});
    expect(first!.limiter).toBe(second!.limiter);
    // One a second each: the second request has to wait for its turn.
    await first!.limiter!.turn(never);
    expect(await isHeldBack(second!.limiter!)).toBe(true);
  });

  it('caller rule 11: Modal is not asked more than it answers, and nobody else is limited unasked', async () => {
    const [modal] = regionEndpoints('US', settings, configurationOf(MODAL), {});
    const own = [{ region: 'US', url: 'http://127.0.0.1:9/m' }];
    const [local] = regionEndpoints('US', settings, configurationOf(own), {});
    for (const { limiter } of [modal!, local!])
      for (let sent = 0; sent < 200; sent += 1) limiter!.takeAtOnce();
    expect({ modal: await isHeldBack(modal!.limiter!), local: await isHeldBack(local!.limiter!) }).toEqual({
      modal: true,
      local: false,
    });
  });

  it("gives Modal's credentials to endpoints of its protocol, and an API key to the endpoint that names it", () => {
    const configuration = configurationOf([
      { region: 'US', url: 'https://acme--a.modal.run/m' },
      {
        region: 'US',
        url: 'https://api.example/v1/chat/completions',
        protocol: 'openai',
        api_key_env: 'A_KEY',
      },
      { region: 'US', url: 'https://open.example/v1/chat/completions', protocol: 'openai' },
    ]);
    const endpoints = regionEndpoints('US', settings, configuration, { A_KEY: 'sk-1' });
    expect(endpoints.map(({ credentials }) => credentials)).toEqual([
      { modalKey: 'wk-1', modalSecret: 'ws-2' },
      { apiKey: 'sk-1' },
      undefined,
    ]);
  });

  it("refuses to start without a key that an endpoint names, and does not look for other regions' keys", () => {
    const configuration = configurationOf([
      {
        region: 'US',
        url: 'https://api.example/v1/chat/completions',
        protocol: 'openai',
        api_key_env: 'A_KEY',
      },
    ]);
    expect(() => regionEndpoints('US', settings, configuration, {})).toThrow(
      'A_KEY is not set; endpoint e0 names it as its key',
    );
    expect(regionEndpoints('EU', settings, configuration, {})).toEqual([]);
  });

  it('knows its endpoints under every name of the region, and their further routes without a slash at the end', () => {
    const url = 'https://acme--a.modal.run/m';
    const configuration = configurationOf([
      {
        ...{ region: 'US', url, jobs_url: 'https://acme--a.modal.run/jobs/' },
        autoscaler_url: 'https://acme--a.modal.run/autoscaler/m/',
      },
    ]);
    expect(regionEndpoints('US', settings, configuration, {})[0]).toMatchObject({
      regionNames: ['US', 'us-east'],
      jobsUrl: 'https://acme--a.modal.run/jobs',
      autoscalerUrl: 'https://acme--a.modal.run/autoscaler/m',
    });
  });
});

/** Whether a request has to wait for its turn; it is then given up. */
async function isHeldBack(limiter: RequestLimiter): Promise<boolean> {
  const impatient = new AbortController();
  const turn = limiter.turn(impatient.signal);
  setImmediate(() => impatient.abort());
  return turn.then(
    () => false,
    () => true,
  );
}
