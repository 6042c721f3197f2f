import { z } from 'zod';
import type { RequestErrorCode } from '#domain';
import { openAiErrorSchema, openAiStatus } from './openai/errors.js';
import { Components, type SchemaDocument, type SettledComponents } from './openapi-components.js';
import { Examples } from './openapi-examples.js';
import { headerParameter, pathParameter, queryDescription } from './openapi-parameters.js';
import { RESPONSE_HEADERS, Refusals, headersOf } from './openapi-problems.js';
import { tagsOf } from './openapi-tags.js';
import { WEBHOOK_BODIES, webhookEvents } from './openapi-webhook-events.js';
import type { Operation, PlainResponse } from './openapi.js';
import { PROBLEMS, problemSchema } from './problems.js';

const COMMON_PROBLEMS = ['DATABASE_UNAVAILABLE', 'INTERNAL_ERROR'] as const;
/** Of operations that need a key, where the server has keys. */
const KEY_PROBLEMS = ['UNAUTHENTICATED', 'FORBIDDEN', 'RATE_LIMIT_REACHED'] as const;

const DESCRIPTION = `Multi-region job router for model inference on serverless GPUs: it queues jobs durably per region,
dispatches them to the endpoint that is pinned to the right region and model, survives cold starts of minutes, and keeps a
record of what ran where and what it cost.

JSON is snake_case, times are RFC 3339 in UTC, and a duration carries its unit in its name (\`_s\`, \`_ms\`, \`_seconds\`);
\`duration\` and \`inference_time\` are seconds. Refusals are problem documents (RFC 9457) with a stable \`code\`; those of
the OpenAI door have OpenAI's shape. Lists come in pages: \`next_cursor\` is given back as \`cursor\`, and is null on the
last page. Every answer names its request in \`x-request-id\`, and those to a key that is limited tell by \`ratelimit-limit\`,
\`ratelimit-remaining\` and \`ratelimit-reset\` what is left.`;

/** How the operations are served. */
export interface DocumentOptions {
  readonly version: string;
  /** By `METHOD /path/{param}`. */
  readonly needsKey: (operation: string) => boolean;
  /** Who may use it, as a sentence; by the same names. */
  readonly access?: (operation: string) => string;
  /** What customers are answered with, where that is less; by the same names. */
  readonly charterOf?: (operation: string) => z.ZodType | undefined;
}

/** Builds the OpenAPI 3.1 document out of the operations. */
export function openApiDocument(
  operations: readonly Operation[],
  { version, needsKey, access = () => '', charterOf = () => undefined }: DocumentOptions,
): Record<string, unknown> {
  const components = componentsOf(operations, charterOf);
  const examples = new Examples(components);
  const refusals = new Refusals();
  const paths: Record<string, Record<string, unknown>> = {};
  for (const operation of operations) {
    const name = nameOf(operation);
    const isGuarded = needsKey(name);
    (paths[operation.path] ??= {})[operation.method] = {
      operationId: operationId(operation),
      summary: operation.summary,
      description: [operation.description, access(name)].filter(Boolean).join('\n\n'),
      tags: [operation.tag],
      security: isGuarded ? [{ key: [] }] : [],
      parameters: parametersOf(operation, components),
      ...bodyOf(operation, components, examples),
      responses: {
        ...answersOf(operation, charterOf(name), components, examples),
        ...refusalsOf(operation, isGuarded, refusals),
      },
    };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Beacon',
      version,
      summary: 'Multi-region job router for model inference on serverless GPUs',
      description: DESCRIPTION,
      license: { name: 'Apache License 2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/', description: 'The server that this document is from' }],
    tags: tagsOf(operations),
    paths,
    webhooks: webhookEvents(components, examples),
    components: {
      schemas: components.schemas(),
      responses: refusals.responses(),
      headers: RESPONSE_HEADERS,
      securitySchemes: {
        key: { type: 'http', scheme: 'bearer', description: 'An API key; a server without keys needs none' },
      },
    },
  };
}

function componentsOf(
  operations: readonly Operation[],
  charterOf: (operation: string) => z.ZodType | undefined,
): SettledComponents {
  const components = new Components();
  const add = (schema: z.ZodType | undefined, io: 'input' | 'output'): void => {
    if (schema !== undefined) components.add(schema, io);
  };
  for (const schema of [problemSchema, openAiErrorSchema, ...WEBHOOK_BODIES]) add(schema, 'output');
  for (const operation of operations) {
    add(operation.request, 'input');
    for (const schema of Object.values(operation.query ?? {})) add(schema, 'input');
    add(operation.eventData, 'output');
    for (const response of Object.values(operation.responses))
      add(response instanceof z.ZodType ? response : response.eventData, 'output');
    add(charterOf(nameOf(operation)), 'output');
  }
  return components.settle();
}

