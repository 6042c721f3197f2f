import { explainWait, statusOf, type JobState } from '#domain';
import type { CharterView, JobStatusView, charterInferenceSchema, charterJobStatusSchema } from '#contracts';
import {
  AttemptEntity,
  JobEntity,
  countJobsAhead,
  readCharterAttempts,
  readCharterJob,
  readTenantShares,
  type CharterDatabase,
  type CharterJob,
  type Database,
} from '#persistence';
import { charterInference, charterJobStatus, type WaitView } from '../charter/job-face.js';
import type { QueueView } from '../queue/queue-view.js';
import { jobNotFound } from './job-not-found.js';
import { isUuid } from '../http/ids.js';

/** Reads jobs the way clients see them. */
export class JobStatus {
  constructor(
    private readonly database: Database,
    private readonly queueView: QueueView,
    private readonly gpuLimit: () => number,
    private readonly charter: CharterDatabase,
  ) {}

  /** @throws ProblemError JOB_NOT_FOUND */
  async find(jobId: string): Promise<JobEntity> {
    const job = isUuid(jobId)
      ? await this.database.dataSource.getRepository(JobEntity).findOneBy({ id: jobId.toLowerCase() })
      : null;
    if (job === null) throw jobNotFound(jobId);
    return job;
  }

  /** Position and estimate are those of the moment of reading. */
  async read(jobId: string): Promise<JobStatusView> {
    const job = await this.find(jobId);
    const attempts = await this.database.dataSource
      .getRepository(AttemptEntity)
      .find({ where: { jobId: job.id }, order: { attempt: 'ASC' } });
    const waiting = await this.waitOf(job);
    const end = job.completedAt ?? new Date();
    return {
      job_id: job.id,
      status: statusOf(job.state, job.attempt),
      model: job.model,
      region: job.result?.region ?? attempts.at(-1)?.region ?? job.homeRegion,
      region_policy: job.regionPolicy,
      priority: job.priority,
      queue_position: waiting?.position ?? null,
      estimated_wait_seconds: waiting?.estimateMs === undefined ? null : roundSeconds(waiting.estimateMs),
      wait_reason: waiting?.reason ?? null,
      retry_count: Math.max(0, job.attempt - 1),
      attempts: attempts.map((attempt) => ({
        attempt: attempt.attempt,
        endpoint_id: attempt.endpointId,
        region: attempt.region,
        status: attempt.status,
        error_code: attempt.errorCode,
        started_at: attempt.startedAt?.toISOString() ?? null,
        finished_at: attempt.finishedAt?.toISOString() ?? null,
      })),
      result:
        job.result === null
          ? null
          : {
              success: true,
              response: job.result.response,
              model: job.result.model,
              region: job.result.region,
              substituted: job.result.substituted,
              inference_time: job.result.inference_time_s,
              tokens_generated: job.result.tokens_generated,
            },
      error:
        job.errorCode === null || job.state === 'completed'
          ? null
          : { code: job.errorCode, message: job.errorDetail ?? job.errorCode },
      metadata: job.metadata,
      erased_at: (job.resultErasedAt ?? job.promptErasedAt)?.toISOString() ?? null,
      redriven_from: job.redrivenFrom,
      created_at: job.createdAt.toISOString(),
      started_at: job.startedAt?.toISOString() ?? null,
      completed_at: job.completedAt?.toISOString() ?? null,
      duration: roundSeconds(end.getTime() - job.createdAt.getTime()),
    };
  }

  /**
   * The same for customers, read as the charter's role: neither endpoints nor what the upstream said are there.
   * @throws ProblemError JOB_NOT_FOUND, also for the job of a task, which is read as a task
   */
  async readCharter(jobId: string): Promise<CharterView<typeof charterJobStatusSchema>> {
    const job = await this.findCharter(jobId);
    const [attempts, waiting] = await Promise.all([
      readCharterAttempts(this.charter, job.id),
      this.waitOf(job),
    ]);
    return charterJobStatus(job, attempts, waiting, new Date());
  }

  /** How a job that has ended answers the customer who waited for it. */
  async readCharterInference(jobId: string): Promise<CharterView<typeof charterInferenceSchema>> {
    return charterInference(await this.findCharter(jobId));
  }

  /** @throws ProblemError JOB_NOT_FOUND, also for the job of a task */
  async findCharter(jobId: string): Promise<CharterJob> {
    const job = isUuid(jobId) ? await readCharterJob(this.charter, jobId.toLowerCase()) : undefined;
    if (job === undefined) throw jobNotFound(jobId);
    return job;
  }

  private async waitOf(job: WaitingJob): Promise<WaitView | undefined> {
    // A staged ticket is next: nothing goes before it.
    if (job.state === 'dispatched') return { position: 0, estimateMs: 0, reason: 'next at its endpoint' };
    if (!isWaiting(job.state)) return undefined;
    const snapshot = await this.queueView.read();
    const beside = await countJobsAhead(this.database, job.id);
    const tenants = [job.tenant, ...beside.others.map(({ tenant }) => tenant)];
    const ahead = this.queueView.aheadOf(
      ...([snapshot, job.lane, job.model, job.tenant, beside] as const),
      beside.others.length > 0 ? await readTenantShares(this.database, tenants) : [],
    );
    const servers = this.queueView.serversOf(snapshot, job.lane, job.model).map(({ view }) => view);
    return {
      position: ahead + 1,
      estimateMs: this.queueView.estimateMs(snapshot, job.lane, job.model, ahead),
      reason: explainWait(
        {
          isRetry: job.isRetry,
          notBeforeMs: job.notBefore instanceof Date ? job.notBefore.getTime() : 0,
          pinnedRegion: job.regionPolicy === 'pin' ? job.homeRegion : undefined,
          aheadCount: ahead,
          onlyRegion: this.queueView.onlyRegion,
        },
        servers,
        this.queueView.gpusInUse(snapshot),
        this.gpuLimit(),
        Date.now(),
      ),
    };
  }
}

type WaitingJob = Pick<
  JobEntity,
  'id' | 'tenant' | 'state' | 'lane' | 'model' | 'isRetry' | 'notBefore' | 'regionPolicy' | 'homeRegion'
>;

function isWaiting(state: JobState): boolean {
  return state === 'queued' || state === 'retrying';
}

export function roundSeconds(ms: number): number {
  return Math.round(ms) / 1000;
}
