import {
  charterView,
  errorSentence,
  taskListSchema,
  taskSchema,
  type CharterView,
  type TaskStatus,
} from '#contracts';
import { statusOf, textStart } from '#domain';
import type { TaskRow } from '#persistence';

/** What happened to a task latest, as its webhooks name it too. */
const EVENTS: Readonly<Record<TaskStatus, string>> = {
  queued: 'task.queued',
  processing: 'task.started',
  retrying: 'task.retrying',
  completed: 'task.completed',
  failed: 'task.failed',
  cancelling: 'task.cancelling',
  cancelled: 'task.cancelled',
  expired: 'task.expired',
};

export function taskStatusOf({ state, attempt }: Pick<TaskRow, 'state' | 'attempt'>): TaskStatus {
  return statusOf(state, attempt);
}

/** @param summaryBytes how much of the result its summary holds */
export function taskView(task: TaskRow, summaryBytes: number): CharterView<typeof taskSchema> {
  return charterView(taskSchema, {
    ...partsOf(task, summaryBytes),
    result: task.response,
    priority: task.priority,
    retry_count: Math.max(0, task.attempt - 1),
    metadata: task.metadata,
  });
}

export function taskList(
  tasks: readonly TaskRow[],
  summaryBytesOf: (taskType: string) => number,
  nextCursor: string | null,
): CharterView<typeof taskListSchema> {
  return charterView(taskListSchema, {
    tasks: tasks.map((task) => partsOf(task, summaryBytesOf(task.taskType))),
    next_cursor: nextCursor,
  });
}

function partsOf(task: TaskRow, summaryBytes: number) {
  const status = taskStatusOf(task);
  const { errorCode, response, executionMs } = task;
  return {
    task_id: task.taskId,
    task_type: task.taskType,
    owner_id: task.ownerId,
    status,
    event: EVENTS[status],
    execution_time: executionMs === null ? null : executionMs / 1000,
    worker_id: task.workerId,
    result_summary: response === null ? null : textStart(response, summaryBytes),
    // A completed task keeps the code of an attempt before; it is no failure of the task.
    error:
      errorCode === null || status === 'completed'
        ? null
        : { code: errorCode, message: errorSentence(errorCode) },
    created_at: task.createdAt.toISOString(),
    started_at: task.startedAt?.toISOString() ?? null,
    completed_at: task.completedAt?.toISOString() ?? null,
    erased_at: task.erasedAt?.toISOString() ?? null,
    redriven_from: task.redrivenFrom,
    redriven_as: task.redrivenAs,
  };
}
