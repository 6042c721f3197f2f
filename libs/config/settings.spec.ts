import { describe, expect, it } from '@jest/globals';
import { ConfigurationError } from './configuration-error.js';
import { loadSettings } from './settings.js';

function problemsWith(environment: Record<string, string>): readonly string[] {
  try {
    loadSettings(environment);
  } catch (error) {
    if (error instanceof ConfigurationError) return error.problems;
    throw error;
  }
  return [];
}

describe('settings', () => {
  it('have defaults for everything', () => {
    expect(loadSettings({})).toEqual({
      host: '127.0.0.1',
      port: undefined,
      configPath: undefined,
      dataDir: '.beacon',
      apiKeysFile: undefined,
      webhookSecret: undefined,
      webhookSecretPrevious: undefined,
      region: undefined,
      routerUrl: undefined,
      databaseUrl: undefined,
      natsUrl: undefined,
      natsServerBin: undefined,
      modalKey: undefined,
      modalSecret: undefined,
      logLevel: 'info',
      tracing: undefined,
    });
  });

  it('that are empty count as not set', () => {
    expect(loadSettings({ BEACON_PORT: '', DATABASE_URL: '', LOG_LEVEL: '' })).toEqual(loadSettings({}));
  });

  it('of other programs are ignored', () => {
    expect(loadSettings({ PATH: '/bin', PORT: '1', MODAL_PROFILE: 'x' })).toEqual(loadSettings({}));
  });

  it.each([
    ['BEACON_PORT', '9090', 'port', 9090],
    ['BEACON_PORT', '0', 'port', 0],
    ['BEACON_HOST', 'localhost', 'host', 'localhost'],
    ['BEACON_HOST', '::1', 'host', '::1'],
    ['DATABASE_URL', 'postgres://u:p@db:5432/beacon', 'databaseUrl', 'postgres://u:p@db:5432/beacon'],
    ['DATABASE_URL', 'postgresql://u:p@db/beacon', 'databaseUrl', 'postgresql://u:p@db/beacon'],
    ['NATS_URL', 'tls://nats.example:4222', 'natsUrl', 'tls://nats.example:4222'],
    ['BEACON_URL', 'http://127.0.0.1:8080', 'routerUrl', 'http://127.0.0.1:8080'],
    ['LOG_LEVEL', 'debug', 'logLevel', 'debug'],
  ])('%s=%s is taken', (name, value, key, expected) => {
    expect(loadSettings({ [name]: value })).toMatchObject({ [key]: expected });
  });

  it.each([
    ['BEACON_PORT', 'SECRET'],
    ['BEACON_PORT', '65536'],
    ['BEACON_PORT', '80.5'],
    ['BEACON_PORT', '-1'],
    ['BEACON_WEBHOOK_SECRET', 'SECRET'],
    ['BEACON_WEBHOOK_SECRET', 'whsec_SECRET!!!!!!!!!!!!!!!'],
    ['BEACON_WEBHOOK_SECRET_PREVIOUS', 'SECRET'],
    ['BEACON_WEBHOOK_SECRET_PREVIOUS', 'the SECRET that was before'],
    ['BEACON_URL', 'SECRET'],
    ['BEACON_URL', 'ftp://SECRET.example'],
    ['DATABASE_URL', 'SECRET'],
    ['DATABASE_URL', 'mysql://u:SECRET@db/beacon'],
    ['NATS_URL', 'http://SECRET.example'],
    ['LOG_LEVEL', 'SECRET'],
    ['BEACON_HOST', '0.0.0.0'],
    ['BEACON_SERVICE_TOKEN', 'SECRET'],
    ['BEACON_TYPO', 'SECRET'],
    ['MODAL_KEY', 'SECRET'],
    ['MODAL_SECRET', 'SECRET'],
    ['OTEL_EXPORTER_OTLP_ENDPOINT', 'SECRET'],
    ['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', 'grpc://SECRET:4317'],
    ['OTEL_EXPORTER_OTLP_HEADERS', 'SECRET'],
    ['OTEL_EXPORTER_OTLP_HEADERS', 'key=%SECRET'],
    ['OTEL_EXPORTER_OTLP_PROTOCOL', 'SECRET'],
    ['OTEL_EXPORTER_OTLP_TIMEOUT', '0'],
    ['OTEL_TRACES_SAMPLER', 'SECRET'],
    ['OTEL_TRACES_SAMPLER_ARG', '65536'],
    ['OTEL_TRACES_EXPORTER', 'SECRET'],
    ['OTEL_SDK_DISABLED', 'SECRET'],
    ['OTEL_EXPORTER_OTLP_ENDPONT', 'http://SECRET'],
  ])('%s=%s is refused by a message that names it and prints no value', (name, value) => {
    const problems = problemsWith({ [name]: value });
    expect(problems).toEqual([expect.stringContaining(name)]);
    expect(problems.join()).not.toMatch(/\bSECRET\b|65536|80\.5|0\.0\.0\.0/);
  });

  it.each([
    ['BEACON_PORT', 'abc', 'must be a whole number from 0 to 65535, and is no number'],
    ['BEACON_PORT', '99999', 'must be a whole number from 0 to 65535, and is above that'],
    ['BEACON_SERVICE_TOKEN', 'x', 'must be a text of 32 to 256 characters, and is shorter'],
    ['LOG_LEVEL', 'loud', 'must be one of trace, debug, info, warn, error, fatal'],
    ['DATABASE_URL', 'x', 'must be a whole URL that begins with postgres:// or postgresql://'],
    [
      'BEACON_WEBHOOK_SECRET',
      'whsec_!!!!!!!!!!!!!',
      'after whsec_ there must be base64 of at least 24 bytes',
    ],
  ])('%s=%s is refused by a message that says what it may be', (name, value, expected) => {
    expect(problemsWith({ [name]: value })).toEqual([`${name} is not valid: ${expected}`]);
  });

  it('report everything that is wrong at once', () => {
    expect(problemsWith({ BEACON_PORT: 'x', BEACON_TYPO: 'x', LOG_LEVEL: 'x' })).toHaveLength(3);
  });

  it('take both halves of the proxy token together', () => {
    expect(loadSettings({ MODAL_KEY: 'wk-1', MODAL_SECRET: 'ws-1' })).toMatchObject({
      modalKey: 'wk-1',
      modalSecret: 'ws-1',
    });
  });

  it('of OpenTelemetry turn tracing on by naming a collector', () => {
    expect(
      loadSettings({
        OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318/base/',
        OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer%20one, x = y ',
        OTEL_EXPORTER_OTLP_TRACES_HEADERS: 'x=z',
        OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
        OTEL_TRACES_SAMPLER_ARG: '0.25',
        OTEL_SERVICE_NAME: 'lab',
        OTEL_RESOURCE_ATTRIBUTES: 'a=1,b=2',
      }).tracing,
    ).toEqual({
      url: 'http://collector:4318/base/v1/traces',
      headers: { authorization: 'Bearer one', x: 'z' },
      timeoutMs: 10_000,
      serviceName: 'lab',
      resourceAttributes: { a: '1', b: '2' },
      sampler: { kind: 'traceidratio', ratio: 0.25, parentBased: true },
    });
  });

  it.each([
    [{ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://c/as/it/is' }, 'http://c/as/it/is'],
    [
      { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://c/own', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://other' },
      'http://c/own',
    ],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c', OTEL_SDK_DISABLED: 'true' }, undefined],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c', OTEL_TRACES_EXPORTER: 'none' }, undefined],
    [{ OTEL_SERVICE_NAME: 'alone', OTEL_TRACES_SAMPLER: 'always_on' }, undefined],
  ])('of OpenTelemetry: %j sends traces to %s', (given, url) => {
    expect(loadSettings(given).tracing?.url).toBe(url);
  });

  it('cannot be changed', () => {
    expect(Object.isFrozen(loadSettings({}))).toBe(true);
  });
});
