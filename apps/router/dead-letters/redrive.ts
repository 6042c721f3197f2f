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
  judgeRedrive,
  laneOf,
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
  countWaitingOfKey,
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
import type { Endpoints } from '../engine/endpoints.js';
import type { Engine } from '../engine/engine.js';
import type { JobJournal } from '../engine/job-journal.js';
import type { QueueView } from '../queue/queue-view.js';
import { letterIdOf, letterNotFound, type DeadLetterReader } from './dead-letter-reader.js';

/** Letters of one transaction. Others want their rows, and the queue is filled in steps. */
const BATCH = 50;
/** A letter, the letter of the job it became, and so on. */
const CHAIN_MAX = 1000;

export interface RedriveParts {
  readonly database: Database;
  readonly endpoints: Endpoints;
  readonly queueView: QueueView;
  readonly engine: Pick<Engine, 'jobsArrived'>;
  readonly journal: JobJournal;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly reader: DeadLetterReader;
  readonly ageing: AgeingPolicy;
}

/** A dead letter and the job that it is to become. */
interface Redriven {
  readonly letter: LockedDeadLetter;
  readonly job: RedrivenJob;
}

/**
 * Makes new jobs of dead letters, or gives them up. A job has one final state, so a redriven one is another job; it takes
 * its place at the end of the queue. Letter and job change in one transaction.
 */
export class Redrive {
  constructor(private readonly parts: RedriveParts) {}

  /** @throws ProblemError DEAD_LETTER_NOT_FOUND, DEAD_LETTER_DISCARDED, and why it cannot be a job */
  async one(id: string, caller: Caller): Promise<RedrivenView> {
    const jobId = letterIdOf(id);
    const outcome = await this.parts.database.transaction(async (client) => {
      const found = await this.follow(client, jobId);
      if ('already' in found) return found;
      const { letter } = found;
      const skip = this.judge(letter, caller, await this.roomOf(client, caller), true);
      if (skip !== undefined) throw refusalOf(skip, letter);
      const redriven = this.redriven(letter, caller);
      await redriveLetters(client, [redriven.job], actorOf(caller));
      await appendAudit(
        client,
        actOf(caller, 'dead_letter.redriven', letter.jobId, { redriven_as: redriven.job.id }),
      );
      return redriven;
    });
    if ('already' in outcome) return { job_id: jobId, redriven_as: outcome.already, already: true };
    this.tell([outcome], caller);
    return { job_id: jobId, redriven_as: outcome.job.id, already: false };
  }

