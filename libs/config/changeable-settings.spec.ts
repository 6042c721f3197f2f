import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import {
  CHANGEABLE_NAMES,
  boundOf,
  faultOfSetting,
  settingOf,
  withSettings,
  type SettingName,
} from './changeable-settings.js';
import { parseConfiguration } from './configuration.js';

const configured = parseConfiguration(
  JSON.stringify({
    limits: { gpus: 4 },
    regions: { US: {} },
    endpoints: [{ id: 'a', region: 'US', models: ['m'], url: 'https://example.com' }],
  }),
  'test',
);

describe('a setting that may be changed', () => {
  it('is a number of the configuration, or left out of it', () => {
    for (const name of CHANGEABLE_NAMES)
      expect(['number', 'object']).toContain(typeof settingOf(configured, name));
  });

  it.each<[SettingName, number, string | undefined]>([
    ['timeouts.execution_ms', 600_000, undefined],
    ['timeouts.execution_ms', 9, '>=10'],
    ['timeouts.execution_ms', 1.5, 'int'],
    ['retries.max_attempts', 0, '>=1'],
    ['retries.backoff_ms', 0, undefined],
    ['breaker.failures', 101, '<=100'],
    ['limits.gpus', 4, undefined],
    ['limits.gpus', 1, undefined],
    ['limits.gpus', 5, 'at most 4'],
    ['limits.gpus', 0, '>=1'],
  ])('%s = %d is judged as the configuration would be', (name, value, fault) => {
    const found = faultOfSetting(configured, name, value);
    if (fault === undefined) expect(found).toBeUndefined();
    else expect(found).toContain(fault);
  });

  it('is refused in the words of whoever asks, where the schema has none of its own', () => {
    const words = (issue: { readonly code: string }): string => `in other words: ${issue.code}`;
    expect(faultOfSetting(configured, 'retries.max_attempts', 0, words)).toBe('in other words: too_small');
  });

  it('is in force in a copy, and what is configured stays', () => {
    const { configuration, refused } = withSettings(
      configured,
      new Map([
        ['timeouts.execution_ms', 1000],
        ['limits.gpus', 9],
        ['breaker.failures', 0],
        ['no.such', 1],
      ]),
    );
    expect(configuration.timeouts.execution_ms).toBe(1000);
    // Above today's ceiling, because the configuration was lowered since: the ceiling holds.
    expect(configuration.limits.gpus).toBe(4);
    expect(configuration.breaker.failures).toBe(configured.breaker.failures);
    expect(refused).toEqual(['breaker.failures', 'no.such']);
    expect(configured.timeouts.execution_ms).toBe(300_000);
    expect(Object.isFrozen(configuration.timeouts)).toBe(true);
  });

  it('stands in docs/operations/controls.md with its bound, and no other does', () => {
    const page = readFileSync(new URL('../../docs/operations/controls.md', import.meta.url), 'utf8');
    const rows = [...page.matchAll(/^\| `([a-z_]+\.[a-z_]+)` +\| (free|ceiling) +\|/gm)];
    expect(rows.map(([, name, bound]) => `${name} ${bound}`).sort()).toEqual(
      CHANGEABLE_NAMES.map((name) => `${name} ${boundOf(name)}`).sort(),
    );
  });
});
