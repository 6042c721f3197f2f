import type { Configuration, TaskTypeConfiguration } from '#config';
import { resolveRegion } from '#config';
import {
  ProblemError,
  charterView,
  parseRequest,
  taskAcceptedSchema,
  taskCancelSchema,
  taskListQuerySchema,
  taskRequestSchema,
  type CharterView,
  type InferenceRequest,
  type TaskRequest,
  type TaskStatus,
  type taskListSchema,
  type taskSchema,
} from '#contracts';
import { visibleTenant, type Caller, type JobState } from '#domain';
import type { Logger, Metrics } from '#observability';
import {
  findTask,
  findTaskJob,
  listTasks,
  type CharterDatabase,
  type Database,
  type TaskOwner,
} from '#persistence';
import { parseIdempotencyKey, requestHash } from '../http/idempotency.js';
import { requestLimitsOf } from '../http/request-limits.js';
import type { Cancellation } from '../jobs/cancellation.js';
import { refuseWebhookUrl } from '../webhooks/webhook-url.js';
import { originOf, type JobIntake } from '../jobs/intake.js';
import { roundSeconds } from '../jobs/job-status.js';
import type { QueueView } from '../queue/queue-view.js';
import { taskList, taskStatusOf, taskView } from './task-view.js';
import { isUuid } from '../http/ids.js';

/** Of types that have left the configuration. */
const SUMMARY_BYTES = 500;

/** States that read as each status; a job that is out for another attempt reads as retrying, and is found as queued. */
const STATES: Readonly<Record<TaskStatus, readonly JobState[]>> = {
  queued: ['queued', 'dispatched'],
  processing: ['processing'],
  retrying: ['retrying'],
  completed: ['completed'],
  failed: ['failed'],
  cancelling: ['cancelling'],
  cancelled: ['cancelled'],
  expired: ['expired'],
};

export interface TaskParts {
  readonly configuration: Configuration;
  readonly database: Database;
  readonly charter: CharterDatabase;
  readonly intake: JobIntake;
  readonly cancellation: Cancellation;
  readonly queueView: QueueView;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

/**
 * Tasks: durable jobs whose model is chosen by their type. Customers know them by their own ids, and learn neither model
 * nor endpoint.
 */
export class TaskDesk {
  private readonly schema: ReturnType<typeof taskRequestSchema>;

  constructor(private readonly parts: TaskParts) {
    this.schema = taskRequestSchema(requestLimitsOf(parts.configuration));
  }

  /** @throws ProblemError TASKS_NOT_CONFIGURED, UNKNOWN_TASK_TYPE, IDEMPOTENCY_KEY_REUSED, and those of jobs */
  async execute(
    body: unknown,
    idempotencyKey: string | undefined,
    caller: Caller,
  ): Promise<CharterView<typeof taskAcceptedSchema>> {
    const { intake, metrics, logger } = this.parts;
    const types = this.types();
    const request = parseRequest(this.schema, body);
    const type = types[request.task_type];
    if (type === undefined || !Object.hasOwn(types, request.task_type)) {
      const message = `must be one of ${Object.keys(types).join(', ')}`;
      throw new ProblemError('UNKNOWN_TASK_TYPE', `task_type: ${message}`, [{ field: 'task_type', message }]);
    }
    refuseWebhookUrl(request.webhook_url, this.parts.configuration);
    const ownerId = request.owner_id ?? type.owner;
    // No client can send a key with a space in it: tasks and jobs do not meet.
    const key =
      request.task_id === undefined ? parseIdempotencyKey(idempotencyKey, caller) : `task ${request.task_id}`;
    const accepted = await intake
      .accept(
        this.jobOf(request, type),
        key,
        originOf(caller, {
          taskType: request.task_type,
          taskId: request.task_id ?? null,
          ownerId,
          // Of what the client sent: another system prompt in the configuration makes it no other request.
          requestHash: requestHash(request).toString('hex'),
        }),
      )
      .catch((error: unknown) => {
        throw withoutModel(error, type.model);
      });
    const taskId = request.task_id ?? accepted.jobId;
    if (accepted.replayed) return this.known(caller, taskId, accepted.jobId);
    metrics.count('beacon_tasks_accepted_total', { task_type: request.task_type });
    logger.info(
      { event: 'task.accepted', task_id: taskId, job_id: accepted.jobId, task_type: request.task_type },
      'task accepted',
    );
    // The task is committed: whatever fails from here on must not read as a refusal.
    const { position, estimateMs } = await this.parts.queueView
      .placeOfNew(accepted.lane, accepted.model, request.priority, caller.tenant)
      .catch(() => ({ position: 1, estimateMs: undefined }));
    return charterView(taskAcceptedSchema, {
      success: true,
      task_id: taskId,
      task_type: request.task_type,
      owner_id: ownerId,
      status: 'queued',
      created_at: new Date().toISOString(),
      queue_position: position,
      estimated_wait_seconds: roundSeconds(estimateMs ?? 0),
      message:
        estimateMs === undefined
          ? 'accepted; nothing is able to take it now, it waits until something is'
          : `accepted; follow it at /tasks/${encodeURIComponent(taskId)}`,
    });
  }