  async many(body: unknown, caller: Caller): Promise<RedrivenManyView> {
    const { filter: given, limit } = parseRequest(redriveRequestSchema, body);
    const filter = this.parts.reader.filterOf(given, caller);
    const jobs: RedrivenManyView['jobs'] = [];
    const skipped: RedrivenManyView['skipped'] = [];
    const more = await this.inBatches(limit, async (client, after, size) => {
      const letters = await lockOpenDeadLetters(client, filter, after, size);
      let room = await this.roomOf(client, caller);
      const redriven: Redriven[] = [];
      const passed: RedrivenManyView['skipped'] = [];
      for (const letter of letters) {
        const skip = this.judge(letter, caller, room, filter.poison === true);
        if (skip !== undefined) {
          passed.push({ job_id: letter.jobId, reason: skip });
          continue;
        }
        room -= 1;
        redriven.push(this.redriven(letter, caller));
      }
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
    const more = await this.inBatches(limit, async (client, after, size) => {
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
      afterLetterNo: string,
      size: number,
    ) => Promise<{ letters: readonly LockedDeadLetter[]; committed: () => void }>,
  ): Promise<boolean> {
    let after = '0';
    for (let left = limit; left > 0; left -= BATCH) {
      const size = Math.min(left, BATCH);
      const { letters, committed } = await this.parts.database.transaction((client) =>
        work(client, after, size),
      );
      committed();
      const last = letters.at(-1);
      if (last === undefined || letters.length < size) return false;
      after = last.letterNo;
    }
    return true;
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

  private judge(
    letter: LockedDeadLetter,
    caller: Caller,
    room: number,
    poisonToo: boolean,
  ): RedriveSkip | undefined {
    const { endpoints } = this.parts;
    return judgeRedrive(
      {
        ...letter,
        ofRun: letter.runId !== null,
        servingRegions: endpoints.models.has(letter.model) ? endpoints.regionsServing(letter.model) : [],
        limits: seesAllTenants(caller) ? {} : caller.limits,
        room,
      },
      poisonToo,
    );
  }

  /** Jobs that the caller's key may still queue. Operations act for others, whose keys these jobs stay with. */
  private async roomOf(client: Queryable, caller: Caller): Promise<number> {
    const { queued_jobs: queuedJobs } = caller.limits;
    if (queuedJobs === undefined || caller.keyId === null || seesAllTenants(caller)) return Infinity;
    return Math.max(0, queuedJobs - (await countWaitingOfKey(client, caller.keyId)));
  }

  private redriven(letter: LockedDeadLetter, caller: Caller): Redriven {
    const { endpoints, queueView, ageing } = this.parts;
    const serving = endpoints.regionsServing(letter.model);
    const homeRegion = letter.preferredRegion ?? queueView.leastLoaded(serving);
    return {
      letter,
      job: {
        from: letter.jobId,
        id: randomUUID(),
        keyId: seesAllTenants(caller) ? letter.keyId : caller.keyId,
        homeRegion,
        lane: laneOf(letter.regionPolicy, homeRegion, serving.includes(homeRegion)),
        orderKey: orderKeyMs(Date.now(), letter.priority, ageing),
      },
    };
  }

  private tell(redriven: readonly Redriven[], caller: Caller): void {
    if (redriven.length === 0) return;
    const { engine, queueView, metrics, journal, logger } = this.parts;
    engine.jobsArrived();
    for (const { letter, job } of redriven) {
      queueView.arrived(job.lane, letter.model, letter.tenant);
      metrics.count('beacon_jobs_accepted_total', { region: job.homeRegion, priority: letter.priority });
      metrics.count('beacon_dead_letters_redriven_total', { region: letter.homeRegion });
      logger.info(
        {
          ...{ event: 'dead_letter.redriven', job_id: job.from, redriven_as: job.id },
          ...{ actor: actorOf(caller), request_id: caller.requestId },
        },
        'a dead letter became a new job',
      );
      journal.record({ jobId: job.id, from: null, to: 'queued', attempt: 0, homeRegion: job.homeRegion });
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

function actorOf({ keyId }: Caller): string {
  return keyId ?? 'local';
}

function refusalOf(skip: RedriveSkip, letter: LockedDeadLetter): ProblemError {
  const { runId, preferredRegion } = letter;
  // Which model does a task is not to be learned from its refusal.
  const model = letter.taskType === null ? `"${letter.model}"` : 'the model of this task type';
  switch (skip) {
    case 'JOB_OF_RUN':
      return new ProblemError(
        'JOB_OF_RUN',
        `the job answers a cell of run ${runId ?? ''}: POST /runs/${runId ?? '{id}'}/retry-failed asks it again`,
      );
    case 'CONTENT_ERASED':
      return new ProblemError('CONTENT_ERASED', 'the prompt of this job has been erased');
    case 'UNKNOWN_MODEL':
      return new ProblemError('UNKNOWN_MODEL', `no endpoint serves ${model} any more`);
    case 'MODEL_NOT_IN_REGION':
      return new ProblemError(
        'MODEL_NOT_IN_REGION',
        `the job is pinned to ${preferredRegion ?? 'a region'}, where ${model} is not deployed any more`,
      );
    case 'QUEUE_FULL':
      return new ProblemError('QUEUE_FULL', 'queued_jobs: as many jobs of this key wait as it may have');
    case 'FORBIDDEN':
    case 'POISON':
      return new ProblemError('FORBIDDEN', 'the key is confined to other models, regions or priorities');
  }
}
