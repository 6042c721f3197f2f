import { z } from 'zod';
import {
  cancelResponseSchema,
  inferenceRequestSchema,
  inferenceResponseSchema,
  jobStatusSchema,
  queuedResponseSchema,
  type RequestLimits,
} from './http/inference.js';
import {
  healthSchema,
  livenessSchema,
  providersSchema,
  queueStatusSchema,
  readinessSchema,
  regionQueueSchema,
} from './http/queue.js';
import { callbackAcceptedSchema, callbackSchema } from './http/callbacks.js';
import { PROBLEMS, problemSchema } from './problems.js';
import type { RequestErrorCode } from '#domain';
import { BODY_PROBLEMS } from './openapi-problems.js';
import { webhookEvents } from './openapi-webhook-events.js';

/** One operation of the HTTP API, described by the schemas that validate it. */
export interface Operation {
  readonly method: 'get' | 'post' | 'put' | 'delete';
  /** OpenAPI spelling: `/runs/{run_id}`. */
  readonly path: string;
  readonly summary: string;
  readonly tag: string;
  readonly request?: z.ZodType;
  readonly isBodyOptional?: boolean;
  readonly query?: Readonly<Record<string, z.ZodType>>;
  readonly headers?: readonly string[];
  readonly responses: Readonly<
    Record<number, z.ZodType | { readonly contentType: string; readonly description: string }>
  >;
  /** Content types, besides that of its response, in which it answers where it is asked to. */
  readonly alsoAnswers?: readonly string[];
  /** Codes this operation can be refused with, besides those that every operation has. */
  readonly problems: readonly RequestErrorCode[];
}

const COMMON_PROBLEMS = ['DATABASE_UNAVAILABLE', 'INTERNAL_ERROR'] as const;
/** Of operations that need a key, where the server has keys. */
const KEY_PROBLEMS = ['UNAUTHENTICATED', 'FORBIDDEN', 'RATE_LIMIT_REACHED'] as const;

/** Operations on jobs, queues and the process itself. */
export function coreOperations(limits: RequestLimits): Operation[] {
  const job = inferenceRequestSchema(limits);
  const submit = [
    ...BODY_PROBLEMS,
    'UNKNOWN_MODEL',
    'MODEL_NOT_IN_REGION',
    'IDEMPOTENCY_KEY_REUSED',
    'BUDGET_EXHAUSTED',
    'QUEUE_FULL',
    'SHUTTING_DOWN',
  ] as const;
  const plain = (description: string, contentType: string) => ({ description, contentType });
  return [
    {
      method: 'post',
      path: '/inference/queued',
      tag: 'jobs',
      summary: 'Queue a job',
      request: job,
      headers: ['Idempotency-Key'],
      responses: { 202: queuedResponseSchema },
      problems: submit,
    },
    {
      method: 'get',
      path: '/inference/status/{job_id}',
      tag: 'jobs',
      summary: 'Read a job',
      responses: { 200: jobStatusSchema },
      problems: ['JOB_NOT_FOUND'],
    },
    {
      method: 'delete',
      path: '/inference/{job_id}',
      tag: 'jobs',
      summary: 'Cancel a job, and its call upstream',
      responses: { 202: cancelResponseSchema },
      problems: ['JOB_NOT_FOUND', 'JOB_FINISHED'],
    },
    {
      method: 'post',
      path: '/inference',
      tag: 'jobs',
      summary: 'Queue a job and wait for its end',
      request: job,
      headers: ['Idempotency-Key'],
      responses: { 200: inferenceResponseSchema },
      problems: [...submit, 'CONTENT_ERASED'],
    },
    {
      method: 'post',
      path: '/v1/inference',
      tag: 'jobs',
      summary: 'Queue a job and wait for its end',
      request: job,
      headers: ['Idempotency-Key'],
      responses: { 200: inferenceResponseSchema },
      problems: [...submit, 'CONTENT_ERASED'],
    },
    {
      method: 'get',
      path: '/queue/status',
      tag: 'queues',
      summary: 'Queues of every region',
      responses: { 200: queueStatusSchema },
      problems: [],
    },
    {
      method: 'get',
      path: '/queue/status/{region}',
      tag: 'queues',
      summary: 'Queue of one region',
      responses: { 200: regionQueueSchema.extend({ region: z.string() }) },
      problems: ['UNKNOWN_REGION'],
    },
    {
      method: 'get',
      path: '/providers',
      tag: 'queues',
      summary: 'Endpoints and their state',
      responses: { 200: providersSchema },
      problems: [],
    },
    {
      method: 'post',
      path: '/api/webhooks/modal/task-complete',
      tag: 'callbacks',
      summary: 'Report that a job has ended at its endpoint: it is asked for at once',
      request: callbackSchema,
      headers: ['X-Webhook-Secret'],
      responses: { 202: callbackAcceptedSchema },
      problems: [...BODY_PROBLEMS, 'CALLBACK_REFUSED'],
    },
    {
      method: 'get',
      path: '/health',
      tag: 'operations',
      summary: 'Health of the endpoints',
      responses: { 200: healthSchema, 503: healthSchema },
      problems: [],
    },
    {
      method: 'get',
      path: '/health/live',
      tag: 'operations',
      summary: 'The process lives',
      responses: { 200: livenessSchema },
      problems: [],
    },
    {
      method: 'get',
      path: '/health/ready',
      tag: 'operations',
      summary: 'Database and NATS answer',
      responses: { 200: readinessSchema, 503: readinessSchema },
      problems: [],
    },
    {
      method: 'get',
      path: '/metrics',
      tag: 'operations',
      summary: 'Prometheus metrics',
      responses: { 200: plain('Prometheus text format', 'text/plain') },
      problems: [],
    },
    {
      method: 'get',
      path: '/openapi.json',
      tag: 'operations',
      summary: 'This document',
      responses: { 200: plain('OpenAPI 3.1', 'application/json') },
      problems: [],
    },
  ];
}

