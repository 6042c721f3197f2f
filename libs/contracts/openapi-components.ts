import { z } from 'zod';

/** A JSON Schema as it stands in the document. */
export type SchemaDocument = Readonly<Record<string, unknown>>;

const REF = '#/components/schemas/';
const CHARTER = 'Charter';
/** What says something to readers only. */
const ANNOTATIONS = new Set(['description', 'title', 'examples']);

/**
 * The named schemas of a document. A schema with `.meta({ id: 'Run' })` stands there once, whoever refers to it.
 * `RunCharter` is what customers are told of `Run`: where both are the same, there is no `RunCharter`.
 */
export class Components {
  private readonly found = new Map<string, SchemaDocument>();

  /** Takes a schema and all that it is made of. */
  add(schema: z.ZodType, io: 'input' | 'output'): void {
    for (const [name, definition] of Object.entries(convert(schema, io).definitions)) {
      const before = this.found.get(name);
      if (before !== undefined && JSON.stringify(before) !== JSON.stringify(definition))
        throw new Error(`two schemas are called ${name}, or it is not the same when sent and when answered`);
      this.found.set(name, definition);
    }
  }

  /** Every schema added, settled: by name, in the order of the names. */
  settle(): SettledComponents {
    return new SettledComponents(this.found);
  }
}

export class SettledComponents {
  private readonly settled: ReadonlyMap<string, SchemaDocument>;
  // A name is met hundreds of times, and what it leads to may be long.
  private readonly names = new Map<string, string>();
  private readonly meanings = new WeakMap<SchemaDocument, string>();

  constructor(private readonly found: ReadonlyMap<string, SchemaDocument>) {
    const settled = new Map<string, SchemaDocument>();
    for (const name of [...found.keys()].sort()) {
      if (this.nameOf(name) !== name) continue;
      const whole = found.get(wholeOf(name) ?? '');
      const definition = found.get(name) ?? {};
      settled.set(
        name,
        this.renamed(whole === undefined ? definition : this.likened(definition, whole)) as SchemaDocument,
      );
    }
    this.settled = settled;
  }

  schemas(): Readonly<Record<string, SchemaDocument>> {
    return Object.fromEntries(this.settled);
  }

  /** A reference to a schema with a name, or else the schema itself. */
  refer(schema: z.ZodType, io: 'input' | 'output'): SchemaDocument {
    return this.renamed(convert(schema, io).root) as SchemaDocument;
  }

  /** What a name leads to: itself, or its whole where the charter leaves nothing out. */
  private nameOf(name: string): string {
    const known = this.names.get(name);
    if (known !== undefined) return known;
    const whole = this.found.get(wholeOf(name) ?? '');
    const isWhole =
      whole !== undefined && this.meaningOf(this.found.get(name) ?? {}) === this.meaningOf(whole);
    const settled = isWhole ? (wholeOf(name) ?? name) : name;
    this.names.set(name, settled);
    return settled;
  }

  /** What a schema demands, as a text: the same for two that demand the same. */
  private meaningOf(node: SchemaDocument): string {
    const known = this.meanings.get(node);
    if (known !== undefined) return known;
    const meaning = canonical(this.bare(node));
    this.meanings.set(node, meaning);
    return meaning;
  }

  private renamed(node: unknown): unknown {
    return mapNode(node, (each) => {
      const name = nameIn(each);
      return name === undefined ? each : { ...each, $ref: REF + this.nameOf(name) };
    });
  }

  /** The schema without references, and without what only readers need. */
  private bare(node: unknown): unknown {
    if (Array.isArray(node)) return node.map((each) => this.bare(each));
    if (!isObject(node)) return node;
    const name = nameIn(node);
    if (name !== undefined) return this.bare(this.found.get(name));
    return Object.fromEntries(
      Object.entries(node).flatMap(([key, value]): [string, unknown][] => {
        if (key === 'properties' && isObject(value))
          return [[key, Object.fromEntries(Object.entries(value).map(([n, v]) => [n, this.bare(v)]))]];
        if (ANNOTATIONS.has(key)) return [];
        if (key === 'required' && Array.isArray(value)) return [[key, [...(value as string[])].sort()]];
        return [[key, this.bare(value)]];
      }),
    );
  }

