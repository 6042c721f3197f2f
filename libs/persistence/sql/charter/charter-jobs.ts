import type { AttemptStatus, JobState, Priority, RegionPolicy } from '#domain';
import type { CharterDatabase } from '../../charter-database.js';
import type { StoredResult } from '../../entities/job.entity.js';

/** A job as customers may know it. */
export interface CharterJob {
  readonly id: string;
  /** Whose turn it is decides how long it waits. */
  readonly tenant: string;
  readonly state: JobState;
  readonly model: string;
  readonly homeRegion: string;
  readonly regionPolicy: RegionPolicy;
  readonly priority: Priority;
  readonly lane: string;
  readonly isRetry: boolean;
  readonly notBefore: Date | number;
  readonly attempt: number;
  readonly metadata: Record<string, unknown> | null;
  readonly errorCode: string | null;
  readonly result: Omit<StoredResult, 'endpoint_id'> | null;
  readonly erasedAt: Date | null;
  readonly redrivenFrom: string | null;
  readonly createdAt: Date;
  readonly startedAt: Date | null;
  readonly completedAt: Date | null;
}

export interface CharterAttempt {
  readonly attempt: number;
  readonly region: string;
  readonly status: AttemptStatus;
  readonly errorCode: string | null;
  readonly startedAt: Date | null;
  readonly finishedAt: Date | null;
}

/** @returns undefined where there is none, and for a task's: that is read as a task */
export async function readCharterJob(
  database: CharterDatabase,
  jobId: string,
): Promise<CharterJob | undefined> {
  const { rows } = await database.query<CharterJob & Record<string, unknown>>(
    `SELECT id, tenant, state, model, home_region AS "homeRegion", region_policy AS "regionPolicy", priority, lane,
            is_retry AS "isRetry", not_before AS "notBefore", attempt, metadata, error_code AS "errorCode", result,
            erased_at AS "erasedAt", redriven_from AS "redrivenFrom",
            created_at AS "createdAt", started_at AS "startedAt", completed_at AS "completedAt"
       FROM jobs WHERE id = $1`,
    [jobId],
  );
  return rows[0];
}

export async function readCharterAttempts(
  database: CharterDatabase,
  jobId: string,
): Promise<CharterAttempt[]> {
  const { rows } = await database.query<CharterAttempt & Record<string, unknown>>(
    `SELECT attempt, region, status, error_code AS "errorCode", started_at AS "startedAt", finished_at AS "finishedAt"
       FROM attempts WHERE job_id = $1 ORDER BY attempt`,
    [jobId],
  );
  return rows;
}