/**
 * Builds the OpenAPI 3.1 document out of the operations.
 * @param needsKey by `METHOD /path/{param}`
 * @param charterOf what customers are answered with, where that is less; by the same names
 */
export function openApiDocument(
  operations: readonly Operation[],
  version: string,
  needsKey: (operation: string) => boolean,
  charterOf: (operation: string) => z.ZodType | undefined = () => undefined,
): Record<string, unknown> {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const operation of operations) {
    const name = `${operation.method.toUpperCase()} ${operation.path}`;
    const isGuarded = needsKey(name);
    const charter = charterOf(name);
    const codes = [...operation.problems, ...(isGuarded ? KEY_PROBLEMS : []), ...COMMON_PROBLEMS];
    const byStatus = new Map<number, RequestErrorCode[]>();
    for (const code of codes) {
      const { status } = PROBLEMS[code];
      byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
    }
    const responses: Record<string, unknown> = {};
    for (const [status, list] of [...byStatus].sort(([left], [right]) => left - right)) {
      responses[String(status)] = {
        description: list.map((code) => `\`${code}\`: ${PROBLEMS[code].title}`).join('\n\n'),
        content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
      };
    }
    for (const [status, response] of Object.entries(operation.responses)) {
      responses[status] =
        response instanceof z.ZodType
          ? {
              description: operation.summary,
              content: {
                'application/json': { schema: facesOf(response, charter) },
                ...Object.fromEntries(
                  (operation.alsoAnswers ?? []).map((type) => [type, { schema: { type: 'string' } }]),
                ),
              },
            }
          : {
              description: response.description,
              content: { [response.contentType]: { schema: { type: 'string' } } },
            };
    }
    (paths[operation.path] ??= {})[operation.method] = {
      operationId: operationId(operation),
      summary: operation.summary,
      tags: [operation.tag],
      security: isGuarded ? [{ key: [] }] : [],
      parameters: [
        ...[...operation.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
          name,
          in: 'path',
          required: true,
          schema: { type: 'string' },
        })),
        ...Object.entries(operation.query ?? {}).map(([name, schema]) => ({
          name,
          in: 'query',
          required: false,
          schema: schemaOf(schema, 'input'),
        })),
        ...(operation.headers ?? []).map((name) => ({
          name,
          in: 'header',
          required: false,
          schema: { type: 'string' },
        })),
      ],
      ...(operation.request === undefined
        ? {}
        : {
            requestBody: {
              required: operation.isBodyOptional !== true,
              content: { 'application/json': { schema: schemaOf(operation.request, 'input') } },
            },
          }),
      responses,
    };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Beacon',
      version,
      description: 'Multi-region job router for model inference on serverless GPUs',
    },
    paths,
    webhooks: webhookEvents(),
    components: {
      schemas: { Problem: schemaOf(problemSchema, 'output') },
      securitySchemes: {
        key: { type: 'http', scheme: 'bearer', description: 'An API key; a server without keys needs none' },
      },
    },
  };
}

/** What operators are answered with, and what customers are. */
function facesOf(schema: z.ZodType, charter: z.ZodType | undefined): Record<string, unknown> {
  if (charter === undefined || charter === schema) return schemaOf(schema, 'output');
  return {
    anyOf: [
      { title: 'With the role operate, or on a server without keys', ...schemaOf(schema, 'output') },
      { title: 'The charter: every other key', ...schemaOf(charter, 'output') },
    ],
  };
}

function schemaOf(schema: z.ZodType, io: 'input' | 'output'): Record<string, unknown> {
  const { $schema: _draft, ...document } = z.toJSONSchema(schema, { io, unrepresentable: 'any' });
  return document;
}

function operationId({ method, path }: Operation): string {
  const words = path.split('/').filter((part) => part !== '');
  return [method, ...words.map((word) => word.replace(/[{}]/g, '').replace(/[^A-Za-z0-9]+/g, '_'))].join('_');
}
