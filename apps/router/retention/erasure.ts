import {
  ProblemError,
  parseRequest,
  subjects,
  tenantEraseRequestSchema,
  type JobErasedView,
  type RunErasedView,
  type TenantErasedView,
} from '#contracts';
import { actorOf, type Caller } from '#domain';
import type { CallStore, Topology } from '#messaging';
import type { Logger, Metrics } from '#observability';
import {
  EVERYTHING,
  appendAudit,
  beginRunErasure,
  completeTenantErasure,
  deleteTenantFiles,
  eraseBatch,
  eraseCells,
  eraseJobs,
  eraseLineage,
  eraseRedriven,
  eraseQuestions,
  findRun,
  findBatch,
  findJobsByIdempotencyKey,
  finishRunErasure,
  listTenantBatches,
  listTenantJobs,
  listTenantRuns,
  readCallPlaces,
  readLineage,
  readRunQuestions,
  requestTenantErasure,
  type Contents,
  type Database,
  type ErasedKin,
  type TenantErasure,
} from '#persistence';
import { actOf } from '../access/act-of.js';
import { lineKey } from '../openai/batches/ask-lines.js';
import { jobNotFound } from '../jobs/job-not-found.js';
import { contentHashes } from '../runs/prompt-hash.js';
import { runIdOf, runNotFound } from '../runs/run-id.js';
import { isUuid } from '../http/ids.js';

/** Rows of one transaction. */
const BATCH = 500;
/** Files that one statement deletes: each may be hundreds of megabytes. */
const FILES = 10;
/** Questions whose texts are in memory at once. */
const QUESTIONS = 100;
/** A tenant may have millions of jobs: whoever asks is answered after so long, and the rest goes on by itself. */
const TENANT_ANSWER_MS = 20_000;
const NIL = '00000000-0000-0000-0000-000000000000';

export type ErasureCause = 'retention' | 'request';

export interface ErasureParts {
  readonly database: Database;
  readonly topology: Pick<Topology, 'purge'>;
  readonly callStore: Pick<CallStore, 'get' | 'forget'>;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

/** Takes contents out of what has ended. Ids, states, hashes, counts and the ledger stay. */
export class Erasure {
  constructor(private readonly parts: ErasureParts) {}

  /** @throws ProblemError JOB_NOT_FOUND, JOB_NOT_FINISHED, JOB_OF_RUN */
  async job(id: string, caller: Caller): Promise<JobErasedView> {
    if (!isUuid(id)) throw jobNotFound(id);
    const jobId = id.toLowerCase();
    const erased = await this.parts.database.deadlockableTransaction(async (client) => {
      const own = (await readLineage(client, jobId)).find((job) => job.id === jobId);
      if (own === undefined) throw jobNotFound(id);
      if (own.runId !== null) {
        throw new ProblemError(
          'JOB_OF_RUN',
          `the job belongs to run ${own.runId}: POST /runs/${own.runId}/erase`,
        );
      }
      const { ids, erased: done } = await eraseLineage(client, jobId, EVERYTHING);
      const left = ids.find((kinId) => !done.includes(kinId));
      if (left !== undefined) {
        throw new ProblemError(
          'JOB_NOT_FINISHED',
          `job ${left} has not ended, or its call is still being ended`,
        );
      }
      await appendAudit(client, actOf(caller, 'job.erased', jobId, { jobs: ids }));
      return ids;
    });
    await this.forgetCalls(erased);
    this.tell('job', 'request', erased, caller);
    return { job_id: jobId, erased: true, also_erased: erased.filter((kinId) => kinId !== jobId) };
  }

  /** @throws ProblemError RUN_NOT_FOUND, RUN_NOT_FINISHED */
  async run(id: string, caller: Caller): Promise<RunErasedView> {
    const runId = runIdOf(id);
    const begun = await this.parts.database.transaction(async (client) => {
      const state = await beginRunErasure(client, runId, EVERYTHING);
      if (state === 'begun') await appendAudit(client, actOf(caller, 'run.erased', runId));
      return state;
    });
    if (begun === 'unknown') throw runNotFound();
    if (begun === 'unfinished') {
      throw new ProblemError('RUN_NOT_FINISHED', 'the run goes on: cancel it, or wait for its end');
    }
    const complete = await this.finishRun(runId, EVERYTHING, 'request');
    return { run_id: runId, erased: true, complete };
  }

