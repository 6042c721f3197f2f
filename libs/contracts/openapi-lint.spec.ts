import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { createConfig, lintFromString } from '@redocly/openapi-core';
import { z } from 'zod';

const FROZEN = join(import.meta.dirname, '..', '..', 'docs', 'openapi.json');
const text = readFileSync(FROZEN, 'utf8');

/** Redocly's recommended rules, and what readers of this document rely on besides. */
const RULES = {
  'operation-description': 'error',
  'operation-singular-tag': 'error',
  'operation-tag-defined': 'error',
  'parameter-description': 'error',
  'tag-description': 'error',
  'tags-alphabetical': 'off',
  'no-unused-components': 'error',
  'no-invalid-media-type-examples': 'error',
  'no-invalid-parameter-examples': 'error',
  'no-invalid-schema-examples': 'error',
  'no-http-verbs-in-paths': 'off',
  'operation-2xx-response': 'error',
  'operation-4xx-response': 'error',
  'info-license': 'error',
  'component-name-unique': 'error',
} as const;

/** What breaks a rule for a reason. */
const EXCEPTIONS: readonly { readonly rule: string; readonly place: RegExp; readonly because: string }[] = [
  {
    rule: 'operation-4xx-response',
    place: /^#\/paths\/~1(health(~1live|~1ready)?|openapi\.json|receipts~1key)\/get\//,
    because: 'they take nothing and need no key: there is nothing that they could refuse',
  },
  {
    rule: 'no-ambiguous-paths',
    place: /^#\/paths\/~1(inference~1\{job_id\}~1erase|runs~1\{id\}~1erase|v1~1.*)$/,
    because: 'job ids are UUIDs, never the word "status", which stands in a path that is promised',
  },
];

interface Fault {
  readonly rule: string;
  readonly place: string;
  readonly message: string;
}

async function faultsOf(source: string): Promise<Fault[]> {
  const config = await createConfig({ extends: ['recommended'], rules: RULES });
  const problems = await lintFromString({ source, absoluteRef: 'openapi.json', config });
  return problems.map(({ ruleId, message, location: [where] }) => ({
    rule: ruleId,
    place: where?.pointer ?? '',
    message,
  }));
}
const isExcepted = ({ rule, place }: Fault): boolean =>
  EXCEPTIONS.some((exception) => exception.rule === rule && exception.place.test(place));

interface Media {
  readonly schema: object;
  readonly examples?: Readonly<Record<string, { readonly value: unknown }>>;
}
interface Answer {
  readonly $ref?: string;
  readonly description?: string;
  readonly headers?: Readonly<Record<string, unknown>>;
  readonly content?: Readonly<Record<string, Media>>;
}
interface Operation {
  readonly summary: string;
  readonly description: string;
  readonly security: readonly object[];
  readonly requestBody?: { readonly content: Readonly<Record<string, Media>> };
  readonly responses: Readonly<Record<string, Answer>>;
}
interface Breakable {
  operationId: string;
  parameters: { description?: string }[];
  responses: Record<string, { content: Record<string, { examples: object }> }>;
}
interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly webhooks: Readonly<Record<string, { readonly post: Operation }>>;
  readonly components: {
    readonly schemas: Readonly<Record<string, object>>;
    readonly responses: Readonly<Record<string, Answer>>;
  };
}
const document = JSON.parse(text) as Document;
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({
    name: `${method.toUpperCase()} ${path}`,
    operation,
  })),
);
const hooks = Object.entries(document.webhooks).map(([name, { post }]) => ({ name, operation: post }));

const followed = (answer: Answer): Answer =>
  answer.$ref === undefined
    ? answer
    : (document.components.responses[answer.$ref.split('/').at(-1)!] ?? answer);
/** Every body of an operation, sent and answered. */
const bodiesOf = ({ requestBody, responses }: Operation): { where: string; type: string; media: Media }[] => [
  ...Object.entries(requestBody?.content ?? {}).map(([type, media]) => ({ where: 'body', type, media })),
  ...Object.entries(responses).flatMap(([status, answer]) =>
    Object.entries(followed(answer).content ?? {}).map(([type, media]) => ({ where: status, type, media })),
  ),
];

const checks = new Map<string, z.ZodType>();
/** The check that a schema of the document makes, with all that it refers to. */
function checkOf(schema: object): z.ZodType {
  const written = JSON.stringify(schema);
  const check = checks.get(written) ?? z.fromJSONSchema(JSON.parse(withDefinitions(written)) as JsonSchema);
  checks.set(written, check);
  return check;
}
type JsonSchema = Parameters<typeof z.fromJSONSchema>[0];

