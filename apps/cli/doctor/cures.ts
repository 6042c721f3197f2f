import {
  brokenRuleOf,
  configurationFormAt,
  keysKnownAt,
  type ConfigurationFault,
  type ConfigurationRule,
} from '#config';
import { valueIn } from './document-draft.js';
import { finding, type CheckCode, type Finding } from './finding.js';
import { meantValue } from './meant-value.js';
import { nearest } from './nearest.js';
import type { Path, Source } from './source.js';
import { writtenIn } from './written-endpoints.js';

const EXAMPLE = 'deploy/beacon.example.yaml';

/**
 * @param path of the fault, as it stands in the file
 * @param isTaken whether the configuration would take another value there
 * @returns what to tell of it; empty where something else has been told that is the cause
 */
export function findingsOf(
  fault: ConfigurationFault,
  path: Path,
  source: Source,
  isTaken: (value: unknown) => boolean,
): Finding[] {
  if (fault.code === 'custom') return ruleFindings(fault, path, source);
  if (fault.code === 'unrecognized_keys') {
    const known = keysKnownAt(path);
    return fault.keys.map((name) => {
      const meant = nearest(name, known);
      const cure = meant === undefined ? `take it out; known here: ${known.join(', ')}` : `write "${meant}"`;
      return finding('config_unknown_key', source.at([...path, name]), `"${name}" is not a known key`, cure);
    });
  }
  const where = source.at(path);
  const written = valueIn(source.value, path);
  const form = configurationFormAt(path);
  const key = where.key ?? 'the file';
  if (path.length === 0) {
    const what = written === null ? 'the file is empty' : `the file is ${kindOf(written)}, not an object`;
    const cure = `it needs regions and endpoints: begin with a copy of ${EXAMPLE} (docs/configuration.md)`;
    return [finding('config_bad_value', where, what, cure)];
  }
  if (written === undefined)
    return [finding('config_missing_key', where, `${key} is missing`, `add it: ${form?.text ?? 'a value'}`)];
  const meant = meantValue(path, written, isTaken);
  const last = path.at(-1);
  const shape = fault.code === 'invalid_format' && fault.format === 'regex' ? `: ${fault.message}` : '';
  const value = `${form?.text ?? 'another value'}${shape}`;
  const mended =
    meant === undefined
      ? `write ${value}`
      : `write ${typeof last === 'string' ? `${last}: ` : ''}${meant} (${value})`;
  const without =
    form?.default === undefined ? '' : `, or take it out: the default is ${String(form.default)}`;
  return [finding('config_bad_value', where, `${key} ${wrongWith(fault, written)}`, `${mended}${without}`)];
}

/** What is wrong with a value, which itself is not told: it may be a secret. */
function wrongWith(fault: Exclude<ConfigurationFault, { code: 'custom' }>, written: unknown): string {
  if (written === null || written === '') return 'is empty';
  if (Array.isArray(written) && written.length === 0) return 'is an empty list';
  switch (fault.code) {
    case 'invalid_type':
      return fault.expected === 'int' && typeof written === 'number'
        ? 'is not a whole number'
        : `is ${kindOf(written)}, not ${nameOf(fault.expected)}`;
    case 'too_small':
      return typeof written === 'number' ? 'is too small' : 'is too short';
    case 'too_big':
      return typeof written === 'number' ? 'is too large' : 'is too long';
    case 'invalid_value':
      return 'is none of its values';
    case 'invalid_format':
      return 'is not well formed';
    case 'invalid_key':
      return `is not a name that can stand there: ${fault.issues.map(({ message }) => message).join(', ')}`;
    case 'invalid_element':
    case 'invalid_union':
    case 'not_multiple_of':
    case 'unrecognized_keys':
      return `does not belong there: ${fault.message}`;
  }
}

function kindOf(written: unknown): string {
  if (written === null) return 'nothing';
  if (Array.isArray(written)) return 'a list';
  if (typeof written === 'string') return 'a text';
  if (typeof written === 'number') return 'a number';
  return typeof written === 'boolean' ? 'true or false' : 'an object';
}

function nameOf(expected: string): string {
  const names: Readonly<Record<string, string>> = {
    int: 'a number',
    number: 'a number',
    string: 'a text',
    boolean: 'true or false',
    array: 'a list',
  };
  return names[expected] ?? 'an object';
}

type Cure = (message: string, path: Path, source: Source) => Finding[];

