import { randomUUID } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { ProblemError, type InferenceRequest } from '#contracts';
import { orderKeyMs, type AgeingPolicy, type Caller, type KeyLimits } from '#domain';
import { NO_TRACING, type Logger, type Metrics, type Tracing } from '#observability';
import {
  findJobsByIdempotencyKey,
  insertJobs,
  isRefusedRow,
  type Database,
  type HeldBatch,
  type NewJob,
} from '#persistence';
import type { Endpoints } from '../engine/endpoints.js';
import type { JobArrivals } from '../engine/job-arrivals.js';
import { keyReused, requestHash } from '../http/idempotency.js';
import type { DailyBudget } from '../ledger/daily-budget.js';
import type { FullQueues } from '../limits/full-queues.js';
import type { FullQueue, Newcomer, QueueLimits } from '../limits/queue-limits.js';
import { FairBacklog } from './fair-backlog.js';
import type { JobPlacement } from './job-placement.js';

export interface AcceptedJob {
  readonly jobId: string;
  readonly homeRegion: string;
  readonly lane: string;
  readonly model: string;
  /** The idempotency key was known: this is the job it made then. */
  readonly replayed: boolean;
}

/** On whose behalf a job is made, and for what. */
export interface JobOrigin {
  readonly tenant: string;
  readonly keyId: string | null;
  readonly runId: string | null;
  readonly taskType: string | null;
  /** A caller holds a connection open for the answer; left out: none does. */
  readonly awaited?: boolean;
  /** The client's name for its task, and who answers for it; left out: it has none. */
  readonly taskId?: string | null;
  readonly ownerId?: string | null;
  /** Hex, of what the client sent; left out: the job's own request is that. */
  readonly requestHash?: string;
  /** What the caller may not go beyond. */
  readonly limits: KeyLimits;
  readonly kind: Caller['kind'];
  /** Of the request that brings it; left out: it is not traced. */
  readonly traceparent?: string;
  /** The batch of which it is a line; left out: it is none. */
  readonly batch?: HeldBatch;
}

/** @param about left out: no run's and no task's */
export function originOf(
  { tenant, keyId, limits, kind, traceparent }: Caller,
  about: Partial<JobOrigin> = {},
): JobOrigin {
  const trace = traceparent === undefined ? {} : { traceparent };
  return { tenant, keyId, limits, kind, ...trace, runId: null, taskType: null, ...about };
}

export interface IntakePolicy {
  /** Of jobs that do not say; asked for each of them, because operators change it. */
  readonly defaults: () => { readonly executionMs: number; readonly maxAttempts: number };
  readonly ageing: AgeingPolicy;
}

interface Pending {
  readonly tenant: string;
  readonly job: NewJob;
  readonly newcomer: Newcomer;
  readonly resolve: (accepted: AcceptedJob) => void;
  readonly reject: (error: unknown) => void;
}

/** One statement's worth. Beyond it latency grows faster than throughput. */
const BATCH_MAX = 500;
/** Requests that may wait for an insert; more are refused, because memory is not a queue. */
const PENDING_MAX = 20_000;

/**
 * Accepts jobs. Requests that arrive while an insert commits form the next batch: one statement and one commit
 * for all of them. Nothing is answered before its commit. Where more wait than a batch takes, tenants take turns.
 */
export class JobIntake {
  private readonly pending = new FairBacklog<Pending>(PENDING_MAX);
  private flushing: Promise<void> | undefined;
  private closed = false;

  constructor(
    private readonly database: Database,
    private readonly endpoints: Endpoints,
    private readonly placement: JobPlacement,
    private readonly arrivals: JobArrivals,
    private readonly metrics: Metrics,
    private readonly logger: Logger,
    private readonly policy: IntakePolicy,
    private readonly queueLimits: QueueLimits,
    private readonly fullQueues: FullQueues,
    private readonly budget: DailyBudget,
    private readonly tracing: Tracing = NO_TRACING,
  ) {}

  /**
   * @throws ProblemError where the caller may not have the job, it cannot run anywhere, its key has cost what it may
   * today, too many wait already, the idempotency key was used for another body, or (BATCH_FINISHED) its batch is asked no
   * more, or by another router
   */
  async accept(
    request: InferenceRequest,
    idempotencyKey: string | undefined,
    origin: JobOrigin,
  ): Promise<AcceptedJob> {
    const { traceparent: parent } = origin;
    if (parent === undefined) return this.acceptJob(request, idempotencyKey, origin);
    const span = this.tracing.span({ name: 'accept job', parent });
    try {
      const accepted = await this.acceptJob(request, idempotencyKey, origin);
      const { jobId, homeRegion, replayed } = accepted;
      span.set({ 'beacon.job.id': jobId, 'beacon.region': homeRegion, 'beacon.job.replayed': replayed });
      span.end();
      return accepted;
    } catch (error) {
      span.end(error instanceof ProblemError ? error.code : 'INTERNAL_ERROR');
      throw error;
    }
  }

