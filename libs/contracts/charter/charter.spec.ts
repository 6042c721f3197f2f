import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { z } from 'zod';
import * as contracts from '../index.js';
import { CharterFault, charterView, isCharterView } from './charter-view.js';
import { FORBIDDEN_FIELDS, forbiddenFieldsIn } from './forbidden.js';

interface JsonSchema {
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: JsonSchema | boolean;
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly format?: string;
  readonly pattern?: string;
  readonly minimum?: number;
}

/** What customers are answered with: every schema that a charter face is made of. */
const SCHEMAS = Object.entries(contracts).flatMap(([name, value]): [string, z.ZodType][] =>
  value instanceof z.ZodType && /^(charter\w+|task(Accepted|Cancel|List)?)Schema$/.test(name)
    ? [[name, value]]
    : [],
);

const jsonOf = (schema: z.ZodType): JsonSchema =>
  // Without names: whole, with nothing referred to.
  z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any', metadata: z.registry() }) as JsonSchema;

/** Every object in a schema, with the names that it has. */
function objectsIn(schema: JsonSchema, path = ''): { path: string; schema: JsonSchema }[] {
  const inner = [
    ...Object.entries(schema.properties ?? {}).map(([name, member]) => [`${path}.${name}`, member] as const),
    ...(typeof schema.additionalProperties === 'object'
      ? [[`${path}.*`, schema.additionalProperties] as const]
      : []),
    ...(schema.items === undefined ? [] : [[`${path}[]`, schema.items] as const]),
    ...[...(schema.anyOf ?? []), ...(schema.oneOf ?? [])].map((one) => [path, one] as const),
  ].flatMap(([where, member]) => objectsIn(member, where));
  return schema.properties === undefined ? inner : [{ path, schema }, ...inner];
}

/** A value that the schema takes, with one entry in each list and record. */
export function sampleOf(schema: JsonSchema): unknown {
  if (schema.const !== undefined) return schema.const;
  if (schema.enum !== undefined) return schema.enum[0];
  const [first] = schema.anyOf ?? schema.oneOf ?? [];
  if (first !== undefined) return sampleOf(first);
  const type = typeof schema.type === 'object' ? schema.type[0] : schema.type;
  switch (type) {
    case 'object':
      return {
        ...Object.fromEntries(
          Object.entries(schema.properties ?? {}).map(([name, member]) => [name, sampleOf(member)]),
        ),
        ...(typeof schema.additionalProperties === 'object' && schema.additionalProperties.type !== undefined
          ? { any: sampleOf(schema.additionalProperties) }
          : {}),
      };
    case 'array':
      return schema.items === undefined ? [] : [sampleOf(schema.items)];
    case 'integer':
    case 'number':
      return Math.max(1, schema.minimum ?? 1);
    case 'boolean':
      return true;
    case 'null':
      return null;
    case undefined:
    default:
      if (schema.format === 'uuid') return '00000000-0000-4000-8000-000000000000';
      if (schema.format === 'date-time') return '2026-11-22T09:00:00.000Z';
      return schema.pattern?.includes('0-9a-f') === true ? 'a'.repeat(64) : 'text';
  }
}

/** Of whatever shape: the customer's own metadata, and the body of its webhooks, which have schemas of their own. */
const FREE = ['metadata', 'body'];

/** The objects of a value in which nothing is free. */
function placesIn(value: unknown): Record<string, unknown>[] {
  if (Array.isArray(value)) return value.flatMap(placesIn);
  if (typeof value !== 'object' || value === null) return [];
  const entries = Object.entries(value as Record<string, unknown>);
  const isRecord = entries.some(([name]) => name === 'any');
  const inner = entries.flatMap(([name, member]) => (FREE.includes(name) ? [] : placesIn(member)));
  return isRecord ? inner : [value as Record<string, unknown>, ...inner];
}

describe.each(SCHEMAS)('%s', (_name, schema) => {
  const json = jsonOf(schema);

  it('names no forbidden field, and takes no other than it names', () => {
    const objects = objectsIn(json);
    expect(objects.length).toBeGreaterThan(0);
    for (const { path, schema: object } of objects) {
      const names = Object.keys(object.properties ?? {});
      expect({ path, forbidden: names.filter((name) => FORBIDDEN_FIELDS.includes(name as never)) }).toEqual({
        path,
        forbidden: [],
      });
      expect({ path, more: object.additionalProperties }).toEqual({ path, more: false });
    }
  });

  it('refuses whatever field is added anywhere, and says where but not what', () => {
    const sample = sampleOf(json);
    expect(isCharterView(charterView(schema, structuredClone(sample)) as object, schema)).toBe(true);
    fc.assert(
      fc.property(
        fc.nat(1000),
        fc.oneof(fc.constantFrom(...FORBIDDEN_FIELDS), fc.stringMatching(/^zz[a-z_]{1,12}$/)),
        (place, name) => {
          const changed = structuredClone(sample);
          const places = placesIn(changed);
          places[place % places.length]![name] = 'MARKER';
          try {
            charterView(schema, changed);
          } catch (error) {
            expect(error).toBeInstanceOf(CharterFault);
            expect(String(error)).toContain(name);
            expect(String(error)).not.toContain('MARKER');
            return;
          }
          throw new Error(`${name} passed`);
        },
      ),
      { numRuns: 50 },
    );
  });
});

it('there are schemas to check, and what one made is not a view of another', () => {
  expect(SCHEMAS.length).toBeGreaterThan(25);
  const view = charterView(contracts.charterCancelSchema, {
    job_id: '00000000-0000-4000-8000-000000000000',
    status: 'cancelled',
  });
  expect(isCharterView(view, contracts.charterCancelSchema)).toBe(true);
  expect(isCharterView(view, contracts.charterJobStatusSchema)).toBe(false);
  expect(isCharterView({ ...view }, contracts.charterCancelSchema)).toBe(false);
});

describe('forbidden names on the wire', () => {
  it.each<[string, string, string[]]>([
    ['a member', '{"a":[{"endpoint_id":"x"}]}', ['endpoint_id']],
    ['a member with space', '{"gpu" : null}', ['gpu']],
    ['an event', 'event: x\ndata: {"type":"x","provider":"y"}\n\n', ['provider']],
    ['a column', 'question_id,endpoint_id,answer\r\nq,e,a\r\n', ['endpoint_id']],
    ['nothing in a text', '{"response":"the \\"provider\\": none, endpoint_id"}', []],
    ['nothing in longer names', '{"provider_used":"US","gpu_seconds":1,"gpus_in_use":2}', []],
  ])('are found as %s', (_title, text, expected) => {
    expect(forbiddenFieldsIn(text)).toEqual(expected);
  });
});