function withDefinitions(written: string): string {
  const $defs: Record<string, object> = {};
  const take = (text: string): void => {
    for (const [, name = ''] of text.matchAll(/"#\/components\/schemas\/(\w+)"/g)) {
      if (name in $defs) continue;
      $defs[name] = document.components.schemas[name] ?? {};
      take(JSON.stringify($defs[name]));
    }
  };
  take(written);
  return JSON.stringify({ ...(JSON.parse(written) as object), $defs }).replaceAll(
    '#/components/schemas/',
    '#/$defs/',
  );
}

describe('docs/openapi.json', () => {
  let faults: readonly Fault[];
  beforeAll(async () => {
    faults = await faultsOf(text);
  });

  it('keeps the rules of the linter', () => {
    expect(faults.filter((fault) => !isExcepted(fault))).toEqual([]);
  });

  it('needs each of the exceptions', () => {
    for (const exception of EXCEPTIONS)
      expect({
        exception,
        used: faults.some(({ rule, place }) => rule === exception.rule && exception.place.test(place)),
      }).toEqual({ exception, used: true });
  });

  it('would not keep them if the document were broken', async () => {
    const broken = JSON.parse(text) as {
      info: { license?: object };
      tags: unknown[];
      paths: Record<string, Record<string, Breakable>>;
      components: { schemas: Record<string, object> };
    };
    delete broken.components.schemas['RunList'];
    broken.components.schemas['Odd'] = { type: 'string' };
    delete broken.info.license;
    broken.tags.pop();
    const run = broken.paths['/runs/{id}']!['get']!;
    delete run.parameters[0]!.description;
    run.operationId = 'get_runs';
    broken.paths['/inference/{job_id}']!['delete']!.responses['202']!.content['application/json']!.examples =
      {
        odd: { value: { job_id: 7 } },
      };
    delete (broken.paths['/ledger']!['get']!.responses as Record<string, unknown>)['200'];
    const rules = (await faultsOf(JSON.stringify(broken))).filter((each) => !isExcepted(each));
    expect([...new Set(rules.map(({ rule }) => rule))].sort()).toEqual([
      'info-license',
      'no-invalid-media-type-examples',
      'no-unresolved-refs',
      'no-unused-components',
      'operation-2xx-response',
      'operation-operationId-unique',
      'operation-tag-defined',
      'parameter-description',
    ]);
  });

  it.each(operations)('says of $name what it does, who may, and what refuses it', ({ operation }) => {
    expect(operation.summary.length).toBeGreaterThan(5);
    expect(operation.description).toMatch(/[Nn]eeds |Any key/);
    const answers = Object.entries(operation.responses);
    expect(answers.filter(([status]) => status.startsWith('2'))).not.toEqual([]);
    expect(Object.keys(operation.responses)).toEqual(expect.arrayContaining(['500', '503']));
    if (operation.security.length > 0)
      expect(Object.keys(operation.responses)).toEqual(expect.arrayContaining(['401', '403', '429']));
    for (const [status, answer] of answers) {
      const { description, headers } = followed(answer);
      expect({
        status,
        described: Boolean(description),
        id: headers?.['x-request-id'] !== undefined,
      }).toEqual({
        status,
        described: true,
        id: true,
      });
    }
  });

  it.each([...operations, ...hooks])(
    'shows for every body of $name an example that its schema takes',
    ({ operation }) => {
      for (const { where, type, media } of bodiesOf(operation)) {
        const values = Object.entries(media.examples ?? {});
        expect({ where, type, examples: values.length > 0 }).toEqual({ where, type, examples: true });
        const schema = checkOf(media.schema);
        // Of a stream, the schema says what the data of each event is.
        for (const [name, { value }] of values)
          expect({ where, type, name, issues: schema.safeParse(value).error?.issues ?? [] }).toEqual({
            where,
            type,
            name,
            issues: [],
          });
      }
    },
  );

  it('names the schema of every body that is JSON', () => {
    const unnamed = [...operations, ...hooks].flatMap(({ name, operation }) =>
      bodiesOf(operation)
        .filter(
          ({ type, media }) =>
            /[/+]json$/.test(type) &&
            !/^\{"(\$ref|description":.*?"anyOf":\[\{"\$ref)"/.test(JSON.stringify(media.schema)),
        )
        .map(({ where, type }) => `${name} ${where} ${type}`),
    );
    expect(unnamed).toEqual(['GET /openapi.json 200 application/json']);
  });
});