function parametersOf(operation: Operation, components: SettledComponents): SchemaDocument[] {
  return [
    ...[...operation.path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => pathParameter(operation.path, name)),
    ...Object.entries(operation.query ?? {}).map(([name, schema]) => {
      const { description = queryDescription(name), ...rest } = components.refer(schema, 'input');
      return {
        name,
        in: 'query',
        required: false,
        ...(description === undefined ? {} : { description }),
        schema: rest,
      };
    }),
    ...(operation.headers ?? []).map(headerParameter),
  ];
}

function bodyOf(operation: Operation, components: SettledComponents, examples: Examples): SchemaDocument {
  if (operation.request === undefined) return {};
  const schema = components.refer(operation.request, 'input');
  const content = {
    [operation.requestType ?? 'application/json']: {
      schema,
      ...examples.ofRequest(nameOf(operation), schema),
    },
  };
  return { requestBody: { required: operation.isBodyOptional !== true, content } };
}

function answersOf(
  operation: Operation,
  charter: z.ZodType | undefined,
  components: SettledComponents,
  examples: Examples,
): SchemaDocument {
  const name = nameOf(operation);
  const jsonOf = (response: z.ZodType): SchemaDocument => {
    const schema = facesOf(components, response, charter);
    const others = (operation.alsoAnswers ?? []).map((type) => [
      type,
      {
        schema:
          type === 'text/event-stream' && operation.eventData !== undefined
            ? components.refer(operation.eventData, 'output')
            : { type: 'string' },
        ...examples.ofText(name, type),
      },
    ]);
    return {
      'application/json': { schema, ...examples.ofAnswer(name, schema) },
      ...(Object.fromEntries(others) as SchemaDocument),
    };
  };
  const plainOf = ({ contentType, eventData }: PlainResponse): SchemaDocument => ({
    [contentType]: {
      schema:
        eventData === undefined
          ? { type: contentType === 'application/json' ? 'object' : 'string' }
          : components.refer(eventData, 'output'),
      ...examples.ofText(name, contentType),
    },
  });
  return Object.fromEntries(
    Object.entries(operation.responses).map(([status, response]) => {
      const isJson = response instanceof z.ZodType;
      const description = isJson ? operation.summary : response.description;
      const content = isJson ? jsonOf(response) : plainOf(response);
      return [status, { description, headers: headersOf([]), ...(status === '204' ? {} : { content }) }];
    }),
  );
}

function refusalsOf(operation: Operation, isGuarded: boolean, refusals: Refusals): SchemaDocument {
  const { errors = 'problem', failures = [], notFound = [] } = operation;
  const codes = [...operation.problems, ...(isGuarded ? KEY_PROBLEMS : []), ...COMMON_PROBLEMS];
  const byStatus = new Map<number, RequestErrorCode[]>(failures.map((status) => [status, []]));
  for (const code of codes) {
    const usual = errors === 'openai' ? openAiStatus(code) : PROBLEMS[code].status;
    const status = notFound.includes(code) ? 404 : usual;
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  return Object.fromEntries(
    [...byStatus]
      .sort(([left], [right]) => left - right)
      .map(([status, list]) => [
        String(status),
        refusals.refer(list, errors, failures.includes(status) ? status : undefined),
      ]),
  );
}

/** What operators are answered with, and what customers are. */
function facesOf(
  components: SettledComponents,
  schema: z.ZodType,
  charter: z.ZodType | undefined,
): SchemaDocument {
  const whole = components.refer(schema, 'output');
  if (charter === undefined) return whole;
  const told = components.refer(charter, 'output');
  if (told['$ref'] === whole['$ref']) return whole;
  return {
    description:
      'The first is for keys with the role operate, and for everybody where the server has no keys. ' +
      'The second is what every other key is told: the charter.',
    anyOf: [whole, told],
  };
}

/** `METHOD /path/{param}` */
function nameOf({ method, path }: Operation): string {
  return `${method.toUpperCase()} ${path}`;
}

function operationId({ method, path }: Operation): string {
  const words = path.split('/').filter((part) => part !== '');
  return [method, ...words.map((word) => word.replace(/[{}]/g, '').replace(/[^A-Za-z0-9]+/g, '_'))].join('_');
}
