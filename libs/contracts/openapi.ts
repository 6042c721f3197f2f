import type { z } from 'zod';
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
  regionQueueStatusSchema,
} from './http/queue.js';
import { callbackAcceptedSchema, callbackSchema } from './http/callbacks.js';
import type { RequestErrorCode } from '#domain';
import { BODY_PROBLEMS } from './openapi-problems.js';

/** An answer that is no JSON of its own. */
export interface PlainResponse {
  readonly contentType: string;
  readonly description: string;
  /** Of a stream of server-sent events: what the data of each is, as JSON. */
  readonly eventData?: z.ZodType;
  readonly example?: string;
}

/** One operation of the HTTP API, described by the schemas that validate it. */
export interface Operation {
  readonly method: 'get' | 'post' | 'put' | 'delete';
  /** OpenAPI spelling: `/runs/{run_id}`. */
  readonly path: string;
  readonly summary: string;
  /** What a caller has to know beyond the summary; Markdown. */
  readonly description?: string;
  readonly tag: string;
  readonly request?: z.ZodType;
  /** Content type of the request; left out: JSON. */
  readonly requestType?: string;
  readonly isBodyOptional?: boolean;
  readonly query?: Readonly<Record<string, z.ZodType>>;
  readonly headers?: readonly string[];
  readonly responses: Readonly<Record<number, z.ZodType | PlainResponse>>;
  /** Content types, besides that of its response, in which it answers where it is asked to. */
  readonly alsoAnswers?: readonly string[];
  /** What the data of each event is where `alsoAnswers` has `text/event-stream`. */
  readonly eventData?: z.ZodType;
  /** The shape of its errors; left out: problem documents. */
  readonly errors?: 'openai';
  /** Statuses of jobs that failed, where those are told by a status. */
  readonly failures?: readonly number[];
  /** Codes this operation can be refused with, besides those that every operation has. */
  readonly problems: readonly RequestErrorCode[];
  /** Those of `problems` that are 404 here, whatever their status is elsewhere: the path names what is not there. */
  readonly notFound?: readonly RequestErrorCode[];
}

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
      responses: { 200: regionQueueStatusSchema },
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
      problems: [...BODY_PROBLEMS, 'CALLBACK_REFUSED', 'RATE_LIMIT_REACHED'],
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
