import { chatChunkSchema, chatCompletionSchema, chatRequestSchema } from './openai/chat.js';
import { completionRequestSchema, textChunkSchema, textCompletionSchema } from './openai/completions.js';
import { DOOR_HEADERS } from './openai/headers.js';
import { openAiModelListSchema, openAiModelSchema } from './openai/models.js';
import { BODY_PROBLEMS } from './openapi-problems.js';
import type { Operation } from './openapi.js';

const SUBMIT_PROBLEMS = [
  ...BODY_PROBLEMS,
  'UNKNOWN_MODEL',
  'MODEL_NOT_IN_REGION',
  'IDEMPOTENCY_KEY_REUSED',
  'BUDGET_EXHAUSTED',
  'QUEUE_FULL',
  'SHUTTING_DOWN',
  'CONTENT_ERASED',
] as const;
const HEADERS = ['Idempotency-Key', ...DOOR_HEADERS];

/** Operations of the OpenAI door, less files and batches. */
export function openAiOperations(): Operation[] {
  return [
    {
      method: 'get',
      path: '/v1/models',
      tag: 'openai',
      summary: 'List models: each in any region, and pinned to one',
      responses: { 200: openAiModelListSchema },
      errors: 'openai',
      problems: [],
    },
    {
      method: 'get',
      path: '/v1/models/{model}',
      tag: 'openai',
      summary: 'Read a model',
      responses: { 200: openAiModelSchema },
      errors: 'openai',
      problems: ['UNKNOWN_MODEL', 'MODEL_NOT_IN_REGION'],
      notFound: ['MODEL_NOT_IN_REGION'],
    },
    {
      method: 'post',
      path: '/v1/chat/completions',
      tag: 'openai',
      summary: 'Ask a model in messages; with stream, answered in server-sent events',
      request: chatRequestSchema,
      headers: HEADERS,
      responses: { 200: chatCompletionSchema },
      alsoAnswers: ['text/event-stream'],
      eventData: chatChunkSchema,
      errors: 'openai',
      failures: [400, 424],
      problems: SUBMIT_PROBLEMS,
    },
    {
      method: 'post',
      path: '/v1/completions',
      tag: 'openai',
      summary: 'Have prompts continued, each by a job; with stream, answered in server-sent events',
      request: completionRequestSchema,
      headers: HEADERS,
      responses: { 200: textCompletionSchema },
      alsoAnswers: ['text/event-stream'],
      eventData: textChunkSchema,
      errors: 'openai',
      failures: [400, 424],
      problems: SUBMIT_PROBLEMS,
    },
  ];
}
