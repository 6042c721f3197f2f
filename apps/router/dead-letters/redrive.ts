import { randomUUID } from 'node:crypto';
import {
  ProblemError,
  discardManyRequestSchema,
  discardRequestSchema,
  parseRequest,
  redriveRequestSchema,
  type DiscardedManyView,
  type RedrivenManyView,
  type RedrivenView,
} from '#contracts';
import {
  actorOf,
  judgeRedrive,
  limitsFor,
  nextRedriveStep,
  orderKeyMs,
  seesAllTenants,
  type AgeingPolicy,
  type Caller,
  type RedriveSkip,
} from '#domain';
import type { Logger, Metrics } from '#observability';
import {
  appendAudit,
  discardLetters,
  findDeadLetter,
  lockDeadLetter,
  lockOpenDeadLetters,
  redriveLetters,
  type Database,
  type DeadLetterRow,
  type LockedDeadLetter,
  type Queryable,
  type RedrivenJob,
} from '#persistence';
import { actOf } from '../access/act-of.js';
import type { JobArrivals } from '../engine/job-arrivals.js';
import type { JobPlacement, Place } from '../jobs/job-placement.js';
import type { DailyBudget } from '../ledger/daily-budget.js';
import type { FullQueues } from '../limits/full-queues.js';
import type { FullQueue, Newcomer, QueueLimits } from '../limits/queue-limits.js';
import { letterIdOf, letterNotFound, type DeadLetterReader } from './dead-letter-reader.js';

/** Letters of one transaction. Others want their rows, and the queue is filled in steps. */
const BATCH = 50;
/** A letter, the letter of the job it became, and so on. */
const CHAIN_MAX = 1000;

export interface RedriveParts {
  readonly database: Database;
  readonly placement: JobPlacement;
  readonly budget: DailyBudget;
  readonly queueLimits: QueueLimits;
  readonly fullQueues: FullQueues;
  readonly arrivals: JobArrivals;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly reader: DeadLetterReader;
  readonly ageing: AgeingPolicy;
}

/** A dead letter and the job that it is to become. */
interface Redriven {
  readonly letter: LockedDeadLetter;
  readonly job: RedrivenJob;
  readonly newcomer: Newcomer;
}

/** Why a dead letter is no job: in the list of what was passed over, and where it alone was asked for. */
interface Refused {
  readonly skip: RedriveSkip;
  readonly problem: ProblemError;
}

/** @returns why each cannot be queued; undefined: there is room, and it is taken */
type TakeRoom = (newcomers: readonly Newcomer[]) => Promise<(FullQueue | undefined)[]>;

/**
 * Makes new jobs of dead letters, or gives them up. A job has one final state, so a redriven one is another job; it takes
 * its place at the end of the queue, under the rules that hold for jobs that are posted. Letter and job change in one
 * transaction.
 */
export class Redrive {
  private turn: Promise<unknown> = Promise.resolve();

  constructor(private readonly parts: RedriveParts) {}

  /** @throws ProblemError DEAD_LETTER_NOT_FOUND, DEAD_LETTER_DISCARDED, and why it cannot be a job now */
  async one(id: string, caller: Caller): Promise<RedrivenView> {
    const jobId = letterIdOf(id);
    const over = await this.parts.budget.overBudget(caller);
    const outcome = await this.inTurn(async (client, takeRoom) => {
      const found = await this.follow(client, jobId);
      if ('already' in found) return found;
      const { letter } = found;
      const weighed = this.weigh(letter, caller, over, true);
      if ('skip' in weighed) throw weighed.problem;
      const [full] = await takeRoom([weighed.newcomer]);
      if (full !== undefined) return { ...weighed, full };
      await redriveLetters(client, [weighed.job], actorOf(caller));
      await appendAudit(
        client,
        actOf(caller, 'dead_letter.redriven', letter.jobId, { redriven_as: weighed.job.id }),
      );
      return weighed;
    });
    if ('already' in outcome) return { job_id: jobId, redriven_as: outcome.already, already: true };
    const { letter, job } = outcome;
    if ('full' in outcome) throw await this.parts.fullQueues.refusal({ ...letter, ...job }, outcome.full);
    this.tell([outcome], caller);
    return { job_id: jobId, redriven_as: job.id, already: false };
  }

