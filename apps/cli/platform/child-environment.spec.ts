import { describe, expect, it } from '@jest/globals';
import { loadSettings } from '#config';
import { ChildEnvironments, type Connections } from './child-environment.js';

const CONNECTIONS: Connections = {
  host: '127.0.0.1',
  port: 8080,
  serviceToken: 'service-token',
  routerUrl: 'http://127.0.0.1:8080',
  configPath: '/etc/beacon.yaml',
  dataDir: '/data',
  databaseUrl: 'postgres://beacon:secret@127.0.0.1:5/beacon',
  natsUrl: 'nats://beacon:full@127.0.0.1:4',
  natsUrlOfDispatcher: (region) => `nats://dispatcher-${region}:limited@127.0.0.1:4`,
};
const SECRETS = { MODAL_KEY: 'key', MODAL_SECRET: 'modal-secret', BEACON_WEBHOOK_SECRET: 'a-webhook-secret' };

function environmentsOf(given: Record<string, string>) {
  return new ChildEnvironments(given, loadSettings(given));
}

describe('what each process is told', () => {
  const environments = environmentsOf({
    PATH: '/bin',
    HOME: '/home',
    NODE_ENV: 'test',
    AWS_SECRET: 'x',
    ...SECRETS,
  });

  it('gives a dispatcher its region and the keys of its endpoints, and no way into the database', () => {
    expect(environments.dispatcher('US', CONNECTIONS)).toEqual({
      ...{ PATH: '/bin', HOME: '/home', NODE_ENV: 'test', LOG_LEVEL: 'info' },
      ...{ MODAL_KEY: 'key', MODAL_SECRET: 'modal-secret' },
      ...{ BEACON_REGION: 'US', BEACON_CONFIG: '/etc/beacon.yaml' },
      NATS_URL: 'nats://dispatcher-US:limited@127.0.0.1:4',
    });
  });

  it('gives a dispatcher the API keys that its endpoints name, and no others', () => {
    expect(environments.dispatcher('US', CONNECTIONS, ['AWS_SECRET', 'NOT_SET'])).toMatchObject({
      AWS_SECRET: 'x',
    });
    expect(environments.dispatcher('US', CONNECTIONS, ['NOT_SET'])).not.toHaveProperty('AWS_SECRET');
  });

  it('gives router and runner the database and no keys of endpoints', () => {
    for (const environment of [environments.router(CONNECTIONS), environments.runner(CONNECTIONS)]) {
      expect(environment).toMatchObject({
        DATABASE_URL: CONNECTIONS.databaseUrl,
        NATS_URL: CONNECTIONS.natsUrl,
      });
      expect(environment).not.toHaveProperty('MODAL_KEY');
      expect(environment).not.toHaveProperty('AWS_SECRET');
    }
    expect(environments.router(CONNECTIONS)).toMatchObject({
      BEACON_SERVICE_TOKEN: 'service-token',
      BEACON_HOST: '127.0.0.1',
      BEACON_PORT: '8080',
    });
    expect(environments.runner(CONNECTIONS)).toMatchObject({
      BEACON_SERVICE_TOKEN: 'service-token',
      BEACON_URL: 'http://127.0.0.1:8080',
    });
  });

  it('gives the stand-in nothing secret', () => {
    expect(environments.standIn()).toEqual({
      PATH: '/bin',
      HOME: '/home',
      NODE_ENV: 'test',
      LOG_LEVEL: 'info',
    });
  });

  it('tells every process that works on jobs where traces go, and the stand-in nothing of it', () => {
    const told = {
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318',
      OTEL_EXPORTER_OTLP_HEADERS: 'authorization=secret',
      OTEL_TRACES_SAMPLER: 'always_on',
    };
    const traced = environmentsOf({ PATH: '/bin', ...told });
    for (const environment of [
      traced.router(CONNECTIONS),
      traced.runner(CONNECTIONS),
      traced.dispatcher('US', CONNECTIONS),
    ])
      expect(environment).toMatchObject(told);
    expect(Object.keys(traced.standIn()).filter((name) => name.startsWith('OTEL_'))).toEqual([]);
  });

  it('passes a proxy on, with our own processes excepted', () => {
    const behindProxy = environmentsOf({ HTTPS_PROXY: 'http://proxy:3128', no_proxy: 'internal' });
    expect(behindProxy.dispatcher('US', CONNECTIONS)).toMatchObject({
      HTTPS_PROXY: 'http://proxy:3128',
      NO_PROXY: 'internal,127.0.0.1,localhost,::1',
    });
    expect(environments.dispatcher('US', CONNECTIONS)).not.toHaveProperty('NO_PROXY');
  });
});
