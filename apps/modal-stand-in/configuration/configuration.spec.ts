import { describe, expect, it } from '@jest/globals';
import { parseConfiguration, resolveRegion } from '#config';
import { parse, stringify } from 'yaml';
import { anEndpoint } from '../spec-support.js';
import { beaconConfigurationYaml } from './beacon-configuration.js';
import { standInConfiguration } from './configuration.js';
import { executionRange } from './endpoint-settings.js';
import { defaultStandInConfiguration } from './default-configuration.js';
import { DEMO_QUESTIONS } from './demo-questions.js';

const BUILT_IN = standInConfiguration(defaultStandInConfiguration({ timeScale: 60, seed: 7 }), 'test');

describe('stand-in configuration', () => {
  it.each([
    [{}, 'endpoints'],
    [{ endpoints: [anEndpoint({ id: 'a b' })] }, 'endpoints.0.id'],
    [{ endpoints: [anEndpoint(), anEndpoint()] }, 'endpoints.1.id'],
    [{ endpoints: [anEndpoint({ load_s: [5, 1] })] }, 'endpoints.0.load_s'],
    [{ endpoints: [anEndpoint({ path: '/_stand-in/x' })] }, 'endpoints.0.path'],
    [{ endpoints: [anEndpoint({ min_containers: 2 })] }, 'endpoints.0.min_containers'],
    [{ endpoints: [anEndpoint()], time_scale: 0 }, 'time_scale'],
    [{ endpoints: [anEndpoint()], gpu: 3 }, 'gpu'],
    [{ endpoints: [anEndpoint()], callback: { url: 'ftp://127.0.0.1/', secret: 's' } }, 'callback.url'],
    [{ endpoints: [{ ...anEndpoint(), routing_region: 'mars' }] }, 'endpoints.0.routing_region'],
  ])('refuses %j, naming %s', (input, key) => {
    expect(() => standInConfiguration(input, 'test')).toThrow(key);
  });

  it('takes execution times as one range or by model', () => {
    const { endpoints } = standInConfiguration(
      {
        endpoints: [
          anEndpoint({ execution_s: [1, 2] }),
          anEndpoint({ id: 'b', execution_s: { m: 3, default: [4, 5] } }),
        ],
      },
      'test',
    );
    expect(executionRange(endpoints[0]!, 'm')).toEqual([1, 2]);
    expect(executionRange(endpoints[1]!, 'm')).toEqual([3, 3]);
    expect(executionRange(endpoints[1]!, 'other')).toEqual([4, 5]);
  });

  it('survives being printed and read again', () => {
    expect(standInConfiguration(parse(stringify(BUILT_IN)), 'printed')).toEqual(BUILT_IN);
  });

  it('has eight built-in endpoints: two in the US, three in EU and ASIA', () => {
    expect(BUILT_IN.endpoints.map(({ id }) => id)).toEqual([
      'us-llama3.2-1b',
      'us-qwen2.5-1.5b',
      'eu-llama3.2-1b',
      'eu-qwen2.5-1.5b',
      'eu-mistral-7b',
      'asia-llama3.2-1b',
      'asia-qwen2.5-1.5b',
      'asia-mistral-7b',
    ]);
  });
});

describe('the Beacon configuration it offers', () => {
  const beacon = parseConfiguration(
    beaconConfigurationYaml(BUILT_IN, 'http://127.0.0.1:8123'),
    'beacon.yaml',
  );

  it('passes the check of Beacon and points at the stand-in', () => {
    expect(beacon.endpoints).toHaveLength(8);
    expect(beacon.endpoints[4]).toMatchObject({
      id: 'eu-mistral-7b',
      region: 'EU',
      models: ['mistral-7b'],
      url: 'http://127.0.0.1:8123/eu-mistral-7b',
      health_url: 'http://127.0.0.1:8123/eu-mistral-7b/health',
      gpu: 'L4',
      concurrency: 1,
    });
    expect(beacon.limits).toMatchObject({ endpoints: 8, gpus: 8 });
    expect(beacon.questions).toEqual(DEMO_QUESTIONS);
  });

  it('divides durations by the time scale', () => {
    expect(beacon.endpoints[0]?.scaledown_window_s).toBe(5);
    expect(beacon.timeouts.execution_ms).toBe(15_000);
    expect(beacon.assumed).toEqual({ call_s: 0.5, cold_start_s: 2.5 });
  });

  it('leaves room for the longest cold start and execution', () => {
    const longestS = Math.max(
      ...BUILT_IN.endpoints.map(
        (endpoint) => endpoint.boot_s[1] + endpoint.load_s[1] + endpoint.execution_s['default']![1],
      ),
    );
    expect(beacon.timeouts.execution_ms * BUILT_IN.time_scale).toBeGreaterThan(2 * longestS * 1000);
  });

  it('knows every region under the name its endpoints attest', () => {
    for (const { region, attested_region: attested } of BUILT_IN.endpoints) {
      expect(resolveRegion(beacon, attested)).toBe(region);
    }
    expect(resolveRegion(beacon, 'apac')).toBe('ASIA');
  });
});
