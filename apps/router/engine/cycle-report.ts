import type { Outcome } from '#contracts';
import { spanIdsOf, type Logger, type Metrics, type Tracing } from '#observability';
import type { AdmittedJob, StartedJob } from '#persistence';
import { reportEntries } from '../ledger/report-entries.js';
import { recordBreakerChange, type BreakerChange } from './breaker-journal.js';
import type { JobJournal } from './job-journal.js';
import type { RecordedOutcomes } from './record-outcomes.js';
import type { Settled } from './settlement.js';

/** What one transaction of the engine changed. */
export interface Cycle extends RecordedOutcomes {
  readonly started: readonly StartedJob[];
  readonly admitted: readonly AdmittedJob[];
  readonly breakers: readonly BreakerChange[];
  readonly yielded: readonly string[];
}

/** Tells of a cycle once it is committed: log lines, metrics, events, spans. */
export class CycleReport {
  constructor(
    private readonly journal: JobJournal,
    private readonly metrics: Metrics,
    private readonly logger: Logger,
    private readonly tracing: Tracing,
  ) {}

  /** @param beganAtMs Unix ms, of the transaction */
  tell(cycle: Cycle, beganAtMs: number): void {
    this.report(cycle);
    this.trace(cycle, beganAtMs);
  }

  private trace({ settled: recorded }: Cycle, beganAtMs: number): void {
    const { tracing } = this;
    if (!tracing.isOn) return;
    for (const { settled: entry, outcome } of recorded) {
      const { settlement, job, to, plan } = entry;
      const parent = outcome.traceparent ?? job.traceparent ?? undefined;
      if (parent === undefined) continue;
      const span = tracing.span({
        name: 'record outcome',
        parent,
        startMs: beganAtMs,
        attributes: {
          ...spanIdsOf(outcome),
          'beacon.attempt.status': settlement.attempt_status,
          'beacon.job.state': to,
          'beacon.next': plan?.kind,
        },
      });
      span.end(settlement.attempt_error_code ?? undefined);
    }
  }

  private report({ settled, strays, entries, started, admitted, breakers, yielded }: Cycle): void {
    const { journal, metrics, logger } = this;
    reportEntries(entries, metrics, logger);
    for (const endpointId of yielded) {
      metrics.count('beacon_gpu_turns_ended_total', { endpoint: endpointId });
      logger.info(
        { event: 'endpoint.turn_ended', endpoint_id: endpointId },
        'has had its turn: its GPU goes to another endpoint once its calls have ended',
      );
    }
    for (const change of breakers) recordBreakerChange(change, metrics, logger);
    for (const job of started) {
      journal.record({
        jobId: job.id,
        from: 'dispatched',
        to: 'processing',
        attempt: job.attempt,
        homeRegion: job.region,
        region: job.region,
        endpointId: job.endpoint_id,
      });
      if (job.waited_ms !== null)
        metrics.observe('beacon_job_wait_seconds', { region: job.region }, job.waited_ms / 1000);
      else metrics.observe('beacon_retry_start_seconds', { region: job.region }, job.dispatch_ms / 1000);
    }
    for (const { settled: entry, outcome } of settled) this.reportSettled(entry, outcome);
    for (const outcome of strays) {
      metrics.count('beacon_stray_outcomes_total', { region: outcome.region, kind: outcome.result.kind });
      logger.warn(
        {
          event: 'outcome.stray',
          job_id: outcome.job_id,
          attempt: outcome.attempt,
          epoch: outcome.epoch,
          kind: outcome.result.kind,
        },
        'an outcome of a superseded or recorded ticket changed nothing',
      );
    }
    for (const job of admitted) {
      journal.record({
        jobId: job.id,
        from: job.is_retry ? 'retrying' : 'queued',
        to: 'dispatched',
        attempt: job.attempt,
        homeRegion: job.region,
        region: job.region,
        endpointId: job.endpoint_id,
      });
    }
  }

  private reportSettled({ settlement, job, from, to, plan }: Settled, outcome: Outcome): void {
    const { journal, metrics } = this;
    const { region, endpoint_id: endpoint, result } = outcome;
    const code = settlement.attempt_error_code ?? 'none';
    metrics.count('beacon_attempts_total', { region, endpoint, status: settlement.attempt_status, code });
    if (result.kind === 'succeeded') {
      const cold = result.cold_start === true;
      if (cold) metrics.count('beacon_cold_starts_total', { endpoint });
      metrics.observe(
        'beacon_execution_seconds',
        { region, model: job.model, cold: String(cold) },
        outcome.duration_ms / 1000,
      );
    }
    // A failure of a job that is being cancelled is followed by nothing.
    if (plan !== undefined && (to === 'retrying' || to === 'failed')) {
      metrics.count('beacon_retries_total', { region, kind: plan.kind });
    }
    if (to === undefined) return;
    journal.record({
      jobId: outcome.job_id,
      from,
      to,
      attempt: outcome.attempt,
      homeRegion: job.home_region,
      region,
      endpointId: endpoint,
      ...(settlement.attempt_error_code === null ? {} : { code: settlement.attempt_error_code }),
    });
  }
}