  /** @throws ProblemError VALIDATION_FAILED where the name is not confirmed */
  async tenant(tenant: string, body: unknown, caller: Caller): Promise<TenantErasedView> {
    const { confirm } = parseRequest(tenantEraseRequestSchema, body);
    if (confirm !== tenant) {
      const message = "must be the tenant's name, as the path has it";
      throw new ProblemError('VALIDATION_FAILED', `confirm: ${message}`, [{ field: 'confirm', message }]);
    }
    const requestedAt = await this.parts.database.transaction(async (client) => {
      const at = await requestTenantErasure(client, tenant, actorOf(caller));
      await appendAudit(client, actOf(caller, 'tenant.erased', tenant));
      return at;
    });
    const done = await this.finishTenant({ tenant, requestedAt }, Date.now() + TENANT_ANSWER_MS);
    return { tenant, ...done };
  }

  /**
   * An ended batch: its jobs and what was redriven from them, then its files and its own words, so that one that is begun
   * and not finished is found.
   * @returns whether nothing is left; false also where a call of it is still being ended
   */
  async batch(id: string, caller?: Caller): Promise<boolean> {
    const { database } = this.parts;
    const batch = await findBatch(database, id);
    if (batch === undefined) return true;
    let left = 0;
    for (let from = 1; from <= batch.lastLine; from += BATCH) {
      const lines = Array.from(
        { length: Math.min(BATCH, batch.lastLine - from + 1) },
        (_, index) => from + index,
      );
      const jobs = await findJobsByIdempotencyKey(
        database,
        lines.map((line) => ({ tenant: batch.tenant, key: lineKey(id, line) })),
      );
      const { ids, erased } = await this.redriven(jobs.map(({ jobId }) => jobId));
      left += ids.length - erased.length;
    }
    if (left > 0) return false;
    await database.transaction(async (client) => {
      await eraseBatch(client, id);
      if (caller !== undefined) await appendAudit(client, actOf(caller, 'batch.erased', id));
    });
    this.tell('batch', 'request', [id], caller);
    return true;
  }

  /** Jobs of no run. @returns how many were emptied; the others have not ended */
  async eraseExpired(ids: readonly string[], contents: Contents): Promise<number> {
    const erased = await this.parts.database.transaction((client) => eraseJobs(client, ids, contents));
    this.tell('job', 'retention', erased);
    return erased.length;
  }

  /** Jobs of no run and what is redriven from them: it is the same request. */
  private async redriven(jobIds: readonly string[]): Promise<ErasedKin> {
    const kin = await this.parts.database.deadlockableTransaction((client) =>
      eraseRedriven(client, jobIds, EVERYTHING),
    );
    await this.forgetCalls(kin.erased);
    this.tell('job', 'request', kin.erased);
    return kin;
  }

  /** @returns whether nothing is left; false also where the run goes on */
  async expireRun(runId: string, contents: Contents): Promise<boolean> {
    const begun = await this.parts.database.transaction((client) => beginRunErasure(client, runId, contents));
    return begun === 'begun' && (await this.finishRun(runId, contents, 'retention'));
  }

  /**
   * Goes through a run whose erasure was begun. Each step is a short transaction, and safe to repeat.
   * @returns whether nothing is left
   */
  async finishRun(runId: string, contents: Contents, cause: ErasureCause): Promise<boolean> {
    const { database } = this.parts;
    let left = 0;
    for (let after: number | undefined = 0; after !== undefined;) {
      const from: number = after;
      const step = await database.transaction((client) => eraseCells(client, runId, from, BATCH, contents));
      if (cause === 'request') await this.forgetCalls(step.jobIds);
      left += step.left;
      after = step.lastCellNo;
    }
    if (contents.prompts) await this.eraseQuestions(runId);
    if (left > 0) return false;
    await database.transaction((client) => finishRunErasure(client, runId, contents.prompts));
    this.tell('run', cause, [runId]);
    return true;
  }

