import type { JobState } from '#domain';
import { isTerminal } from '#domain';
import { jobEventSchema, subjects, type JobEventMessage } from '#contracts';
import { publishJson, subscribeJson, type NatsConnection } from '#messaging';
import type { Logger, Metrics } from '#observability';

export interface Transition {
  readonly jobId: string;
  readonly from: JobState | null;
  readonly to: JobState;
  readonly attempt: number;
  /** Region of the queue the job is counted in. */
  readonly homeRegion: string;
  /** Where the attempt runs. */
  readonly region?: string;
  readonly endpointId?: string;
  readonly code?: string;
}

/**
 * Leaves the trace of every state change, after its commit: one log line, one metric, one event. The event also
 * wakes whoever waits for a job, in this process or in another router.
 */
export class JobJournal {
  private readonly waiters = new Map<string, Set<() => void>>();

  constructor(
    private readonly connection: NatsConnection,
    private readonly metrics: Metrics,
    private readonly logger: Logger,
  ) {
    subscribeJson(connection, subjects.JOB_EVENTS, jobEventSchema, (event) => {
      if (isTerminal(event.to)) this.wake(event.job_id);
    });
  }

  record(transition: Transition): void {
    const { jobId, from, to, attempt, homeRegion, region, endpointId, code } = transition;
    const event: JobEventMessage = {
      job_id: jobId,
      from,
      to,
      attempt,
      ...(region === undefined ? {} : { region }),
      ...(endpointId === undefined ? {} : { endpoint_id: endpointId }),
      ...(code === undefined ? {} : { code }),
    };
    this.logger.info({ event: `job.${to}`, ...event }, 'job changed state');
    if (isTerminal(to)) this.metrics.count('beacon_jobs_total', { region: homeRegion, state: to });
    if (to === 'failed') {
      this.metrics.count('beacon_dead_letters_created_total', {
        region: region ?? homeRegion,
        code: code ?? 'none',
      });
    }
    publishJson(this.connection, subjects.JOB_EVENTS, event);
    if (isTerminal(to)) this.wake(jobId);
  }

  /**
   * Waits for a job's end or until the time is up; events are hints, so the caller reads the job afterwards and
   * waits again where it has not ended.
   */
  async waitForEnd(jobId: string, timeoutMs: number, aborted: AbortSignal): Promise<void> {
    if (aborted.aborted) return;
    await new Promise<void>((resolve) => {
      const finish = (): void => {
        clearTimeout(timer);
        aborted.removeEventListener('abort', finish);
        const waiting = this.waiters.get(jobId);
        waiting?.delete(finish);
        if (waiting?.size === 0) this.waiters.delete(jobId);
        resolve();
      };
      const timer = setTimeout(finish, timeoutMs);
      aborted.addEventListener('abort', finish, { once: true });
      const waiting = this.waiters.get(jobId) ?? new Set();
      waiting.add(finish);
      this.waiters.set(jobId, waiting);
    });
  }

  private wake(jobId: string): void {
    for (const finish of [...(this.waiters.get(jobId) ?? [])]) finish();
  }
}