  async many(body: unknown, caller: Caller): Promise<RedrivenManyView> {
    const { filter: given, limit } = parseRequest(redriveRequestSchema, body);
    const filter = this.parts.reader.filterOf(given, caller);
    const jobs: RedrivenManyView['jobs'] = [];
    const skipped: RedrivenManyView['skipped'] = [];
    const over = await this.parts.budget.overBudget(caller);
    const more = await this.inBatches(limit, async (client, takeRoom, after, size) => {
      const letters = await lockOpenDeadLetters(client, filter, after, size);
      const passed: RedrivenManyView['skipped'] = [];
      const fit: Redriven[] = [];
      for (const letter of letters) {
        const weighed = this.weigh(letter, caller, over, filter.poison === true);
        if ('skip' in weighed) passed.push({ job_id: letter.jobId, reason: weighed.skip });
        else fit.push(weighed);
      }
      const full = await takeRoom(fit.map(({ newcomer }) => newcomer));
      const redriven = fit.filter((_, index) => full[index] === undefined);
      for (const [index, { letter }] of fit.entries())
        if (full[index] !== undefined) passed.push({ job_id: letter.jobId, reason: 'QUEUE_FULL' });
      if (redriven.length > 0) {
        await redriveLetters(
          client,
          redriven.map(({ job }) => job),
          actorOf(caller),
        );
        await appendAudit(
          client,
          actOf(caller, 'dead_letters.redriven', 'dead-letters', {
            filter: given,
            jobs: redriven.map(({ job }) => ({ job_id: job.from, redriven_as: job.id })),
          }),
        );
      }
      return {
        letters,
        committed: () => {
          jobs.push(...redriven.map(({ job }) => ({ job_id: job.from, redriven_as: job.id })));
          skipped.push(...passed);
          this.tell(redriven, caller);
        },
      };
    });
    const reasons: Partial<Record<RedriveSkip, number>> = {};
    for (const { reason } of skipped) reasons[reason] = (reasons[reason] ?? 0) + 1;
    return { redriven: jobs.length, jobs, skipped, skipped_by_reason: reasons, more };
  }

  /** @throws ProblemError DEAD_LETTER_NOT_FOUND, DEAD_LETTER_REDRIVEN */
  async discard(id: string, body: unknown, caller: Caller): Promise<DeadLetterRow> {
    const jobId = letterIdOf(id);
    const { reason } = parseRequest(discardRequestSchema, body);
    const { row, changed } = await this.parts.database.transaction(async (client) => {
      const letter = await lockDeadLetter(client, jobId);
      if (letter === undefined) throw letterNotFound();
      if (letter.state === 'redriven') {
        throw new ProblemError('DEAD_LETTER_REDRIVEN', `it was redriven as job ${letter.redrivenAs ?? ''}`);
      }
      if (letter.state === 'open') {
        await discardLetters(client, [jobId], actorOf(caller), reason);
        await appendAudit(client, actOf(caller, 'dead_letter.discarded', jobId, { reason }));
      }
      return { row: await findDeadLetter(client, jobId), changed: letter.state === 'open' };
    });
    if (row === undefined) throw letterNotFound();
    if (changed) this.tellDiscarded([{ jobId, homeRegion: row.region }], caller);
    return row;
  }

  async discardMany(body: unknown, caller: Caller): Promise<DiscardedManyView> {
    const { filter: given, limit, reason } = parseRequest(discardManyRequestSchema, body);
    const filter = this.parts.reader.filterOf(given, caller);
    let discarded = 0;
    const more = await this.inBatches(limit, async (client, _takeRoom, after, size) => {
      const letters = await lockOpenDeadLetters(client, filter, after, size);
      const ids = letters.map(({ jobId }) => jobId);
      if (ids.length > 0) {
        await discardLetters(client, ids, actorOf(caller), reason);
        await appendAudit(
          client,
          actOf(caller, 'dead_letters.discarded', 'dead-letters', { filter: given, reason, jobs: ids }),
        );
      }
      return {
        letters,
        committed: () => {
          discarded += ids.length;
          this.tellDiscarded(letters, caller);
        },
      };
    });
    return { discarded, more };
  }

  /** @returns whether there was more than the limit allowed to look at */
  private async inBatches(
    limit: number,
    work: (
      client: Queryable,
      takeRoom: TakeRoom,
      afterLetterNo: string,
      size: number,
    ) => Promise<{ letters: readonly LockedDeadLetter[]; committed: () => void }>,
  ): Promise<boolean> {
    let after = '0';
    for (let left = limit; left > 0; left -= BATCH) {
      const size = Math.min(left, BATCH);
      const { letters, committed } = await this.inTurn((client, takeRoom) =>
        work(client, takeRoom, after, size),
      );
      committed();
      const last = letters.at(-1);
      if (last === undefined || letters.length < size) return false;
      after = last.letterNo;
    }
    return true;
  }

  /**
   * One transaction at a time: each holds a connection of the pool while room is counted on another, and must not wait
   * for those that wait for it.
   */
  private inTurn<T>(work: (client: Queryable, takeRoom: TakeRoom) => Promise<T>): Promise<T> {
    const done = this.turn.then(() => this.transact(work));
    this.turn = done.catch(() => undefined);
    return done;
  }

  private async transact<T>(work: (client: Queryable, takeRoom: TakeRoom) => Promise<T>): Promise<T> {
    const { database, queueLimits } = this.parts;
    const taken: Newcomer[] = [];
    const takeRoom: TakeRoom = async (newcomers) => {
      const full = await queueLimits.takeRoom(newcomers);
      taken.push(...newcomers.filter((_, index) => full[index] === undefined));
      return full;
    };
    try {
      return await database.transaction((client) => work(client, takeRoom));
    } catch (error) {
      if (taken.length > 0) queueLimits.forget();
      throw error;
    } finally {
      queueLimits.settle(taken);
    }
  }