  /** One pass over what a tenant has. */
  async finishTenant(
    erasure: TenantErasure,
    untilMs: number,
  ): Promise<{ jobs: number; runs: number; complete: boolean }> {
    const { database } = this.parts;
    let jobs = 0;
    let runs = 0;
    let left = 0;
    for (let after = NIL; ;) {
      const ids = await listTenantJobs(database, erasure, after, BATCH);
      const last = ids.at(-1);
      if (last === undefined) break;
      const kin = await this.redriven(ids);
      jobs += kin.erased.length;
      left += kin.ids.length - kin.erased.length;
      after = last;
      if (Date.now() > untilMs) return { jobs, runs, complete: false };
    }
    for (let after = '0'; ;) {
      const [run] = await listTenantRuns(database, erasure, after, 1);
      if (run === undefined) break;
      const begun = await database.transaction((client) => beginRunErasure(client, run.id, EVERYTHING));
      if (begun === 'begun' && (await this.finishRun(run.id, EVERYTHING, 'request'))) runs += 1;
      else left += 1;
      after = run.runNo;
      if (Date.now() > untilMs) return { jobs, runs, complete: false };
    }
    for (let after = '0'; ;) {
      const [batch] = await listTenantBatches(database, erasure.tenant, erasure.requestedAt, after, 1);
      if (batch === undefined) break;
      if (!batch.isFinished || !(await this.batch(batch.id))) left += 1;
      after = batch.batchNo;
      if (Date.now() > untilMs) return { jobs, runs, complete: false };
    }
    for (let files = FILES; files === FILES;) {
      const { deleted, left: kept } = await database.transaction((client) =>
        deleteTenantFiles(client, erasure.tenant, erasure.requestedAt, FILES),
      );
      files = deleted;
      if (deleted < FILES) left += kept;
      if (Date.now() > untilMs) return { jobs, runs, complete: false };
    }
    if (left === 0) await completeTenantErasure(database, erasure);
    return { jobs, runs, complete: left === 0 };
  }

  private async eraseQuestions(runId: string): Promise<void> {
    const { database } = this.parts;
    const run = await findRun(database, runId);
    if (run === null) return;
    for await (const batch of readRunQuestions(database, runId, QUESTIONS)) {
      const left = batch.filter((question) => question.contentHashes === null);
      const hashed = left.map((question) => ({
        questionNo: question.questionNo,
        hashes: contentHashes(run.spec, question),
      }));
      if (hashed.length > 0) await database.transaction((client) => eraseQuestions(client, runId, hashed));
    }
  }

  /**
   * Tickets, outcomes and the addresses at which a call's answer can be read. Those of ended jobs are gone as a rule: they
   * are taken out as they are used. Where NATS is away that must not keep the rows from being erased.
   */
  private async forgetCalls(jobIds: readonly string[]): Promise<void> {
    const { database, topology, callStore, logger } = this.parts;
    try {
      for (const { jobId, attempt, endpointId, region } of await readCallPlaces(database, jobIds)) {
        await topology.purge(
          subjects.dispatchStream(region),
          subjects.dispatchSubject(region, endpointId, jobId),
        );
        await topology.purge(subjects.OUTCOMES_STREAM, subjects.outcomesOfJob(region, jobId));
        const kept = await callStore.get(jobId, attempt);
        if (kept !== undefined) await callStore.forget(jobId, attempt, kept.revision);
      }
    } catch (error) {
      logger.warn(
        { event: 'erasure.messages_left', jobs: jobIds.length, err: error },
        'messages of erased jobs could not be taken out of NATS',
      );
    }
  }

  private tell(
    of: 'job' | 'run' | 'batch',
    cause: ErasureCause,
    ids: readonly string[],
    caller?: Caller,
  ): void {
    if (ids.length === 0) return;
    const { metrics, logger } = this.parts;
    metrics.count('beacon_contents_erased_total', { of, cause }, ids.length);
    const [first] = ids;
    logger.info(
      {
        event: `${of}.erased`,
        ...{ cause, count: ids.length, first },
        ...(caller === undefined ? {} : { request_id: caller.requestId }),
      },
      'contents were erased',
    );
  }
}
