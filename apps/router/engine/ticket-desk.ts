import type { TicketCheck, TicketCheckReply } from '#contracts';
import { judgeReturnedTicket, wouldBeHeard } from '#domain';
import type { CallStore } from '#messaging';
import type { Logger, Metrics } from '#observability';
import {
  checkTicket,
  claimTicket,
  noteTaker,
  readHolding,
  readSuspect,
  readSuspectAttempt,
  type Database,
  type SuspectAttempt,
} from '#persistence';
import type { Endpoints } from './endpoints.js';
import type { Engine } from './engine.js';

const UNWANTED: TicketCheckReply = { wanted: false, ended: false, may_begin: false };

/** What a ticket's asker is told, and the attempt to give up, where it is one that kills. */
interface Judged {
  readonly reply: TicketCheckReply;
  readonly poison?: SuspectAttempt & { readonly region: string; readonly lost: number };
}

/**
 * Answers dispatchers that ask about a ticket, and counts on the way who has worked on one that came back: a payload that
 * crashes its workers must not go round for ever.
 */
export class TicketDesk {
  constructor(
    private readonly database: Database,
    private readonly endpoints: Pick<Endpoints, 'spec' | 'listeningMs'>,
    private readonly engine: Pick<Engine, 'receive' | 'hasUnwritten'>,
    private readonly callStore: Pick<CallStore, 'get'>,
    private readonly metrics: Metrics,
    private readonly logger: Logger,
    private readonly crashesMax: number,
  ) {}

  async check(ticket: TicketCheck): Promise<TicketCheckReply> {
    const { job_id: jobId, attempt, epoch, redelivered_to: receiver } = ticket;
    const { wanted, ended, superseded, mayBegin } = await checkTicket(
      this.database,
      { jobId, attempt, epoch },
      (id) => this.endpoints.spec(id)?.concurrency ?? 1,
    );
    const reply = { wanted, ended, may_begin: mayBegin, ...(superseded ? { superseded } : {}) };
    // Also where its job is over: whoever has it tells how its call ended.
    if (
      receiver !== undefined &&
      ticket.may_be_held === true &&
      (await this.mayBeHeld(jobId, epoch, receiver))
    )
      return { wanted: true, ended: false, may_begin: false };
    if (!wanted || !mayBegin) return reply;
    // A ticket that did not come back has no earlier holder. But it may have gone to another meanwhile.
    if (receiver === undefined)
      return (await claimTicket(this.database, jobId, epoch, ticket.dispatcher_id, 'fromNobody'))
        ? reply
        : waiting(reply);
    const judged = await this.judge(ticket, receiver, reply);
    // Not before the verdict is committed: what it leads to waits for other transactions.
    if (judged.poison !== undefined) await this.giveUp(jobId, epoch, judged.poison);
    return judged.reply;
  }

  /** Whether somebody else than `dispatcherId` is at work on the ticket, or would not have been heard yet. */
  async mayBeHeld(jobId: string, epoch: number, dispatcherId: string): Promise<boolean> {
    const holding = await readHolding(this.database, jobId, epoch, dispatcherId);
    if (holding === undefined) return false;
    // Asked last: what has come in meanwhile counts too.
    const isHeard = this.engine.hasUnwritten(jobId, epoch, dispatcherId);
    return holding.isHeld || isHeard || !wouldBeHeard(this.endpoints.listeningMs(), holding.issuedMs);
  }

  private judge(ticket: TicketCheck, asker: string, reply: TicketCheckReply): Promise<Judged> {
    const { job_id: jobId, epoch, may_be_held: mayBeHeld = false } = ticket;
    return this.database.transaction(async (client) => {
      const suspect = await readSuspect(client, jobId, epoch, asker);
      if (suspect === undefined) return { reply: UNWANTED };
      const { lost, otherOnTrial, region } = suspect;
      const verdict = judgeReturnedTicket({ lost, otherOnTrial, crashesMax: this.crashesMax });
      switch (verdict) {
        case 'begin':
        case 'beginAlone':
          if (!(await claimTicket(client, jobId, epoch, asker, mayBeHeld ? 'fromNobody' : 'fromWhoever')))
            return { reply: waiting(reply) };
          await noteTaker(client, jobId, epoch, asker, verdict === 'beginAlone');
          if (lost > 0) {
            this.metrics.count('beacon_ticket_crashes_total', { region });
            this.logger.warn(
              {
                event: 'ticket.taken_over',
                job_id: jobId,
                epoch,
                region,
                lost,
                alone: verdict === 'beginAlone',
              },
              'whoever worked on this ticket before is gone',
            );
          }
          return { reply };
        case 'wait':
          return { reply: waiting(reply) };
        case 'poison': {
          const attempt = await readSuspectAttempt(client, jobId, epoch);
          if (attempt === undefined) return { reply: UNWANTED };
          // It asks again until the verdict is recorded: what it says of the ticket before that would be the outcome.
          return { reply: waiting(reply), poison: { ...attempt, region, lost } };
        }
      }
    });
  }

  /** Said again by whoever asks next where this is lost with the process. */
  private async giveUp(
    jobId: string,
    epoch: number,
    { attempt, endpointId, ageMs, region, lost }: NonNullable<Judged['poison']>,
  ): Promise<void> {
    this.logger.error(
      { event: 'ticket.poison', job_id: jobId, epoch, region, lost, endpoint_id: endpointId },
      'a ticket is given up: whoever works on it dies',
    );
    // Where they cannot be read, the asker tells of them once the ticket is given up.
    const found = await this.callStore.get(jobId, attempt).catch(() => undefined);
    this.engine.receive({
      outcome: {
        v: 1,
        job_id: jobId,
        attempt,
        epoch,
        endpoint_id: endpointId,
        region,
        duration_ms: Math.max(0, ageMs),
        reattached: false,
        // The verdict is no call: those that were made are all earlier ones.
        calls: { id: null, earlier: found?.attempt.calls ?? [], ended_ms_ago: 0 },
        result: {
          kind: 'failed',
          code: 'POISON_SUSPECTED',
          detail: `${lost} dispatchers died while they worked on it`,
        },
      },
    });
  }
}

/** It asks again. */
function waiting(reply: TicketCheckReply): TicketCheckReply {
  return { ...reply, may_begin: false };
}