  /** @throws ProblemError TASK_NOT_FOUND */
  async read(taskId: string, caller: Caller): Promise<CharterView<typeof taskSchema>> {
    this.types();
    const task = await findTask(this.parts.charter, ownerOf(caller), taskId);
    if (task === undefined) throw taskNotFound();
    return taskView(task, this.summaryBytesOf(task.taskType));
  }

  /** @throws ProblemError VALIDATION_FAILED */
  async list(query: unknown, caller: Caller): Promise<CharterView<typeof taskListSchema>> {
    this.types();
    const {
      limit,
      cursor,
      task_type: taskType,
      owner_id: ownerId,
      status,
    } = parseRequest(taskListQuerySchema, query);
    const filter = {
      ...{ tenant: visibleTenant(caller), taskType, ownerId },
      states: status === undefined ? undefined : STATES[status],
      after: cursor === undefined ? undefined : parseCursor(cursor),
    };
    const longest = Math.max(
      SUMMARY_BYTES,
      ...Object.values(this.types()).map(({ result_summary_bytes: bytes }) => bytes),
    );
    const tasks = await listTasks(this.parts.charter, filter, limit + 1, longest);
    const page = tasks.slice(0, limit);
    const last = tasks.length > limit ? page.at(-1) : undefined;
    const nextCursor = last === undefined ? null : cursorOf(last.cursorAt, last.sortId);
    return taskList(page, (type) => this.summaryBytesOf(type), nextCursor);
  }

  /** @throws ProblemError TASK_NOT_FOUND, TASK_FINISHED */
  async cancel(taskId: string, caller: Caller): Promise<CharterView<typeof taskCancelSchema>> {
    this.types();
    const jobId = await findTaskJob(this.parts.database, ownerOf(caller), taskId);
    if (jobId === undefined) throw taskNotFound();
    const status = await this.parts.cancellation.cancel(jobId).catch((error: unknown) => {
      if (error instanceof ProblemError && error.code === 'JOB_FINISHED')
        throw new ProblemError('TASK_FINISHED', 'task_id: the task has ended; read its status');
      throw error;
    });
    return charterView(taskCancelSchema, { task_id: taskId, status });
  }

  /** What was made when this task was asked for before. */
  private async known(
    caller: Caller,
    taskId: string,
    jobId: string,
  ): Promise<CharterView<typeof taskAcceptedSchema>> {
    const { charter } = this.parts;
    const own = { tenant: caller.tenant, own: caller.tenant };
    const task = (await findTask(charter, own, taskId)) ?? (await findTask(charter, own, jobId));
    if (task === undefined) throw taskNotFound();
    return charterView(taskAcceptedSchema, {
      success: true,
      task_id: task.taskId,
      task_type: task.taskType,
      owner_id: task.ownerId,
      status: taskStatusOf(task),
      created_at: task.createdAt.toISOString(),
      queue_position: 0,
      estimated_wait_seconds: 0,
      message: 'this task is known: it was accepted before',
    });
  }

