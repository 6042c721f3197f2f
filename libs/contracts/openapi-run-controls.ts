import { runStateSchema } from './http/run-controls.js';
import type { Operation } from './openapi.js';

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
  ];
}