  /** The letter that a new job is to be made of, or the job that was made already. */
  private async follow(
    client: Queryable,
    jobId: string,
  ): Promise<{ letter: LockedDeadLetter } | { already: string }> {
    let id = jobId;
    for (let steps = 0; steps < CHAIN_MAX; steps += 1) {
      const letter = await lockDeadLetter(client, id);
      if (letter === undefined) throw letterNotFound();
      const { redrivenAs } = letter;
      switch (nextRedriveStep(letter.state, letter.redrivenState)) {
        case 'redrive':
          return { letter };
        case 'discarded':
          throw new ProblemError('DEAD_LETTER_DISCARDED', `the dead letter ${id} has been discarded`);
        case 'already':
          return { already: redrivenAs ?? id };
        case 'follow':
          id = redrivenAs ?? id;
      }
    }
    throw new ProblemError('DEAD_LETTER_REDRIVEN', `it was redriven ${CHAIN_MAX} times; see job ${id}`);
  }

  /** @param over why the caller's own key may cost no more today */
  private weigh(
    letter: LockedDeadLetter,
    caller: Caller,
    over: ProblemError | undefined,
    poisonToo: boolean,
  ): Redriven | Refused {
    const skip = judgeRedrive({ ...letter, ofRun: letter.runId !== null }, poisonToo);
    if (skip !== undefined) return { skip, problem: refusalOf(skip, letter) };
    // Operations act for others, whose keys these jobs stay with.
    const keyId = seesAllTenants(caller) ? letter.keyId : caller.keyId;
    if (over !== undefined && keyId === caller.keyId) return { skip: 'BUDGET_EXHAUSTED', problem: over };
    const { model, priority, regionPolicy } = letter;
    const limits = limitsFor(caller, keyId);
    let place: Place;
    try {
      const preferred = letter.preferredRegion ?? undefined;
      place = this.parts.placement.place({ model, priority, preferred, regionPolicy }, limits);
    } catch (error) {
      if (!(error instanceof ProblemError && isPlaceSkip(error.code))) throw error;
      const problem = letter.taskType === null ? error : new ProblemError(error.code, OF_TASK[error.code]);
      return { skip: error.code, problem };
    }
    const orderKey = orderKeyMs(Date.now(), priority, this.parts.ageing);
    return {
      letter,
      job: { ...place, from: letter.jobId, id: randomUUID(), keyId, orderKey },
      newcomer: { keyId, region: place.homeRegion, limits, isOfRun: false },
    };
  }

  private tell(redriven: readonly Redriven[], caller: Caller): void {
    if (redriven.length === 0) return;
    const { arrivals, metrics, logger } = this.parts;
    arrivals.announce(redriven.map(({ letter, job }) => ({ ...letter, ...job })));
    for (const { letter, job } of redriven) {
      metrics.count('beacon_dead_letters_redriven_total', { region: letter.homeRegion });
      logger.info(
        {
          ...{ event: 'dead_letter.redriven', job_id: job.from, redriven_as: job.id },
          ...{ actor: actorOf(caller), request_id: caller.requestId },
        },
        'a dead letter became a new job',
      );
    }
  }

  private tellDiscarded(
    letters: readonly { readonly jobId: string; readonly homeRegion: string }[],
    caller: Caller,
  ): void {
    const { metrics, logger } = this.parts;
    for (const { jobId, homeRegion } of letters) {
      metrics.count('beacon_dead_letters_discarded_total', { region: homeRegion });
      logger.info(
        {
          ...{ event: 'dead_letter.discarded', job_id: jobId },
          ...{ actor: actorOf(caller), request_id: caller.requestId },
        },
        'a dead letter was given up',
      );
    }
  }
}

/** Which model does a task is not to be learned from its refusal. */
const OF_TASK = {
  FORBIDDEN: 'the key is confined to other models, regions or priorities than those of this task',
  UNKNOWN_MODEL: 'no endpoint serves the model of this task type any more',
  MODEL_NOT_IN_REGION: 'the model of this task type is not deployed any more where the task is pinned to',
} as const satisfies Partial<Record<RedriveSkip, string>>;

function isPlaceSkip(code: string): code is keyof typeof OF_TASK {
  return code in OF_TASK;
}

function refusalOf(
  skip: NonNullable<ReturnType<typeof judgeRedrive>>,
  { runId }: LockedDeadLetter,
): ProblemError {
  switch (skip) {
    case 'JOB_OF_RUN':
      return new ProblemError(
        'JOB_OF_RUN',
        `the job answers a cell of run ${runId ?? ''}: POST /runs/${runId ?? '{id}'}/retry-failed asks it again`,
      );
    case 'CONTENT_ERASED':
      return new ProblemError('CONTENT_ERASED', 'the prompt of this job has been erased');
    case 'POISON':
      return new ProblemError('FORBIDDEN', 'the letter is taken for poison, and that was not asked for');
  }
}