  private async acceptJob(
    request: InferenceRequest,
    idempotencyKey: string | undefined,
    origin: JobOrigin,
  ): Promise<AcceptedJob> {
    const job = this.newJob(request, idempotencyKey, origin);
    if (origin.limits.budget_micro_usd_per_day !== undefined) {
      const known = await this.knownOverBudget(job, origin);
      if (known !== undefined) return known;
    }
    if (this.closed) throw new ProblemError('SHUTTING_DOWN', 'the server is stopping; try again');
    const newcomer: Newcomer = {
      ...{ keyId: origin.keyId, region: job.home_region, limits: origin.limits },
      isOfRun: origin.kind === 'service',
    };
    return new Promise((resolve, reject) => {
      if (this.pending.add({ tenant: origin.tenant, job, newcomer, resolve, reject })) {
        this.flushing ??= this.flushAll();
        return;
      }
      reject(
        new ProblemError(
          'DATABASE_UNAVAILABLE',
          `${PENDING_MAX} requests already wait for the database; try again`,
        ),
      );
    });
  }

  /** Refuses what comes from now on; resolves once everything that was accepted is committed. */
  async close(): Promise<void> {
    this.closed = true;
    await this.flushing;
  }

  /**
   * A replay makes no job and costs nothing: it is answered whatever its key has spent.
   * @returns the job that a replay is of, where the budget is spent; undefined: it is not
   * @throws ProblemError BUDGET_EXHAUSTED, IDEMPOTENCY_KEY_REUSED
   */
  private async knownOverBudget(job: NewJob, origin: JobOrigin): Promise<AcceptedJob | undefined> {
    try {
      await this.budget.refuseOverBudget(origin);
      return undefined;
    } catch (error) {
      if (!(error instanceof ProblemError) || job.idempotency_key === null) throw error;
      const name = { tenant: job.tenant, key: job.idempotency_key };
      const [holder] = await findJobsByIdempotencyKey(this.database, [name]);
      if (holder === undefined) throw error;
      if (holder.requestHash !== job.request_hash) throw keyReused();
      return acceptedOf(job, holder.jobId, true);
    }
  }

  private newJob(request: InferenceRequest, idempotencyKey: string | undefined, origin: JobOrigin): NewJob {
    const { endpoints, placement, policy } = this;
    const { model, priority, region_policy: regionPolicy, deadline } = request;
    placement.refuseModel(model, priority, origin.limits);
    let preferred: string | undefined;
    if (request.region_preference !== undefined) {
      preferred = endpoints.resolveRegion(request.region_preference);
      if (preferred === undefined) {
        const message = `must be one of ${endpoints.regions.join(', ')} or an alias`;
        throw new ProblemError('VALIDATION_FAILED', `region_preference: ${message}`, [
          { field: 'region_preference', message },
        ]);
      }
    }
    const place = placement.place({ model, priority, preferred, regionPolicy }, origin.limits);
    const defaults = policy.defaults();
    const nowMs = Date.now();
    if (deadline !== undefined && Date.parse(deadline) <= nowMs) {
      throw new ProblemError('VALIDATION_FAILED', 'deadline: must be in the future', [
        { field: 'deadline', message: 'must be in the future' },
      ]);
    }
    return {
      id: randomUUID(),
      tenant: origin.tenant,
      key_id: origin.keyId,
      run_id: origin.runId,
      task_type: origin.taskType,
      traceparent: origin.traceparent ?? null,
      task_id: origin.taskId ?? null,
      owner_id: origin.ownerId ?? null,
      model,
      home_region: place.homeRegion,
      preferred_region: place.preferredRegion,
      region_policy: place.regionPolicy,
      priority,
      lane: place.lane,
      order_key: orderKeyMs(nowMs, priority, policy.ageing),
      max_attempts: request.max_attempts ?? defaults.maxAttempts,
      timeout_ms: request.timeout_ms ?? defaults.executionMs,
      default_timeout: request.timeout_ms === undefined,
      awaited: origin.awaited ?? false,
      deadline: deadline ?? null,
      request: {
        ...(request.prompt === undefined ? {} : { prompt: request.prompt }),
        ...(request.messages === undefined ? {} : { messages: request.messages }),
        temperature: request.temperature,
        max_tokens: request.max_tokens,
        ...(request.seed === undefined ? {} : { seed: request.seed }),
      },
      metadata: request.metadata ?? null,
      webhook_url: request.webhook_url ?? null,
      ...(origin.batch === undefined ? {} : { batch: { id: origin.batch.id, fence: origin.batch.fence } }),
      idempotency_key: idempotencyKey ?? null,
      request_hash:
        idempotencyKey === undefined ? null : (origin.requestHash ?? requestHash(request).toString('hex')),
    };
  }

