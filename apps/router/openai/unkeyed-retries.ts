import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { ProblemError } from '#contracts';
import type { Logger, Metrics } from '#observability';
import {
  dropUnkeyed,
  findJobsByIdempotencyKey,
  giveUpUnkeyed,
  holdUnkeyed,
  releaseUnkeyed,
  renewUnkeyed,
  settleUnkeyed,
  type Database,
  type IdempotencyName,
  type RequestLikeness,
  type UnkeyedRequest,
} from '#persistence';
import { clientGone } from '../http/until-sent.js';
import type { Cancellation } from '../jobs/cancellation.js';
import { keysOfJobs } from './keys-of-jobs.js';

/** How long a router that has died seems to wait on. */
const LEASE_MS = 10_000;
const RENEW_MS = 3000;
/** Clients come back within 10 s as a rule, and a router that was restarted has to be back by then. */
const RETURN_MS = 30_000;
const LOOK_MS = 250;
/** Renewals in a row, over this long, before anything is dropped: after an outage the others renew first. */
const RENEWALS_BEFORE_DROP = 5;
/** And before what has merely run out is taken over, where there was an outage: a client may wait for it all the same. */
const RENEWALS_BEFORE_TAKING = 2;

export interface RetryTimes {
  readonly leaseMs: number;
  readonly renewMs: number;
  readonly returnMs: number;
}

/** A request for which a client waits here. */
export interface HeldRequest {
  /** Of its jobs: whoever takes the request over makes no others. */
  readonly idempotencyKey: string;
  /** The client has what it asked for. */
  settle(): Promise<void>;
  /** The client has gone without it, and may come back. */
  release(): Promise<void>;
}

export interface UnkeyedRetriesParts {
  readonly database: Database;
  readonly cancellation: Cancellation;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly times?: Partial<RetryTimes>;
}

/**
 * Clients try again of their own and send no idempotency key. So each request is given one, kept in the database while its
 * client waits, and a request takes over the key of one like it whose client has gone without an answer: the jobs are those
 * that were made, on whichever router it comes in. Nobody has seen that answer, so it is nobody else's sample. What nobody
 * comes back for is cancelled: a GPU must not go on for nobody.
 */
export class UnkeyedRetries {
  private readonly holder = randomUUID();
  private readonly held = new Set<string>();
  /** Of those, the ones whose clients have their answers. */
  private readonly answered = new Set<string>();
  private readonly ending = new Set<Promise<void>>();
  /** Requests on their way into the database, by what they are like. */
  private readonly noting = new Map<string, Set<Promise<unknown>>>();
  private readonly times: RetryTimes;
  private readonly stopping = new AbortController();
  private looping: Promise<void> = Promise.resolve();
  private renewals = 0;
  private wasOut = false;

  constructor(private readonly parts: UnkeyedRetriesParts) {
    this.times = { leaseMs: LEASE_MS, renewMs: RENEW_MS, returnMs: RETURN_MS, ...parts.times };
  }

  start(): void {
    this.looping = this.loop();
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.looping;
    await Promise.all(this.ending);
  }

  /**
   * @param isRetry the client says that it has asked before: OpenAI's do
   * @param jobs how many the request makes
   * @param left aborted once its client has gone: then nothing is made for it any more
   * @throws ProblemError REQUEST_INVALID: the client has gone
   */
  async hold(
    likeness: RequestLikeness,
    isRetry: boolean,
    jobs: number,
    left: AbortSignal,
  ): Promise<HeldRequest> {
    const { metrics, logger } = this.parts;
    const made = `openai-${randomUUID()}`;
    const request = { ...likeness, idempotencyKey: made, jobs };
    const key = isRetry ? await this.noteRetry(request, left) : undefined;
    const idempotencyKey = key ?? (await this.note(request, 'any', left)) ?? made;
    const isJoined = idempotencyKey !== made;
    const held = this.heldAs({ ...request, idempotencyKey });
    if (left.aborted) {
      await (isJoined ? held.release() : held.settle());
      throw clientGone();
    }
    if (isJoined || isRetry)
      metrics.count('beacon_openai_retries_total', { outcome: isJoined ? 'joined' : 'new' });
    if (isJoined) {
      logger.info(
        { event: 'openai.retry_joined', tenant: likeness.tenant, idempotency_key: idempotencyKey },
        'a client that came back was given the jobs that it had left',
      );
    }
    return held;
  }

  /**
   * A request like it that seems to be waited for may be the very one: its connection broke and that has not been seen
   * yet, or its router has died. Either shows within a lease. So may one that is only being noted, where this router has
   * stood still.
   */
  private async noteRetry(request: UnkeyedRequest, left: AbortSignal): Promise<string | undefined> {
    const untilMs = performance.now() + this.times.leaseMs + LOOK_MS;
    const name = nameOfLike(request);
    const isOver = (): boolean =>
      left.aborted || this.stopping.signal.aborted || performance.now() >= untilMs;
    while (!isOver()) {
      const others = this.noting.get(name);
      if (others !== undefined) {
        await Promise.race([wait(LOOK_MS), Promise.allSettled([...others])]);
        continue;
      }
      // In the same turn: of two that wait for the same, one is noted first.
      const key = await this.note(request, 'none', left);
      if (key !== undefined) return key;
      await wait(LOOK_MS);
    }
    return undefined;
  }

  private async note(
    request: UnkeyedRequest,
    beside: 'any' | 'none',
    left: AbortSignal,
  ): Promise<string | undefined> {
    if (left.aborted) throw clientGone();
    const name = nameOfLike(request);
    const noting = this.noting.get(name) ?? new Set();
    this.noting.set(name, noting);
    const noted = this.holdOnce(request, beside);
    noting.add(noted);
    try {
      return await noted;
    } finally {
      noting.delete(noted);
      if (noting.size === 0) this.noting.delete(name);
    }
  }

