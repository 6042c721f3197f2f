import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { configurationSchema, loadConfiguration } from './configuration.js';
import { DEFAULT_PORT, SETTING_NAMES, loadSettings } from './settings.js';
import { tracingSettings } from './tracing.js';

const fromRoot = (path: string): URL => new URL(`../../${path}`, import.meta.url);
const page = readFileSync(fromRoot('docs/configuration.md'), 'utf8');

/** `name -> default` of the table under a heading; a default in backquotes is a value. */
function defaultsUnder(heading: string): Readonly<Record<string, string>> {
  const start = page.indexOf(`\n## ${heading}\n`);
  if (start < 0) throw new Error(`docs/configuration.md has no heading "${heading}"`);
  const [table = ''] = /(^\|.*\n)+/m.exec(page.slice(start)) ?? [];
  return Object.fromEntries(
    [...table.matchAll(/^\| `([^`]+)` +\| ([^|]+?) +\|/gm)].map(([, name, value]) => [name!, value!]),
  );
}

interface JsonSchema {
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: JsonSchema | false;
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly default?: unknown;
}

/** Every key that holds a value, with its default as the page writes it. */
function keysOf(schema: JsonSchema, path = ''): [string, string][] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, child]): [string, string][] => {
    const key = path === '' ? name : `${path}.${name}`;
    if (child.items?.properties) return keysOf(child.items, `${key}[]`);
    if (typeof child.additionalProperties === 'object') {
      const entry = child.additionalProperties;
      const fields = [entry, ...(entry.anyOf ?? [])].flatMap((each) =>
        keysOf(each, `${key}.<${key === 'tasks' ? 'type' : name === 'models' ? 'model' : 'region'}>`),
      );
      // A record of plain values is one key.
      return fields.length > 0 ? fields : [[key, 'none']];
    }
    if (child.properties) return keysOf(child, key);
    if (child.default !== undefined) return [[key, `\`${written(child.default)}\``]];
    return [[key, schema.required?.includes(name) ? 'required' : 'none']];
  });
}

function written(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

const keys = keysOf(z.toJSONSchema(configurationSchema, { io: 'input' }) as JsonSchema);

describe('docs/configuration.md', () => {
  it('lists every key of the configuration file with its default, and no other', () => {
    expect(keys.length).toBeGreaterThan(25);
    expect(defaultsUnder('Configuration file (YAML)')).toEqual(Object.fromEntries(keys));
  });

  it('lists every setting, and no other', () => {
    expect(Object.keys(defaultsUnder('Settings (environment)')).sort()).toEqual([...SETTING_NAMES].sort());
  });

  it('gives the settings their real defaults', () => {
    const { host, dataDir, logLevel } = loadSettings({});
    const documented = Object.entries(defaultsUnder('Settings (environment)'));
    expect(Object.fromEntries(documented.filter(([, value]) => value !== 'none'))).toEqual({
      BEACON_HOST: `\`${host}\``,
      BEACON_PORT: `\`${DEFAULT_PORT}\``,
      BEACON_DATA_DIR: `\`${dataDir}\``,
      LOG_LEVEL: `\`${logLevel}\``,
      ...Object.fromEntries(
        Object.entries(z.object(tracingSettings).parse({})).map(([name, value]) => [name, `\`${value}\``]),
      ),
    });
  });
});

describe('deploy/beacon.example.yaml', () => {
  const path = fileURLToPath(fromRoot('deploy/beacon.example.yaml'));
  const example = loadConfiguration(path);

  it('holds the eight (region, model) endpoints, one model each', () => {
    const pairs = example.endpoints.flatMap(({ region, models }) =>
      models.map((model) => `${region} ${model}`),
    );
    expect(pairs).toEqual([
      'US llama3.2-1b',
      'US qwen2.5-1.5b',
      'EU llama3.2-1b',
      'EU qwen2.5-1.5b',
      'EU mistral-7b',
      'ASIA llama3.2-1b',
      'ASIA qwen2.5-1.5b',
      'ASIA mistral-7b',
    ]);
    expect(example.endpoints.map(({ id }) => id)).toEqual(
      example.endpoints.map(({ region, models }) => `${region.toLowerCase()}-${models.join()}`),
    );
  });

  it('shows every key', () => {
    const text = readFileSync(path, 'utf8');
    const names = keys.map(([key]) => key.split('.').at(-1)!);
    expect(names.filter((name) => !new RegExp(`\\b${name}:`).test(text))).toEqual([]);
  });

  it('shows the defaults where it sets what may be left out', () => {
    const { limits, timeouts, retries, breaker, priorities } = example;
    const shown = Object.entries({ limits, timeouts, retries, breaker, priorities }).flatMap(
      ([group, values]) =>
        Object.entries(values).map(([name, value]): [string, string] => [`${group}.${name}`, `\`${value}\``]),
    );
    const defaults = Object.fromEntries(keys);
    expect(shown.filter(([key, value]) => defaults[key] !== value)).toEqual([]);
  });
});