  private async flushAll(): Promise<void> {
    // One turn of the event loop lets the requests of the same socket reads join the first batch.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.pending.size > 0) {
      const batch = this.pending.take(BATCH_MAX);
      const began = performance.now();
      try {
        await this.insert(batch);
      } catch (error) {
        this.logger.error(
          { event: 'intake.failed', jobs: batch.length, err: error },
          'a batch could not be inserted',
        );
        this.queueLimits.forget();
        await this.insertOneByOne(batch, error);
      }
      this.metrics.observe('beacon_intake_batch_jobs', {}, batch.length);
      this.logger.debug(
        { event: 'intake.batch', jobs: batch.length, ms: Math.round(performance.now() - began) },
        'batch inserted',
      );
    }
    this.flushing = undefined;
  }

  private async insert(batch: readonly Pending[]): Promise<void> {
    // Two requests with one key in one batch: the statement would leave out the second without saying which.
    const firstByKey = new Map<string, Pending>();
    const later: Pending[] = [];
    const first = batch.filter((entry) => {
      if (entry.job.idempotency_key === null) return true;
      const key = nameOf(entry.job);
      if (firstByKey.has(key)) {
        later.push(entry);
        return false;
      }
      firstByKey.set(key, entry);
      return true;
    });
    const full = await this.queueLimits.takeRoom(first.map(({ newcomer }) => newcomer));
    const fitting = first.filter((_, index) => full[index] === undefined);
    let inserted: ReadonlySet<string> = new Set();
    try {
      if (fitting.length > 0) {
        inserted = await insertJobs(
          this.database,
          fitting.map(({ job }) => job),
        );
      }
    } finally {
      this.queueLimits.settle(fitting.map(({ newcomer }) => newcomer));
    }
    for (const { job, newcomer } of fitting) if (!inserted.has(job.id)) this.queueLimits.giveBack(newcomer);
    const fullQueues = new Map(first.map((entry, index) => [entry, full[index]]));
    const queued = first.filter(({ job }) => inserted.has(job.id));
    this.arrivals.announce(queued.map(({ job }) => ({ ...job, homeRegion: job.home_region })));
    for (const { job, resolve } of queued) resolve(acceptedOf(job, job.id, false));
    // What there was no room for may be known all the same: a replay makes no job and is never refused.
    const replays = [...first.filter(({ job }) => !inserted.has(job.id)), ...later];
    const named = replays.filter(({ job }) => job.idempotency_key !== null);
    const holders =
      named.length > 0
        ? await findJobsByIdempotencyKey(
            this.database,
            named.map(({ job }) => ({ tenant: job.tenant, key: job.idempotency_key ?? '' })),
          )
        : [];
    const known = new Map(
      holders.map((holder) => [nameOf({ tenant: holder.tenant, idempotency_key: holder.key }), holder]),
    );
    for (const entry of replays) {
      const { job, resolve, reject } = entry;
      const holder = known.get(nameOf(job));
      // One that came later, with the name of one there was no room for, shares its fate.
      const queue = fullQueues.get(entry) ?? fullQueues.get(firstByKey.get(nameOf(job)) ?? entry);
      if (holder === undefined && queue !== undefined) void this.refuseFull(entry, queue);
      else if (holder === undefined && job.batch !== undefined)
        reject(new ProblemError('BATCH_FINISHED', 'the batch is not asked here any more'));
      else if (holder === undefined)
        reject(new ProblemError('INTERNAL_ERROR', 'the job could not be stored'));
      else if (holder.requestHash !== job.request_hash) {
        reject(keyReused());
      } else resolve(acceptedOf(job, holder.jobId, true));
    }
  }

  /** Nobody else's insert waits for what is told to the one that is refused. */
  private async refuseFull({ job, newcomer, reject }: Pending, queue: FullQueue): Promise<void> {
    const { tenant, model, lane, home_region: homeRegion } = job;
    reject(await this.fullQueues.refusal({ keyId: newcomer.keyId, tenant, model, lane, homeRegion }, queue));
  }

  /** One row that the database refuses must not fail its neighbours; a database that is away fails them all. */
  private async insertOneByOne(batch: readonly Pending[], cause: unknown): Promise<void> {
    for (const entry of batch) {
      if (!isRowFault(cause)) {
        entry.reject(notAccepted(cause));
        continue;
      }
      try {
        await this.insert([entry]);
      } catch (error) {
        // The database may go away in the middle: nothing is said of the row then.
        entry.reject(isRowFault(error) ? unstorable(error) : notAccepted(error));
      }
    }
  }
}

/** Of a row, or of rows that are too large to be put into one statement. */
function isRowFault(error: unknown): boolean {
  return error instanceof RangeError || isRefusedRow(error);
}

function unstorable(cause: unknown): ProblemError {
  const message = 'holds a value that cannot be stored';
  return new ProblemError('VALIDATION_FAILED', `body: ${message}`, [{ field: 'body', message }], { cause });
}

function notAccepted(cause: unknown): ProblemError {
  return new ProblemError('DATABASE_UNAVAILABLE', 'the job was not accepted; try again', [], { cause });
}

/** Idempotency keys of different tenants have nothing to do with each other. */
function nameOf({ tenant, idempotency_key: key }: Pick<NewJob, 'tenant' | 'idempotency_key'>): string {
  return JSON.stringify([tenant, key]);
}

function acceptedOf(job: NewJob, jobId: string, replayed: boolean): AcceptedJob {
  return { jobId, homeRegion: job.home_region, lane: job.lane, model: job.model, replayed };
}