  /** After an outage one may have run out for which a client waits here, or has its answer: taking it renews it. */
  private async holdOnce(request: UnkeyedRequest, beside: 'any' | 'none'): Promise<string | undefined> {
    for (;;) {
      const from = this.wasOut ? 'released' : 'lapsed';
      const terms = [this.holder, this.times.leaseMs, beside, from] as const;
      const key = await holdUnkeyed(this.parts.database, request, ...terms);
      if (key === undefined || !this.held.has(key)) return key;
    }
  }

  private heldAs(request: UnkeyedRequest): HeldRequest {
    const { idempotencyKey } = request;
    this.held.add(idempotencyKey);
    return {
      idempotencyKey,
      settle: () => this.end(this.settle(idempotencyKey)),
      release: () => {
        this.held.delete(idempotencyKey);
        return this.end(this.release(request));
      },
    };
  }

  /** Where it was given up before its jobs were made, nobody has cancelled them: this router may have stood still. */
  private async release(request: UnkeyedRequest): Promise<void> {
    const { database } = this.parts;
    if (await releaseUnkeyed(database, request.idempotencyKey, this.holder)) return;
    const jobs = await findJobsByIdempotencyKey(database, namesOf(request));
    for (const { jobId, tenant } of jobs) await this.cancel(jobId, tenant);
  }

  /** Until the row is gone it is held, or somebody would be given an answer that another has. */
  private async settle(idempotencyKey: string): Promise<void> {
    this.answered.add(idempotencyKey);
    await settleUnkeyed(this.parts.database, idempotencyKey, this.holder);
    this.answered.delete(idempotencyKey);
    this.held.delete(idempotencyKey);
  }

  /** What fails now is made up for: by the next round, or by the end of the lease. */
  private async end(change: Promise<void>): Promise<void> {
    const ended = change.catch((error: unknown) => {
      this.parts.logger.warn(
        { event: 'openai.request_not_ended', err: error },
        'a request could not be let go yet',
      );
    });
    this.ending.add(ended);
    await ended;
    this.ending.delete(ended);
  }

  private async loop(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      await wait(this.times.renewMs, undefined, { signal, ref: false }).catch(() => undefined);
      if (signal.aborted) return;
      try {
        await this.renew();
        for (const key of this.answered) await this.settle(key);
        if (this.renewals >= RENEWALS_BEFORE_DROP) await this.drop();
      } catch (error) {
        this.noteOutage();
        this.parts.logger.warn(
          { event: 'openai.requests_not_renewed', err: error },
          'what clients wait for could not be noted',
        );
      }
    }
  }

  private async renew(): Promise<void> {
    const startedMs = performance.now();
    await renewUnkeyed(this.parts.database, [...this.held], this.holder, this.times.leaseMs);
    if (performance.now() - startedMs > this.times.leaseMs / 2) this.noteOutage();
    this.renewals += 1;
    if (this.renewals >= RENEWALS_BEFORE_TAKING) this.wasOut = false;
  }

  /** The database was away, or stood still, for the others, too. */
  private noteOutage(): void {
    this.renewals = 0;
    this.wasOut = true;
  }

  /**
   * The jobs go first and the rows after them: a router that dies in between leaves rows, and another cancels again. A job
   * without a row would go on for nobody, and be paid.
   */
  private async drop(): Promise<void> {
    const { database } = this.parts;
    const givenUp = await giveUpUnkeyed(database, this.times.returnMs, this.holder, this.times.leaseMs);
    if (givenUp.length === 0) return;
    const requests = new Map(
      givenUp.flatMap((request) => namesOf(request).map((name) => [nameOf(name), { ...name, request }])),
    );
    const going = new Set<string>();
    for (const { jobId, tenant, key } of await findJobsByIdempotencyKey(database, [...requests.values()])) {
      if (await this.cancel(jobId, tenant)) continue;
      going.add(requests.get(nameOf({ tenant, key }))?.request.idempotencyKey ?? key);
    }
    const done = givenUp.map(({ idempotencyKey }) => idempotencyKey).filter((key) => !going.has(key));
    await dropUnkeyed(database, done, this.holder);
  }

  /** @returns whether it goes on no more, or its end has been asked for */
  private async cancel(jobId: string, tenant: string): Promise<boolean> {
    const { cancellation, logger } = this.parts;
    try {
      await cancellation.cancel(jobId);
    } catch (error) {
      // One that has ended stays as it is.
      if (error instanceof ProblemError && ['JOB_FINISHED', 'JOB_NOT_FOUND'].includes(error.code))
        return true;
      logger.warn(
        { event: 'openai.job_not_cancelled', job_id: jobId, tenant, err: error },
        'a job that nobody came back for could not be cancelled; it is tried again',
      );
      return false;
    }
    logger.info(
      { event: 'openai.job_abandoned', job_id: jobId, tenant },
      'nobody came back for a job, so it was cancelled',
    );
    return true;
  }
}

function nameOfLike({ tenant, fingerprint }: RequestLikeness): string {
  return JSON.stringify([tenant, fingerprint]);
}

/** What its jobs are known by. */
function namesOf({ idempotencyKey, jobs, tenant }: UnkeyedRequest): IdempotencyName[] {
  return keysOfJobs(idempotencyKey, jobs).map((key) => ({ tenant, key }));
}

/** Idempotency keys of different tenants have nothing to do with each other. */
function nameOf({ tenant, key }: IdempotencyName): string {
  return JSON.stringify([tenant, key]);
}