  /** A customer's schema, with the names and descriptions of the whole one where it says the same. */
  private likened(node: SchemaDocument, whole: SchemaDocument): SchemaDocument {
    if (nameIn(node) !== undefined) return { ...descriptionOf(whole), ...node };
    const isSame = this.meaningOf(node) === this.meaningOf(whole);
    if (isSame && nameIn(whole) !== undefined) return { ...whole, ...descriptionOf(node) };
    const target = this.followed(whole);
    const kept: Record<string, unknown> = {
      ...(isSame || typeof node['properties'] === 'object' ? descriptionOf(whole) : {}),
      ...node,
    };
    const properties = node['properties'];
    const others = target['properties'];
    if (isObject(properties) && isObject(others))
      kept['properties'] = Object.fromEntries(
        Object.entries(properties).map(([key, value]) => {
          const other = others[key];
          return [key, isObject(value) && isObject(other) ? this.likened(value, other) : value];
        }),
      );
    for (const key of ['items', 'additionalProperties'] as const) {
      const [value, other] = [node[key], target[key]];
      if (isObject(value) && isObject(other)) {
        kept[key] = this.likened(value, other);
        Object.assign(kept, { ...descriptionOf(whole), ...descriptionOf(node) });
      }
    }
    const [options, otherOptions] = [node['anyOf'], target['anyOf']];
    if (Array.isArray(options) && Array.isArray(otherOptions) && options.length === otherOptions.length) {
      kept['anyOf'] = options.map((value: unknown, index) => {
        const other: unknown = otherOptions[index];
        return isObject(value) && isObject(other) ? this.likened(value, other) : value;
      });
      Object.assign(kept, { ...descriptionOf(whole), ...descriptionOf(node) });
    }
    return kept;
  }

  private followed(node: SchemaDocument): SchemaDocument {
    const name = nameIn(node);
    return name === undefined ? node : (this.found.get(name) ?? node);
  }
}

/** `Run` for `RunCharter`. */
function wholeOf(name: string): string | undefined {
  return name.endsWith(CHARTER) ? name.slice(0, -CHARTER.length) : undefined;
}

function nameIn(node: SchemaDocument): string | undefined {
  const ref = node['$ref'];
  return typeof ref === 'string' && ref.startsWith(REF) ? ref.slice(REF.length) : undefined;
}

function descriptionOf({ description }: SchemaDocument): { description?: unknown } {
  return description === undefined ? {} : { description };
}

function isObject(node: unknown): node is Record<string, unknown> {
  return typeof node === 'object' && node !== null && !Array.isArray(node);
}

function mapNode(node: unknown, change: (node: SchemaDocument) => SchemaDocument): unknown {
  if (Array.isArray(node)) return node.map((each) => mapNode(each, change));
  if (!isObject(node)) return node;
  const entries = Object.entries(node).map(([key, value]) => [key, mapNode(value, change)]);
  return change(Object.fromEntries(entries) as SchemaDocument);
}

/** JSON in which the order of members says nothing. */
function canonical(node: unknown): string {
  return JSON.stringify(node, (_key, value: unknown) =>
    isObject(value)
      ? Object.fromEntries(Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1)))
      : value,
  );
}

interface Converted {
  readonly root: SchemaDocument;
  readonly definitions: Readonly<Record<string, SchemaDocument>>;
}

/** The same schemas are asked for once to be collected, and again to be referred to. */
const converted = { input: new WeakMap<z.ZodType, Converted>(), output: new WeakMap<z.ZodType, Converted>() };

function convert(schema: z.ZodType, io: 'input' | 'output'): Converted {
  const known = converted[io].get(schema);
  if (known !== undefined) return known;
  const fresh = freshlyConverted(schema, io);
  converted[io].set(schema, fresh);
  return fresh;
}

function freshlyConverted(schema: z.ZodType, io: 'input' | 'output'): Converted {
  const written = z.toJSONSchema(schema, {
    io,
    unrepresentable: 'any',
    override: ({ jsonSchema }) => shorten(jsonSchema),
  });
  const document = mapNode(written, (node) => {
    const ref = node['$ref'];
    return typeof ref === 'string' ? { ...node, $ref: ref.replace('#/$defs/', REF) } : node;
  }) as Record<string, unknown>;
  const { $schema: _draft, $defs: definitions = {}, ...root } = document;
  return { root, definitions: definitions as Readonly<Record<string, SchemaDocument>> };
}

/** Leaves out what is said already: by a format, by what JSON can count, by an alternative that takes everything. */
function shorten(schema: z.core.JSONSchema.BaseSchema): void {
  if (schema.format === 'uuid' || schema.format === 'date-time' || schema.format === 'date')
    delete schema.pattern;
  // "Anything, or null" is anything.
  if (schema.anyOf?.some((option) => Object.keys(option).length === 0) === true) delete schema.anyOf;
  if (schema.minimum === Number.MIN_SAFE_INTEGER) delete schema.minimum;
  if (schema.maximum === Number.MAX_SAFE_INTEGER) delete schema.maximum;
}
