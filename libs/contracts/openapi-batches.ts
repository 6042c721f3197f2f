import {
  batchErasedSchema,
  batchListSchema,
  batchRequestSchema,
  batchSchema,
  batchListQuerySchema,
} from './openai/batches.js';
import {
  fileDeletedSchema,
  fileListSchema,
  fileSchema,
  fileUploadSchema,
  fileListQuerySchema,
} from './openai/files.js';
import { DOOR_HEADERS } from './openai/headers.js';
import { BODY_PROBLEMS } from './openapi-problems.js';
import type { Operation } from './openapi.js';

/** What all of them have in common is said once. */
type OwnParts = Omit<Operation, 'tag' | 'errors'>;

/** Operations on files and batches: OpenAI's, and erasing. */
export function batchOperations(): Operation[] {
  return [
    ...FILES.map((operation): Operation => ({ ...operation, tag: 'files', errors: 'openai' })),
    ...BATCHES.map((operation): Operation => ({ ...operation, tag: 'batches', errors: 'openai' })),
  ];
}

const FILES: readonly OwnParts[] = [
  {
    method: 'post',
    path: '/v1/files',
    summary: 'Upload a file',
    request: fileUploadSchema,
    requestType: 'multipart/form-data',
    responses: { 200: fileSchema },
    problems: [
      'VALIDATION_FAILED',
      'REQUEST_INVALID',
      'BODY_TOO_LARGE',
      'UNSUPPORTED_MEDIA_TYPE',
      'FILE_STORAGE_FULL',
      'QUEUE_FULL',
      'SHUTTING_DOWN',
    ],
  },
  {
    method: 'get',
    path: '/v1/files',
    summary: 'List files',
    query: fileListQuerySchema.shape,
    responses: { 200: fileListSchema },
    problems: ['VALIDATION_FAILED'],
  },
  {
    method: 'get',
    path: '/v1/files/{file_id}',
    summary: 'Read what is known of a file',
    responses: { 200: fileSchema },
    problems: ['FILE_NOT_FOUND'],
  },
  {
    method: 'get',
    path: '/v1/files/{file_id}/content',
    summary: 'Download a file',
    responses: { 200: { contentType: 'application/octet-stream', description: 'The file as it is' } },
    problems: ['FILE_NOT_FOUND'],
  },
  {
    method: 'delete',
    path: '/v1/files/{file_id}',
    summary: 'Delete a file',
    responses: { 200: fileDeletedSchema },
    problems: ['FILE_NOT_FOUND', 'FILE_IN_USE'],
  },
];

const BATCHES: readonly OwnParts[] = [
  {
    method: 'post',
    path: '/v1/batches',
    summary: 'Make a batch of an uploaded file of requests',
    request: batchRequestSchema,
    headers: ['Idempotency-Key', ...DOOR_HEADERS],
    responses: { 200: batchSchema },
    problems: [
      ...BODY_PROBLEMS,
      'FILE_NOT_FOUND',
      'FILE_STORAGE_FULL',
      'IDEMPOTENCY_KEY_REUSED',
      'QUEUE_FULL',
      'SHUTTING_DOWN',
    ],
  },
  {
    method: 'get',
    path: '/v1/batches',
    summary: 'List batches, newest first',
    query: batchListQuerySchema.shape,
    responses: { 200: batchListSchema },
    problems: ['VALIDATION_FAILED'],
  },
  {
    method: 'get',
    path: '/v1/batches/{batch_id}',
    summary: 'Read a batch',
    responses: { 200: batchSchema },
    problems: ['BATCH_NOT_FOUND'],
  },
  {
    method: 'post',
    path: '/v1/batches/{batch_id}/cancel',
    summary: 'Cancel a batch and its calls upstream; what was answered is kept',
    responses: { 200: batchSchema },
    problems: ['BATCH_NOT_FOUND', 'BATCH_FINISHED'],
  },
  {
    method: 'post',
    path: '/v1/batches/{batch_id}/erase',
    summary: 'Erase the contents of an ended batch, its files and its jobs',
    responses: { 200: batchErasedSchema },
    problems: ['BATCH_NOT_FOUND', 'BATCH_NOT_FINISHED'],
  },
];
