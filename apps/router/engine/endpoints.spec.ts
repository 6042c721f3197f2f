import { describe, expect, it } from '@jest/globals';
import { parseConfiguration } from '#config';
import { REGION_SILENCE_MS as SILENCE_MS } from '#domain';
import { Endpoints } from './endpoints.js';

const CONFIGURATION = parseConfiguration(
  JSON.stringify({
    limits: { gpus: 8 },
    regions: { US: {}, EU: {} },
    endpoints: [{ id: 'a', region: 'US', models: ['m'], url: 'https://us.example/a' }],
  }),
  'spec',
);
const START_MS = 1_000_000;

describe('which dispatchers are alive', () => {
  it.each([
    ['one that was heard just now', 0, true],
    ['one that was silent for a moment', SILENCE_MS - 1, true],
    ['one that is silent', SILENCE_MS, false],
  ])('%s: %i ms after its heartbeat: %s', (_, afterMs, isAlive) => {
    const endpoints = new Endpoints(CONFIGURATION, 0);
    endpoints.heartbeat('US', START_MS);
    expect(endpoints.dispatcherAlive('US', START_MS + afterMs)).toBe(isAlive);
  });

  it('are all that have not been silent since the router could hear: from its start, and from the return of NATS', () => {
    const endpoints = new Endpoints(CONFIGURATION, START_MS);
    expect(endpoints.dispatcherAlive('EU', START_MS + SILENCE_MS - 1)).toBe(true);
    const backMs = START_MS + 10 * SILENCE_MS;
    expect(endpoints.dispatcherAlive('US', backMs)).toBe(false);
    endpoints.listenAnew(backMs);
    expect(endpoints.dispatcherAlive('US', backMs + SILENCE_MS - 1)).toBe(true);
    expect(endpoints.dispatcherAlive('EU', backMs + SILENCE_MS)).toBe(false);
  });
});