/** What is found where a rule is broken, and what to do about it, which may depend on what else is written. */
const RULES: Readonly<Record<ConfigurationRule, readonly [CheckCode, string] | Cure>> = {
  endpoint_limit: [
    'endpoint_limit',
    'raise limits.endpoints to what the workspace allows, or take endpoints out',
  ],
  endpoint_id_once: ['endpoint_id_twice', 'give each endpoint an id of its own'],
  endpoint_region_known: regionFindings,
  endpoint_protocol_has_it: [
    'config_bad_value',
    'take it out, or write the protocol that it goes with: openai has api_key_env, modal-hf has jobs_url and autoscaler_url',
  ],
  endpoint_url_appendable: ['config_bad_value', 'write it without "?" and "#" and what follows'],
  endpoint_one_origin: ['config_bad_value', 'write the scheme, host and port of url'],
  endpoint_warm_tellable: ['config_bad_value', 'add autoscaler_url, or write warm: off'],
  url_without_credentials: [
    'url_credentials',
    'take user and password out; the key of an OpenAI-compatible endpoint goes into the variable that api_key_env names, a proxy auth token of Modal into MODAL_KEY and MODAL_SECRET',
  ],
  region_name_once: ['region_name_twice', 'a name or alias is one region’s only: take it out of the other'],
  price_day_once: ['config_bad_value', 'put what is priced from that day on under one entry'],
  price_region_known: ['config_bad_value', 'write the name of a region, not an alias, or take it out'],
  task_model_served: modelFindings,
  task_tokens_allowed: ['config_bad_value', 'lower it, or raise limits.max_tokens'],
  task_pin_names_region: ['config_bad_value', 'add a region, or write region_policy: prefer'],
  task_region_known: ['config_bad_value', 'write the name or an alias of a region, or take it out'],
  task_pin_served: [
    'config_bad_value',
    'add an endpoint for it there, name another region, or write region_policy: prefer',
  ],
  origin: ['config_bad_value', 'write scheme and host, and nothing after them: https://app.example.org'],
  host_allowed: ['config_bad_value', 'write such as hooks.internal, hooks.internal:8443 or 10.1.0.0/16'],
  proxy: ['config_bad_value', 'write the addresses of your proxies, such as 10.1.2.3 or 10.1.0.0/16'],
};

/** Rules across fields, which the configuration words itself. */
function ruleFindings(fault: ConfigurationFault & { code: 'custom' }, path: Path, source: Source): Finding[] {
  const rule = brokenRuleOf(fault)?.rule;
  const where = source.at(path);
  const what = `${where.key ?? 'the file'}: ${fault.message}`;
  if (rule === undefined) return [finding('config_bad_value', where, what, 'see docs/configuration.md')];
  const known = RULES[rule];
  if (typeof known === 'function') return known(fault.message, path, source);
  const [code, cure] = known;
  const isSaidOfKey = code === 'config_bad_value' || code === 'url_credentials';
  return [finding(code, where, isSaidOfKey ? what : fault.message, cure)];
}

function regionFindings(message: string, path: Path, source: Source): Finding[] {
  const document = source.value as { regions?: Readonly<Record<string, { aliases?: unknown } | null>> };
  const regions = Object.entries(document.regions ?? {});
  const [, written = ''] = /^"(.*?)"/.exec(message) ?? [];
  const owner = regions.find(
    ([name, region]) =>
      name.toLowerCase() === written.toLowerCase() ||
      (Array.isArray(region?.aliases) &&
        (region.aliases as unknown[]).some((alias) => String(alias).toLowerCase() === written.toLowerCase())),
  )?.[0];
  const names = regions.map(([name]) => name);
  const meant = owner ?? nearest(written, names);
  const cure =
    meant === undefined
      ? `${names.length === 0 ? '' : `write one of ${names.join(', ')}, or `}add "${written}" to regions`
      : `write "${meant}"${owner === undefined ? '' : ': endpoints are given the region’s own name'}`;
  return [finding('endpoint_region_unknown', source.at(path), message, cure)];
}

function modelFindings(message: string, path: Path, source: Source): Finding[] {
  const [, written = ''] = /"(.*?)"/.exec(message) ?? [];
  const { models } = writtenIn(source);
  // Its endpoint has other faults.
  if (models.includes(written)) return [];
  const meant = nearest(written, models);
  const cure =
    meant === undefined ? `name one that an endpoint serves: ${models.join(', ')}` : `write "${meant}"`;
  return [finding('model_unknown', source.at(path), message, cure)];
}
