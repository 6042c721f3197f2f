import type { JobState, Priority } from '#domain';
import type { CharterDatabase } from '../../charter-database.js';
import type { Queryable } from '../../database.js';

/** A task as everybody may know it: neither its model nor its endpoint. */
export interface TaskRow {
  readonly taskId: string;
  /** Breaks ties of the list; the job's id. */
  readonly sortId: string;
  readonly taskType: string;
  readonly ownerId: string;
  readonly state: JobState;
  readonly attempt: number;
  readonly priority: Priority;
  readonly metadata: Record<string, unknown> | null;
  readonly errorCode: string | null;
  readonly response: string | null;
  readonly erasedAt: Date | null;
  /** Id of the failed task that it was made of. */
  readonly redrivenFrom: string | null;
  /** Id of the task that was made of it. */
  readonly redrivenAs: string | null;
  readonly executionMs: number | null;
  readonly workerId: string | null;
  readonly createdAt: Date;
  readonly startedAt: Date | null;
  readonly completedAt: Date | null;
}

const columns = (response: string): string => `
  task_id AS "taskId", sort_id AS "sortId", task_type AS "taskType", owner_id AS "ownerId", state, attempt, priority,
  metadata, error_code AS "errorCode", ${response} AS response, erased_at AS "erasedAt",
  redriven_from AS "redrivenFrom", redriven_as AS "redrivenAs", execution_ms AS "executionMs", worker_id AS "workerId",
  created_at AS "createdAt", started_at AS "startedAt", completed_at AS "completedAt"`;

/** Whose tasks are looked at. */
export interface TaskOwner {
  /** undefined: everybody's. */
  readonly tenant: string | undefined;
  /** Goes first where several tenants have a task of one name; then the newest. */
  readonly own: string;
}

export async function findTask(
  database: CharterDatabase,
  { tenant, own }: TaskOwner,
  taskId: string,
): Promise<TaskRow | undefined> {
  const { rows } = await database.query<TaskRow & Record<string, unknown>>(
    `SELECT ${columns('response')} FROM tasks
      WHERE (task_id = $1) AND ($2::text IS NULL OR tenant = $2) ORDER BY tenant = $3 DESC, created_at DESC LIMIT 1`,
    [taskId, tenant ?? null, own],
  );
  return rows[0];
}

export interface TaskFilter {
  /** undefined: everybody's. */
  readonly tenant: string | undefined;
  readonly taskType: string | undefined;
  readonly ownerId: string | undefined;
  readonly states: readonly JobState[] | undefined;
  /** The last one already seen: RFC 3339 and the job's id. */
  readonly after: { readonly createdAt: string; readonly sortId: string } | undefined;
}

/** Newest first. @param summaryBytes no more of a response is read */
export async function listTasks(
  database: CharterDatabase,
  { tenant, taskType, ownerId, states, after }: TaskFilter,
  limit: number,
  summaryBytes: number,
): Promise<(TaskRow & { readonly cursorAt: string })[]> {
  const { rows } = await database.query<TaskRow & { readonly cursorAt: string } & Record<string, unknown>>(
    `SELECT ${columns('left(response, $8)')}, created_at::text AS "cursorAt" FROM tasks
      WHERE ($1::text IS NULL OR tenant = $1) AND ($2::text IS NULL OR task_type = $2)
        AND ($3::text IS NULL OR owner_id = $3) AND ($4::text[] IS NULL OR state = ANY ($4))
        AND ($5::timestamptz IS NULL OR (created_at, sort_id) < ($5, $6::uuid))
      ORDER BY created_at DESC, sort_id DESC LIMIT $7`,
    [
      ...[tenant ?? null, taskType ?? null, ownerId ?? null, states ?? null],
      ...[after?.createdAt ?? null, after?.sortId ?? null, limit, summaryBytes],
    ],
  );
  return rows;
}

/** @returns the id of the task's job; undefined: there is no such task */
export async function findTaskJob(
  database: Queryable,
  { tenant, own }: TaskOwner,
  taskId: string,
): Promise<string | undefined> {
  const { rows } = await database.query<{ id: string }>(
    `SELECT id FROM jobs
      WHERE task_type IS NOT NULL AND coalesce(task_id, id::text) = $1 AND ($2::text IS NULL OR tenant = $2)
      ORDER BY tenant = $3 DESC, created_at DESC LIMIT 1`,
    [taskId, tenant ?? null, own],
  );
  return rows[0]?.id;
}
