import {
  runExtendRequestSchema,
  runExtendSchema,
  runRetryRequestSchema,
  runRetrySchema,
  runStateSchema,
} from './http/run-controls.js';
import type { Operation } from './openapi.js';
import { BODY_PROBLEMS } from './openapi-problems.js';

/** What may be done to a run besides cancelling it. */
export function runControlOperations(): Operation[] {
  return [
    {
      method: 'post',
      path: '/runs/{id}/pause',
      tag: 'runs',
      summary: 'Submit nothing more until the run is resumed; calls in flight end',
      responses: { 200: runStateSchema },
      problems: ['RUN_NOT_FOUND', 'RUN_FINISHED'],
    },
    {
      method: 'post',
      path: '/runs/{id}/resume',
      tag: 'runs',
      summary: 'Let a paused run go on',
      responses: { 200: runStateSchema },
      problems: ['RUN_NOT_FOUND', 'RUN_FINISHED'],
    },
    {
      method: 'post',
      path: '/runs/{id}/retry-failed',
      tag: 'runs',
      summary: 'Ask the cells of an ended run again that have no answer',
      request: runRetryRequestSchema,
      responses: { 202: runRetrySchema },
      problems: [...BODY_PROBLEMS, 'RUN_NOT_FOUND', 'RUN_NOT_FINISHED', 'GATE_DECIDED', 'CONTENT_ERASED'],
    },
    {
      method: 'post',
      path: '/runs/{id}/extend',
      tag: 'runs',
      summary: 'Give an ended run more repeats',
      request: runExtendRequestSchema,
      responses: { 202: runExtendSchema },
      problems: [
        ...BODY_PROBLEMS,
        ...(['RUN_NOT_FOUND', 'RUN_NOT_FINISHED', 'RUN_FINISHED', 'GATE_DECIDED', 'CONTENT_ERASED'] as const),
      ],
    },
  ];
}
