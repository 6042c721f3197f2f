import type { SchemaDocument, SettledComponents } from './openapi-components.js';
import type { ExamplesOf } from './openapi-examples-of.js';
import { BATCH_EXAMPLES } from './openapi-examples-batches.js';
import { JOB_EXAMPLES } from './openapi-examples-jobs.js';
import { OPENAI_EXAMPLES } from './openapi-examples-openai.js';
import { OPERATION_EXAMPLES } from './openapi-examples-operations.js';
import { RUN_EXAMPLES } from './openapi-examples-runs.js';

const AREAS: readonly ExamplesOf[] = [
  JOB_EXAMPLES,
  RUN_EXAMPLES,
  OPERATION_EXAMPLES,
  OPENAI_EXAMPLES,
  BATCH_EXAMPLES,
];
const joined = <Value>(parts: readonly (Readonly<Record<string, Value>> | undefined)[]) =>
  Object.fromEntries(parts.flatMap((part) => Object.entries(part ?? {})));
const SCHEMAS = joined(AREAS.map(({ schemas }) => schemas));
const OPERATIONS = joined(AREAS.map(({ operations }) => operations));
const TEXTS = joined(AREAS.map(({ texts }) => texts));

/** Finds the example of a body. Where there is none, nothing is said: a specification names the operation. */
export class Examples {
  private readonly schemas: Readonly<Record<string, SchemaDocument>>;

  constructor(components: SettledComponents) {
    this.schemas = components.schemas();
  }

  ofRequest(operation: string, schema: SchemaDocument): SchemaDocument {
    return exampleOf(OPERATIONS[operation]?.request ?? this.valueOf(schema));
  }

  ofAnswer(operation: string, schema: SchemaDocument): SchemaDocument {
    const [whole, told] = (schema['anyOf'] as readonly SchemaDocument[] | undefined) ?? [];
    if (whole === undefined || told === undefined)
      return exampleOf(OPERATIONS[operation]?.answer ?? this.valueOf(schema));
    const value = OPERATIONS[operation]?.answer ?? this.valueOf(whole);
    if (value === undefined) return {};
    return {
      examples: {
        operate: { summary: 'With the role operate, or on a server without keys', value },
        charter: { summary: 'The charter: every other key', value: this.narrowed(told, value) },
      },
    };
  }

  ofText(operation: string, contentType: string): SchemaDocument {
    return exampleOf(TEXTS[operation]?.[contentType]);
  }

  private valueOf(schema: SchemaDocument): unknown {
    const name = nameIn(schema);
    return name === undefined ? undefined : SCHEMAS[name];
  }

  /** What of a value a schema has. */
  private narrowed(schema: SchemaDocument, value: unknown): unknown {
    const name = nameIn(schema);
    if (name !== undefined) {
      return name.endsWith('Charter') && name in SCHEMAS
        ? SCHEMAS[name]
        : this.narrowed(this.schemas[name] ?? {}, value);
    }
    if (value === null || typeof value !== 'object') return value;
    const options = schema['anyOf'] as readonly SchemaDocument[] | undefined;
    const option = options?.find(({ type }) => type !== 'null');
    if (option !== undefined) return this.narrowed(option, value);
    const items = schema['items'] as SchemaDocument | undefined;
    if (Array.isArray(value))
      return items === undefined ? value : value.map((each) => this.narrowed(items, each));
    const properties = schema['properties'] as Readonly<Record<string, SchemaDocument>> | undefined;
    const others = schema['additionalProperties'] as SchemaDocument | undefined;
    return Object.fromEntries(
      Object.entries(value as Readonly<Record<string, unknown>>).flatMap(
        ([key, each]): [string, unknown][] => {
          const member = properties === undefined ? others : properties[key];
          return member === undefined ? [] : [[key, this.narrowed(member, each)]];
        },
      ),
    );
  }
}

function exampleOf(value: unknown): SchemaDocument {
  return value === undefined ? {} : { examples: { usual: { value } } };
}

function nameIn({ $ref: ref }: SchemaDocument): string | undefined {
  return typeof ref === 'string' ? ref.slice(ref.lastIndexOf('/') + 1) : undefined;
}
