import type { TicketCheck, TicketCheckReply } from '#contracts';
import { judgeReturnedTicket } from '#domain';
import type { Logger, Metrics } from '#observability';
import { checkTicket, noteTaker, readSuspect, readSuspectAttempt, type Database } from '#persistence';
import type { Endpoints } from './endpoints.js';
import type { Engine } from './engine.js';

const UNWANTED: TicketCheckReply = { wanted: false, ended: false, may_begin: false };

/**
 * Answers dispatchers that ask about a ticket, and counts on the way who has worked on one that came back: a payload that
 * crashes its workers must not go round for ever.
 */
export class TicketDesk {
  constructor(
    private readonly database: Database,
    private readonly endpoints: Endpoints,
    private readonly engine: Pick<Engine, 'receive'>,
    private readonly metrics: Metrics,
    private readonly logger: Logger,
    private readonly crashesMax: number,
  ) {}

  async check(ticket: TicketCheck): Promise<TicketCheckReply> {
    const { job_id: jobId, epoch, redelivered_to: asker } = ticket;
    const { wanted, ended, mayBegin } = await checkTicket(
      this.database,
      jobId,
      epoch,
      (id) => this.endpoints.spec(id)?.concurrency ?? 1,
    );
    const reply = { wanted, ended, may_begin: mayBegin };
    // Older dispatchers do not say who they are.
    if (asker === undefined || !wanted || !mayBegin) return reply;
    return this.judge(jobId, epoch, asker, reply);
  }

  private judge(
    jobId: string,
    epoch: number,
    asker: string,
    reply: TicketCheckReply,
  ): Promise<TicketCheckReply> {
    return this.database.transaction(async (client) => {
      const suspect = await readSuspect(client, jobId, epoch, asker);
      if (suspect === undefined) return UNWANTED;
      const { lost, otherOnTrial, region } = suspect;
      const verdict = judgeReturnedTicket({ lost, otherOnTrial, crashesMax: this.crashesMax });
      switch (verdict) {
        case 'begin':
        case 'beginAlone':
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
          return reply;
        case 'wait':
          return { ...reply, may_begin: false };
        case 'poison': {
          const attempt = await readSuspectAttempt(client, jobId, epoch);
          if (attempt === undefined) return UNWANTED;
          this.logger.error(
            { event: 'ticket.poison', job_id: jobId, epoch, region, lost, endpoint_id: attempt.endpointId },
            'a ticket is given up: whoever works on it dies',
          );
          // Said again by whoever asks next where this is lost with the process.
          this.engine.receive({
            outcome: {
              v: 1,
              job_id: jobId,
              attempt: attempt.attempt,
              epoch,
              endpoint_id: attempt.endpointId,
              region,
              duration_ms: Math.max(0, attempt.ageMs),
              reattached: false,
              result: {
                kind: 'failed',
                code: 'POISON_SUSPECTED',
                detail: `${lost} dispatchers died while they worked on it`,
              },
            },
          });
          return UNWANTED;
        }
      }
    });
  }
}
