import type { ConfigurationSchema } from './schema-at.js';

/**
 * What may be written at a place, in words, as the schema has it: bounds, values, keys. For messages, which so never lag
 * behind the schema.
 */
export function formOf(schema: ConfigurationSchema): string {
  const { type, enum: values, const: only, properties, additionalProperties, items, anyOf } = schema;
  const inner = anyOf?.find((each) => each.type !== 'null');
  if (inner !== undefined) return formOf(inner);
  if (only !== undefined) return String(only);
  if (values !== undefined) return `one of ${values.map(String).join(', ')}`;
  switch (type) {
    case 'integer':
    case 'number':
      return `${type === 'integer' ? 'a whole number' : 'a number'}${boundsOf(schema)}`;
    case 'boolean':
      return 'true or false';
    case 'array': {
      const count = rangeOf(schema.minItems, schema.maxItems, 'entry', 'entries');
      return `a list${count === '' ? '' : ` of ${count}`}${items === undefined ? '' : `: ${sketchOf(schema)}`}`;
    }
    case 'object':
      return properties === undefined && typeof additionalProperties === 'object'
        ? `an object with a name for each entry: ${sketchOf(schema)}`
        : `an object${Object.keys(properties ?? {}).length === 0 ? '' : `: ${sketchOf(schema)}`}`;
    case 'string':
    case undefined:
      if (schema.format === 'uri') return 'a whole URL that begins with https:// or http://';
      if (schema.format === 'date') return 'a day: YYYY-MM-DD';
      return `a text${rangeText(schema)}`;
    default:
      return type;
  }
}

const NAMES_AT_MOST = 4;

/** The shape of it, with what has to be there. */
function sketchOf(schema: ConfigurationSchema): string {
  const { type, enum: values, properties, additionalProperties, items, required = [] } = schema;
  const inner = schema.anyOf?.find((each) => each.type !== 'null');
  if (inner !== undefined) return sketchOf(inner);
  if (values !== undefined) return String(values[0]);
  switch (type) {
    case 'integer':
    case 'number':
      return String(typeof schema.default === 'number' ? schema.default : (schema.minimum ?? 1));
    case 'boolean':
      return 'false';
    case 'array':
      return items === undefined ? '[]' : `[${sketchOf(items)}]`;
    case 'object': {
      if (properties === undefined && typeof additionalProperties === 'object')
        return `{ NAME: ${sketchOf(additionalProperties)} }`;
      // Where nothing has to be there, the first few keys say what may be.
      const all = Object.entries(properties ?? {});
      const needed = all.filter(([key]) => required.includes(key));
      const shown = (needed.length > 0 ? needed : all).slice(0, NAMES_AT_MOST);
      return `{ ${shown.map(([key, each]) => `${key}: ${sketchOf(each)}`).join(', ')} }`;
    }
    case undefined:
    default:
      if (schema.format === 'uri') return 'https://…';
      if (schema.format === 'date') return 'YYYY-MM-DD';
      return 'NAME';
  }
}

function boundsOf({ minimum, maximum, exclusiveMinimum }: ConfigurationSchema): string {
  const isBound = (bound: number | undefined): bound is number =>
    bound !== undefined && Math.abs(bound) < Number.MAX_SAFE_INTEGER;
  const above = isBound(exclusiveMinimum) ? ` above ${exclusiveMinimum}` : '';
  if (!isBound(maximum)) return isBound(minimum) ? ` of at least ${minimum}` : above;
  return isBound(minimum) ? ` from ${minimum} to ${maximum}` : `${above}, at most ${maximum}`;
}

function rangeText({ minLength, maxLength }: ConfigurationSchema): string {
  const range = rangeOf(minLength, maxLength, 'character', 'characters');
  return range === '' ? '' : ` of ${range}`;
}

function rangeOf(least: number | undefined, most: number | undefined, one: string, many: string): string {
  if (least !== undefined && most !== undefined) return `${least} to ${most} ${many}`;
  if (least !== undefined) return `at least ${least} ${least === 1 ? one : many}`;
  return most === undefined ? '' : `at most ${most} ${many}`;
}
