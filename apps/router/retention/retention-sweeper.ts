import type { Configuration } from '#config';
import type { Logger, Metrics } from '#observability';
import {
  deleteExpiredFiles,
  deleteExpiredWebhooks,
  dropAbandonedFiles,
  dropEndedLines,
  eraseExpiredBatches,
  findExpiredJobs,
  findExpiredRuns,
  findHalfErasedRuns,
  forgetTakers,
  listOpenTenantErasures,
  readRunErasure,
  type Contents,
  type Database,
} from '#persistence';
import type { Erasure } from './erasure.js';

const JOBS = 500;
const WEBHOOKS = 500;
const RUNS = 10;
const FILES = 10;
const BATCHES = 100;
/** Nothing has come for an upload, or been written for a batch, for so long: its router has died. */
const ABANDONED_S = 3600;
/** A pass over one tenant. */
const TENANT_MS = 60_000;

/**
 * Erases what has had its time, and goes on with erasures that were begun and not finished. Runs in every router: each
 * step is short, and two that do the same do it once.
 */
export class RetentionSweeper {
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> | undefined;
  private stopped = false;

  constructor(
    private readonly database: Database,
    private readonly erasure: Erasure,
    private readonly policy: Configuration['retention'],
    private readonly metrics: Metrics,
    private readonly logger: Logger,
  ) {}

  start(): void {
    this.timer = setTimeout(() => {
      this.running = this.sweep().finally(() => {
        if (!this.stopped) this.start();
      });
    }, this.policy.sweep_interval_s * 1000);
  }

  async stop(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    await this.running;
  }

  async sweep(): Promise<void> {
    const { prompts_days: promptsDays, results_days: resultsDays, webhooks_days: webhooksDays } = this.policy;
    const steps: readonly [string, () => Promise<void>][] = [
      ['begun', () => this.finishRuns()],
      ['tenants', () => this.finishTenants()],
      ['prompts', () => this.expire('prompts', promptsDays)],
      ['results', () => this.expire('results', resultsDays)],
      ['webhooks', () => this.deleteWebhooks(webhooksDays)],
      ['uploads', () => this.dropUploads()],
      ['files', () => this.deleteFiles(promptsDays, resultsDays)],
      ['batches', () => this.eraseBatches(promptsDays)],
      ['takers', () => forgetTakers(this.database)],
    ];
    for (const [step, work] of steps) {
      if (this.stopped) return;
      try {
        await work();
      } catch (error) {
        this.logger.warn(
          { event: 'retention.step_failed', step, err: error },
          'a step failed and will be repeated',
        );
      }
    }
  }

  private async finishRuns(): Promise<void> {
    for (const runId of await findHalfErasedRuns(this.database, RUNS)) {
      if (this.stopped) return;
      const contents = await readRunErasure(this.database, runId);
      if (contents !== undefined) await this.erasure.finishRun(runId, contents, 'retention');
    }
  }

  private async finishTenants(): Promise<void> {
    for (const erasure of await listOpenTenantErasures(this.database)) {
      if (this.stopped) return;
      await this.erasure.finishTenant(erasure, Date.now() + TENANT_MS);
    }
  }

  private async deleteWebhooks(days: number): Promise<void> {
    if (days === 0) return;
    for (let deleted = WEBHOOKS; deleted === WEBHOOKS && !this.stopped;) {
      deleted = await deleteExpiredWebhooks(this.database, days, WEBHOOKS);
      if (deleted === 0) return;
      this.metrics.count('beacon_contents_erased_total', { of: 'webhook', cause: 'retention' }, deleted);
      this.logger.info({ event: 'webhooks.expired', count: deleted }, 'webhooks have had their time');
    }
  }

  private async dropUploads(): Promise<void> {
    for (let dropped = FILES; dropped === FILES && !this.stopped;) {
      dropped = await dropAbandonedFiles(this.database, ABANDONED_S, FILES);
      if (dropped > 0)
        this.logger.info({ event: 'files.abandoned', count: dropped }, 'half files were dropped');
    }
    for (let lines = 1; lines > 0 && !this.stopped;) lines = await dropEndedLines(this.database, FILES);
  }

  private async deleteFiles(promptsDays: number, resultsDays: number): Promise<void> {
    for (let deleted = FILES; deleted === FILES && !this.stopped;) {
      deleted = await this.database.transaction((client) =>
        deleteExpiredFiles(client, promptsDays, resultsDays, FILES),
      );
      if (deleted === 0) return;
      this.metrics.count('beacon_contents_erased_total', { of: 'file', cause: 'retention' }, deleted);
      this.logger.info({ event: 'files.expired', count: deleted }, 'files have had their time');
    }
  }

  private async eraseBatches(days: number): Promise<void> {
    if (days === 0) return;
    for (let erased = BATCHES; erased === BATCHES && !this.stopped;) {
      erased = await eraseExpiredBatches(this.database, days, BATCHES);
      if (erased === 0) return;
      this.metrics.count('beacon_contents_erased_total', { of: 'batch', cause: 'retention' }, erased);
      this.logger.info({ event: 'batches.erased', count: erased }, 'contents were erased');
    }
  }

  private async expire(what: 'prompts' | 'results', days: number): Promise<void> {
    if (days === 0) return;
    const contents: Contents = {
      prompts: what === 'prompts',
      results: what === 'results',
      everything: false,
    };
    for (let erased = 1; erased > 0 && !this.stopped;) {
      const jobIds = await findExpiredJobs(this.database, what, days, JOBS);
      erased = await this.erasure.eraseExpired(jobIds, contents);
    }
    for (let found = 1; found > 0 && !this.stopped;) {
      // Begun once, a run is not found again: what is left of it is gone on with above.
      const runIds = await findExpiredRuns(this.database, what, days, RUNS);
      for (const runId of runIds) await this.erasure.expireRun(runId, contents);
      found = runIds.length;
    }
  }
}
