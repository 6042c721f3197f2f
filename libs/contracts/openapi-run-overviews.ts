import { runCellsSchema, runCellsQuerySchema } from './http/run-cells.js';
import { runTimelineSchema } from './http/run-timeline.js';
import type { Operation } from './openapi.js';

/** What pictures of a run are drawn from. */
export function runOverviewOperations(): Operation[] {
  return [
    {
      method: 'get',
      path: '/runs/{id}/cells',
      tag: 'runs',
      summary: 'Read how every cell stands, a letter each, and from which event on to follow',
      query: runCellsQuerySchema.shape,
      responses: { 200: runCellsSchema },
      problems: ['VALIDATION_FAILED', 'RUN_NOT_FOUND'],
    },
    {
      method: 'get',
      path: '/runs/{id}/timeline',
      tag: 'runs',
      summary: 'Read what the containers of a run did, against its plan',
      responses: { 200: runTimelineSchema },
      problems: ['RUN_NOT_FOUND'],
    },
  ];
}
