import {
  taskAcceptedSchema,
  taskCancelSchema,
  taskListSchema,
  taskRequestSchema,
  taskSchema,
  taskListQuerySchema,
} from './charter/tasks.js';
import type { RequestLimits } from './http/inference.js';
import { BODY_PROBLEMS } from './openapi-problems.js';
import type { Operation } from './openapi.js';

/** Operations on tasks. */
export function taskOperations(limits: RequestLimits): Operation[] {
  return [
    {
      method: 'post',
      path: '/api/modal/execute-task',
      tag: 'tasks',
      summary: 'Queue a task: a job whose model follows from its type',
      request: taskRequestSchema(limits),
      headers: ['Idempotency-Key'],
      responses: { 202: taskAcceptedSchema },
      problems: [
        ...BODY_PROBLEMS,
        'UNKNOWN_TASK_TYPE',
        'TASKS_NOT_CONFIGURED',
        'IDEMPOTENCY_KEY_REUSED',
        'SHUTTING_DOWN',
      ],
    },
    {
      method: 'get',
      path: '/tasks',
      tag: 'tasks',
      summary: 'List tasks, newest first',
      query: taskListQuerySchema.shape,
      responses: { 200: taskListSchema },
      problems: ['VALIDATION_FAILED', 'TASKS_NOT_CONFIGURED'],
    },
    {
      method: 'get',
      path: '/tasks/{task_id}',
      tag: 'tasks',
      summary: 'Read a task and its result',
      responses: { 200: taskSchema },
      problems: ['TASK_NOT_FOUND', 'TASKS_NOT_CONFIGURED'],
    },
    {
      method: 'delete',
      path: '/tasks/{task_id}',
      tag: 'tasks',
      summary: 'Cancel a task, and its call upstream',
      responses: { 202: taskCancelSchema },
      problems: ['TASK_NOT_FOUND', 'TASK_FINISHED', 'TASKS_NOT_CONFIGURED'],
    },
  ];
}
