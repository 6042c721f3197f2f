import { configurationFormAt, type ConfigurationForm } from '#config';
import { nearest } from './nearest.js';

/** What may be told of what somebody wrote: names, as they are told of everywhere, and no more. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

const MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const DURATION_UNIT = /^(ms|s(?=(ec(ond)?s?)?$)|m(?=(in(ute)?s?)?$)|h(?=((ou)?rs?)?$)|d(?=(ays?)?$))/;
/** What a key's last word says of its unit. */
const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, days: 86_400_000 };

/**
 * What somebody has probably meant who wrote another kind of value than belongs there.
 * @returns as it would be written; undefined: nothing comes to mind, or it would not be taken either
 */
export function meantValue(
  path: readonly PropertyKey[],
  written: unknown,
  isTaken: (value: unknown) => boolean,
): string | undefined {
  const form = configurationFormAt(path);
  if (form === undefined) return undefined;
  const [value] = guesses(form, String(path.at(-1)), written).filter(isTaken);
  return value === undefined ? undefined : asYaml(value);
}

function guesses(form: ConfigurationForm, key: string, written: unknown): unknown[] {
  switch (form.kind) {
    case 'list':
      return isName(written) ? [[written]] : [];
    case 'record':
      return Array.isArray(written) && written.length > 0 && written.every(isName)
        ? [Object.fromEntries(written.map((name: unknown) => [String(name), {}]))]
        : [];
    case 'number':
      return typeof written === 'string' ? [numberOf(written, key)] : [];
    case 'boolean':
      if (written === 1 || (typeof written === 'string' && /^(yes|on|true)$/i.test(written))) return [true];
      return written === 0 || (typeof written === 'string' && /^(no|off|false)$/i.test(written))
        ? [false]
        : [];
    case 'text':
      if (form.values.length === 0) return typeof written === 'number' ? [String(written)] : [];
      // YAML's other word for it.
      if (typeof written === 'boolean') return [written ? 'on' : 'off'];
      return typeof written === 'string' ? [nearest(written, form.values)] : [];
    case 'object':
      return [];
  }
}

function isName(written: unknown): boolean {
  return (typeof written === 'string' || typeof written === 'number') && NAME.test(String(written));
}

/** `"8"`, `300,000`, and `5m` where the key says in what unit it counts. */
function numberOf(text: string, key: string): number | undefined {
  const plain = text.trim().replace(/(?<=\d)[,_ ](?=\d{3})/g, '');
  if (/^-?\d+(\.\d+)?$/.test(plain)) return Number(plain);
  const [, count, word = ''] = /^(\d+(?:\.\d+)?)\s*([a-z]+)$/i.exec(plain) ?? [];
  const [, unit = ''] = DURATION_UNIT.exec(word.toLowerCase()) ?? [];
  const inMs = MS[unit];
  const keyMs = /per_s$/.test(key) ? undefined : UNIT_MS[/_([a-z]+)$/.exec(key)?.[1] ?? ''];
  return count === undefined || inMs === undefined || keyMs === undefined
    ? undefined
    : (Number(count) * inMs) / keyMs;
}

function asYaml(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(asYaml).join(', ')}]`;
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).map(([name, each]) => `${name}: ${asYaml(each)}`);
    return entries.length === 0 ? '{}' : `{ ${entries.join(', ')} }`;
  }
  // A text that would be read as something else has quotes.
  return typeof value === 'string' && !/^[A-Za-z][A-Za-z0-9._-]*$/.test(value)
    ? JSON.stringify(value)
    : String(value);
}
