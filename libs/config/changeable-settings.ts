import type { z } from 'zod';
import { configurationSchema, deepFreeze, type Configuration } from './configuration.js';

/**
 * How far a setting may go while Beacon runs. `free`: wherever the configuration could have put it. `ceiling`: never above
 * what is configured, because that is what somebody pays or answers for.
 */
export type SettingBound = 'free' | 'ceiling';

interface ChangeableSetting {
  /** The path of its key in the configuration. */
  readonly path: readonly [section: string, key: string];
  readonly bound: SettingBound;
}

const free = (section: string, key: string): ChangeableSetting => ({ path: [section, key], bound: 'free' });
const ceiling = (section: string, key: string): ChangeableSetting => ({
  path: [section, key],
  bound: 'ceiling',
});

/**
 * Every setting that may be changed while Beacon runs: numbers, under the name that their key has in the configuration.
 * What a value may be is what the configuration's schema says of that key, so one more row here is all that one more
 * setting needs; whoever uses it has to read it from the configuration in force. Source: docs/operations/controls.md (a
 * test compares the two).
 */
export const CHANGEABLE_SETTINGS = {
  'timeouts.execution_ms': free('timeouts', 'execution_ms'),
  'retries.max_attempts': free('retries', 'max_attempts'),
  'retries.backoff_ms': free('retries', 'backoff_ms'),
  'retries.backoff_max_ms': free('retries', 'backoff_max_ms'),
  'breaker.failures': free('breaker', 'failures'),
  'breaker.open_ms': free('breaker', 'open_ms'),
  'breaker.open_max_ms': free('breaker', 'open_max_ms'),
  'handover.linger_ms': free('handover', 'linger_ms'),
  'handover.turn_s': free('handover', 'turn_s'),
  'limits.requests_per_s_per_key': free('limits', 'requests_per_s_per_key'),
  'limits.burst_per_key': free('limits', 'burst_per_key'),
  'limits.requests_per_s_in_all': free('limits', 'requests_per_s_in_all'),
  'limits.burst_in_all': free('limits', 'burst_in_all'),
  'limits.wrong_keys_per_min': free('limits', 'wrong_keys_per_min'),
  'limits.queued_jobs_per_key': free('limits', 'queued_jobs_per_key'),
  'limits.queued_jobs_per_region': free('limits', 'queued_jobs_per_region'),
  'limits.unfinished_runs_per_key': free('limits', 'unfinished_runs_per_key'),
  'limits.gpus': ceiling('limits', 'gpus'),
} as const satisfies Record<string, ChangeableSetting>;

export type SettingName = keyof typeof CHANGEABLE_SETTINGS;
export const CHANGEABLE_NAMES = Object.keys(CHANGEABLE_SETTINGS) as readonly SettingName[];

export function isSettingName(name: string): name is SettingName {
  return Object.hasOwn(CHANGEABLE_SETTINGS, name);
}

export function boundOf(name: SettingName): SettingBound {
  return CHANGEABLE_SETTINGS[name].bound;
}

/** @returns null where the key is left out, which then means that there is no such limit */
export function settingOf(configuration: Configuration, name: SettingName): number | null {
  const [section, key] = CHANGEABLE_SETTINGS[name].path;
  const sections: object = configuration;
  const value = (sections as Readonly<Record<string, Readonly<Record<string, unknown>>>>)[section]?.[key];
  return typeof value === 'number' ? value : null;
}

/**
 * @param words for what the schema has none of its own for
 * @returns why the configuration could not have this value; undefined: it could
 */
export function faultOfSetting(
  configured: Configuration,
  name: SettingName,
  value: number,
  words?: z.core.$ZodErrorMap,
): string | undefined {
  const limit = settingOf(configured, name);
  if (boundOf(name) === 'ceiling' && limit !== null && value > limit)
    return `must be at most ${limit}, which is configured; only the configuration raises it`;
  const parsed = configurationSchema.safeParse(withSetting(configured, name, value), {
    ...(words === undefined ? {} : { error: words }),
  });
  if (parsed.success) return undefined;
  return parsed.error.issues.map(({ message }) => message).join('; ');
}

/**
 * The configuration with the values that are in force instead of those that are configured. One that the configuration
 * of today does not allow is left out; one above its ceiling counts as the ceiling.
 */
export function withSettings(
  configured: Configuration,
  values: ReadonlyMap<string, number>,
): { readonly configuration: Configuration; readonly refused: readonly string[] } {
  let configuration = configured;
  const refused: string[] = [];
  for (const [name, wanted] of values) {
    if (!isSettingName(name)) {
      refused.push(name);
      continue;
    }
    const limit = boundOf(name) === 'ceiling' ? settingOf(configured, name) : null;
    const value = limit === null ? wanted : Math.min(wanted, limit);
    if (faultOfSetting(configured, name, value) === undefined)
      configuration = withSetting(configuration, name, value);
    else refused.push(name);
  }
  return { configuration: deepFreeze(configuration), refused };
}

function withSetting(configuration: Configuration, name: SettingName, value: number): Configuration {
  const [section, key] = CHANGEABLE_SETTINGS[name].path;
  const sections: object = configuration;
  const former = (sections as Readonly<Record<string, object>>)[section];
  return { ...configuration, [section]: { ...former, [key]: value } };
}