  private jobOf(request: TaskRequest, type: TaskTypeConfiguration): InferenceRequest {
    const { prompt, messages, input } = request;
    const said = messages ?? [{ role: 'user' as const, content: prompt ?? JSON.stringify(input) }];
    const { system_prompt: system, timeout_ms: timeoutMs } = type;
    const region = this.regionOf(request, type);
    return {
      model: type.model,
      messages: system === undefined ? said : [{ role: 'system', content: system }, ...said],
      temperature: type.temperature,
      max_tokens: type.max_tokens,
      region_policy: type.region_policy,
      priority: request.priority,
      ...(region === undefined ? {} : { region_preference: region }),
      ...(timeoutMs === undefined ? {} : { timeout_ms: timeoutMs }),
      ...(request.deadline === undefined ? {} : { deadline: request.deadline }),
      ...(request.webhook_url === undefined ? {} : { webhook_url: request.webhook_url }),
      ...(request.metadata === undefined ? {} : { metadata: request.metadata }),
    };
  }

  /** The client's wish goes before the configuration's, unless the type is pinned. */
  private regionOf(
    { region_preference: wish }: TaskRequest,
    type: TaskTypeConfiguration,
  ): string | undefined {
    const { configuration } = this.parts;
    if (wish === undefined || type.region_policy !== 'pin') return wish ?? type.region;
    const wanted = resolveRegion(configuration, wish);
    if (type.region !== undefined && wanted === resolveRegion(configuration, type.region)) return type.region;
    const message = `tasks of this type are done in ${type.region ?? 'another region'} alone`;
    throw new ProblemError('VALIDATION_FAILED', `region_preference: ${message}`, [
      { field: 'region_preference', message },
    ]);
  }

  private types(): Readonly<Record<string, TaskTypeConfiguration>> {
    const { tasks } = this.parts.configuration;
    if (tasks === undefined || Object.keys(tasks).length === 0)
      throw new ProblemError('TASKS_NOT_CONFIGURED', 'the configuration of this server has no "tasks"');
    return tasks;
  }

  private summaryBytesOf(taskType: string): number {
    return this.parts.configuration.tasks?.[taskType]?.result_summary_bytes ?? SUMMARY_BYTES;
  }
}

function ownerOf(caller: Caller): TaskOwner {
  return { tenant: visibleTenant(caller), own: caller.tenant };
}

function taskNotFound(): ProblemError {
  return new ProblemError('TASK_NOT_FOUND', 'task_id: there is no such task');
}

/** A refusal of the job, told as one of the task: which model does it is nobody's to know. */
function withoutModel(error: unknown, model: string): unknown {
  if (!(error instanceof ProblemError) || !JSON.stringify([error.detail, error.errors]).includes(model))
    return error;
  const told = (text: string): string => text.replaceAll(model, 'the model of this type');
  return new ProblemError(
    error.code,
    told(error.detail),
    error.errors.map(({ field, message }) => ({
      field: field === 'model' ? 'task_type' : field,
      message: told(message),
    })),
    { cause: error },
  );
}

const CURSOR = /^([0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:.]{8,15}[+-][0-9:]{2,8}) ([0-9a-f-]{36})$/;

function cursorOf(createdAt: string, sortId: string): string {
  return Buffer.from(`${createdAt} ${sortId}`).toString('base64url');
}

function parseCursor(cursor: string): { createdAt: string; sortId: string } {
  const [, createdAt, sortId] = CURSOR.exec(Buffer.from(cursor, 'base64url').toString('latin1')) ?? [];
  const isTime =
    createdAt !== undefined &&
    !Number.isNaN(Date.parse(createdAt.replace(' ', 'T').replace(/([+-]\d\d)$/, '$1:00')));
  if (!isTime || sortId === undefined || !isUuid(sortId)) {
    const message = 'is not a cursor of this list';
    throw new ProblemError('VALIDATION_FAILED', `cursor: ${message}`, [{ field: 'cursor', message }]);
  }
  return { createdAt, sortId };
}
