import type { RequestLimits } from './http/inference.js';
import { comparisonSchema, comparisonQuerySchema } from './http/comparison.js';
import { receiptKeySchema, signedReceiptSchema } from './http/receipts.js';
import {
  gateDecidedSchema,
  runCancelSchema,
  runCreatedSchema,
  runListSchema,
  runRequestSchema,
  runResultsSchema,
  runViewSchema,
  runListQuerySchema,
  runResultsQuerySchema,
} from './http/runs.js';
import { runForecastSchema, runPlanRequestSchema } from './http/run-plan.js';
import { charterRunEventSchema } from './charter/run-events.js';
import { runControlOperations } from './openapi-run-controls.js';
import { runOverviewOperations } from './openapi-run-overviews.js';
import type { Operation } from './openapi.js';
import { BODY_PROBLEMS } from './openapi-problems.js';

/** Operations on runs. */
export function runOperations(limits: RequestLimits): Operation[] {
  const decide = (decision: 'approve' | 'reject'): Operation => ({
    method: 'post',
    path: `/runs/{id}/gates/{gate}/${decision}`,
    tag: 'runs',
    summary: decision === 'approve' ? 'Let a run go on' : 'End a run at a gate',
    responses: { 200: gateDecidedSchema },
    problems: ['RUN_NOT_FOUND', 'RUN_FINISHED', 'GATE_NOT_FOUND', 'GATE_DECIDED'],
  });
  return [
    {
      method: 'post',
      path: '/runs',
      tag: 'runs',
      summary: 'Start a run: questions x models x regions',
      request: runRequestSchema(limits),
      headers: ['Idempotency-Key'],
      responses: { 202: runCreatedSchema },
      problems: [
        ...BODY_PROBLEMS,
        'UNKNOWN_MODEL',
        'MODEL_NOT_IN_REGION',
        'IDEMPOTENCY_KEY_REUSED',
        'BUDGET_EXHAUSTED',
        'QUEUE_FULL',
      ],
    },
    {
      method: 'post',
      path: '/runs/plan',
      tag: 'runs',
      summary: 'Say what a run would take in each order; nothing runs and nothing is stored',
      request: runPlanRequestSchema(limits),
      responses: { 200: runForecastSchema },
      problems: [...BODY_PROBLEMS, 'UNKNOWN_MODEL', 'MODEL_NOT_IN_REGION'],
    },
    {
      method: 'get',
      path: '/runs',
      tag: 'runs',
      summary: 'List runs, newest first',
      query: runListQuerySchema.shape,
      responses: { 200: runListSchema },
      problems: ['VALIDATION_FAILED'],
    },
    {
      method: 'get',
      path: '/runs/{id}',
      tag: 'runs',
      summary: 'Read a run and its progress',
      responses: { 200: runViewSchema },
      problems: ['RUN_NOT_FOUND'],
    },
    {
      method: 'get',
      path: '/runs/{id}/results',
      tag: 'runs',
      summary: 'Read one row per cell; format=jsonl and format=csv stream the same rows',
      query: runResultsQuerySchema.shape,
      responses: {
        200: runResultsSchema,
      },
      alsoAnswers: ['application/x-ndjson', 'text/csv'],
      problems: ['VALIDATION_FAILED', 'RUN_NOT_FOUND'],
    },
    {
      method: 'get',
      path: '/runs/{id}/receipt',
      tag: 'runs',
      summary: 'Read the signed list of every cell, attempt, substitute and missing answer',
      responses: { 200: signedReceiptSchema },
      problems: ['RUN_NOT_FOUND'],
    },
    {
      method: 'get',
      path: '/receipts/key',
      tag: 'runs',
      summary: 'Read the public key that receipts are verified with',
      responses: { 200: receiptKeySchema },
      problems: [],
    },
    {
      method: 'get',
      path: '/runs/{id}/comparison',
      tag: 'runs',
      summary: 'Compare the answers to one question across regions and models',
      query: comparisonQuerySchema.shape,
      responses: { 200: comparisonSchema },
      problems: ['VALIDATION_FAILED', 'RUN_NOT_FOUND'],
    },
    {
      method: 'get',
      path: '/runs/{id}/events',
      tag: 'runs',
      summary: 'Follow a run; resumable with Last-Event-ID',
      headers: ['Last-Event-ID'],
      responses: {
        200: {
          contentType: 'text/event-stream',
          eventData: charterRunEventSchema,
          description:
            'Server-sent events until the run has ended; `progress`, which is not stored, has no id',
        },
        204: { contentType: 'text/plain', description: 'The run has ended and the client has every event' },
      },
      problems: ['VALIDATION_FAILED', 'RUN_NOT_FOUND', 'TOO_MANY_STREAMS', 'SHUTTING_DOWN'],
    },
    {
      method: 'post',
      path: '/runs/{id}/cancel',
      tag: 'runs',
      summary: 'Cancel a run, its jobs and their calls upstream',
      responses: { 202: runCancelSchema },
      problems: ['RUN_NOT_FOUND', 'RUN_FINISHED'],
    },
    ...runControlOperations(),
    ...runOverviewOperations(),
    decide('approve'),
    decide('reject'),
  ];
}
