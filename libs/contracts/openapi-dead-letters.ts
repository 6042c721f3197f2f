import { z } from 'zod';
import {
  deadLetterDetailSchema,
  deadLetterListSchema,
  deadLetterQuerySchema,
  deadLetterSchema,
  deadLetterSummaryQuerySchema,
  deadLetterSummarySchema,
  discardManyRequestSchema,
  discardRequestSchema,
  discardedManySchema,
  redriveRequestSchema,
  redrivenManySchema,
  redrivenSchema,
} from './http/dead-letters.js';
import {
  jobErasedSchema,
  runErasedSchema,
  tenantErasedSchema,
  tenantEraseRequestSchema,
} from './http/erasure.js';
import type { Operation } from './openapi.js';
import { BODY_PROBLEMS } from './openapi-problems.js';

/** Jobs that failed for good, and what is erased. */
export function deadLetterOperations(): Operation[] {
  const { group_by: _groups, ...summaryQuery } = deadLetterSummaryQuerySchema.shape;
  return [
    {
      method: 'get',
      path: '/dead-letters',
      tag: 'dead letters',
      summary: 'List jobs that failed for good, newest first',
      query: deadLetterQuerySchema.shape,
      responses: { 200: deadLetterListSchema },
      problems: ['VALIDATION_FAILED'],
    },
    {
      method: 'get',
      path: '/dead-letters/summary',
      tag: 'dead letters',
      summary: 'Count open dead letters by code, model, region or endpoint',
      query: { ...summaryQuery, group_by: z.string().default('code,model,region') },
      responses: { 200: deadLetterSummarySchema },
      problems: ['VALIDATION_FAILED'],
    },
    {
      method: 'get',
      path: '/dead-letters/{job_id}',
      tag: 'dead letters',
      summary: 'Read a dead letter with every attempt',
      responses: { 200: deadLetterDetailSchema },
      problems: ['JOB_NOT_FOUND', 'DEAD_LETTER_NOT_FOUND'],
    },
    {
      method: 'post',
      path: '/dead-letters/{job_id}/redrive',
      tag: 'dead letters',
      summary:
        'Make a new job of a dead letter; asking again names the same job until that one has failed too',
      responses: { 202: redrivenSchema },
      problems: [
        ...(['JOB_NOT_FOUND', 'DEAD_LETTER_NOT_FOUND', 'DEAD_LETTER_DISCARDED', 'JOB_OF_RUN'] as const),
        ...([
          'CONTENT_ERASED',
          'UNKNOWN_MODEL',
          'MODEL_NOT_IN_REGION',
          'QUEUE_FULL',
          'SHUTTING_DOWN',
        ] as const),
      ],
    },
    {
      method: 'post',
      path: '/dead-letters/redrive',
      tag: 'dead letters',
      summary: 'Make new jobs of open dead letters, oldest first, and say which were passed over and why',
      request: redriveRequestSchema,
      responses: { 202: redrivenManySchema },
      problems: [...BODY_PROBLEMS, 'SHUTTING_DOWN'],
    },
    {
      method: 'post',
      path: '/dead-letters/{job_id}/discard',
      tag: 'dead letters',
      summary: 'Give a dead letter up; it is kept, with who did so and why',
      request: discardRequestSchema,
      responses: { 200: deadLetterSchema },
      problems: [...BODY_PROBLEMS, 'JOB_NOT_FOUND', 'DEAD_LETTER_NOT_FOUND', 'DEAD_LETTER_REDRIVEN'],
    },
    {
      method: 'post',
      path: '/dead-letters/discard',
      tag: 'dead letters',
      summary: 'Give open dead letters up, oldest first',
      request: discardManyRequestSchema,
      responses: { 200: discardedManySchema },
      problems: BODY_PROBLEMS,
    },
    {
      method: 'post',
      path: '/inference/{job_id}/erase',
      tag: 'erasure',
      summary: 'Erase prompt, answer and metadata of an ended job',
      responses: { 200: jobErasedSchema },
      problems: ['JOB_NOT_FOUND', 'JOB_NOT_FINISHED', 'JOB_OF_RUN'],
    },
    {
      method: 'post',
      path: '/runs/{id}/erase',
      tag: 'erasure',
      summary:
        'Erase questions, system prompts and answers of an ended run; its receipt goes by their hashes',
      responses: { 200: runErasedSchema },
      problems: ['RUN_NOT_FOUND', 'RUN_NOT_FINISHED'],
    },
    {
      method: 'post',
      path: '/tenants/{tenant}/erase',
      tag: 'erasure',
      summary: 'Erase the contents of everything a tenant has made until now',
      request: tenantEraseRequestSchema,
      responses: { 200: tenantErasedSchema },
      problems: BODY_PROBLEMS,
    },
  ];
}
