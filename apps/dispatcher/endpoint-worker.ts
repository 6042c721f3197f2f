import { performance } from 'node:perf_hooks';
import { setImmediate as setImmediately, setTimeout as wait } from 'node:timers/promises';
import { subjects, ticketSchema, type Outcome, type OutcomeResult, type Ticket } from '#contracts';
import { HANDED_ON, callEndpoint, type HttpClient } from '#endpoint-client';
import {
  DurableConsumer,
  TICKET_ACK_WAIT_MS,
  decodeJson,
  publishJson,
  type CallStore,
  type JsMsg,
  type NatsConnection,
  type OutcomePublisher,
  type Topology,
} from '#messaging';
import type { Logger, Metrics } from '#observability';
import type { RegionEndpoint } from './region-endpoints.js';
import { type RunningCalls, type RunningCall } from './running-calls.js';
import { Door } from './door.js';
import { AttemptBook } from './attempt-book.js';
import { CallAddressKeeper } from './call-address-keeper.js';
import { checkTicket } from './ticket-check.js';

export interface WorkerServices {
  readonly dispatcherId: string;
  readonly connection: NatsConnection;
  readonly topology: Topology;
  readonly outcomes: OutcomePublisher;
  readonly callStore: CallStore;
  readonly http: HttpClient;
  readonly calls: RunningCalls;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

/** How a call ended, whichever epoch its ticket has by then. */
type EndedCall = Pick<Outcome, 'result' | 'duration_ms' | 'reattached'> & {
  /** By the monotonic clock. */
  readonly endedAtMs: number;
};

const PUBLISH_RETRY_MAX_MS = 2000;
/** A staged ticket that finds no call here to wait for asks the router, first often, then seldom. */
const FIRST_CHECK_DELAY_MS = 3;
const STAGED_RECHECK_MS = 500;

/** Takes one endpoint's tickets: calls the endpoint, publishes the outcome, acks. */
export class EndpointWorker {
  private readonly consumer: DurableConsumer;
  private readonly door = new Door();
  private draining = false;

  constructor(
    private readonly services: WorkerServices,
    private readonly endpoint: RegionEndpoint,
  ) {
    const { topology, connection, logger } = services;
    const { concurrency } = endpoint;
    this.consumer = new DurableConsumer(connection, {
      stream: subjects.dispatchStream(endpoint.region),
      consumer: subjects.endpointConsumer(endpoint.id),
      prefetch: concurrency + 1,
      ensure: async () => {
        await topology.ensureStreams([endpoint.region]);
        await topology.ensureEndpointConsumer(endpoint.region, endpoint.id, concurrency);
      },
      handle: (message) => this.take(message),
      onInterrupted: (error) => {
        logger.warn(
          { event: 'tickets.interrupted', endpoint_id: endpoint.id, err: error },
          'ticket delivery was interrupted',
        );
      },
    });
  }

  /** Takes no further ticket; calls in flight go on. */
  async drain(): Promise<void> {
    this.draining = true;
    await this.consumer.stop();
  }

  private take(message: JsMsg): void {
    const { logger, calls } = this.services;
    const ticket = decodeJson(ticketSchema, message.data);
    if (ticket === undefined) {
      // Nobody can work on it. Leaving it would block the endpoint; the reconciler issues its job again.
      logger.error(
        { event: 'ticket.malformed', endpoint_id: this.endpoint.id, subject: message.subject },
        'malformed ticket dropped',
      );
      message.ack();
      return;
    }
    const call = calls.take(ticket, message);
    if (call === undefined) return;
    this.work(call).catch((error: unknown) => {
      logger.error(
        { event: 'ticket.failed', ...idsOf(ticket), err: error },
        'a ticket could not be worked on',
      );
    });
  }

  private async work(call: RunningCall): Promise<void> {
    const { connection } = this.services;
    const extend = setInterval(() => {
      if (!connection.isClosed()) call.message.working();
    }, TICKET_ACK_WAIT_MS / 3);
    try {
      const turn = await this.awaitTurn(call);
      // Whoever asked for it back has been told that no call is made, so none is, whatever its turn was.
      if (call.turn === 'given_back') {
        call.message.ack();
        return;
      }
      if (turn !== 'draining') call.turn = 'begun';
      if (turn === 'draining') {
        call.message.nak();
        return;
      }
      if (turn === 'reported') {
        call.message.ack();
        return;
      }
      const book = await this.bookOf(call);
      const isOver = turn === 'unwanted' || turn === 'cancelled';
      // Nothing was ever called for it, and nobody waits for word of it.
      if (turn === 'unwanted' && !book.hasCalls) {
        call.message.ack();
        return;
      }
      const keeper = this.keeperOf(call.ticket, book);
      const ended: EndedCall = isOver
        ? {
            result: { kind: 'cancelled' },
            duration_ms: 0,
            reattached: false,
            endedAtMs: performance.now(),
          }
        : await this.call(call, book, keeper);
      await this.publishUntilStored(call, ended, book);
      call.message.ack();
      // Not before: until its outcome is stored, a successor could still read the answer where the call left it.
      void keeper.end().catch(() => undefined);
    } finally {
      clearInterval(extend);
      this.services.calls.release(call);
    }
  }

  /**
   * A fresh ticket's call begins at once. A staged one waits for a call to end here, or for the router's word
   * where another dispatcher runs the call before it. A redelivered one is asked about first.
   */
  private async awaitTurn(
    call: RunningCall,
  ): Promise<'begin' | 'unwanted' | 'reported' | 'cancelled' | 'draining'> {
    const { dispatcherId, connection, topology, calls, logger } = this.services;
    const redelivered = isRedelivered(call);
    if (!redelivered && !call.ticket.staged) return 'begin';
    let delayMs = FIRST_CHECK_DELAY_MS;
    for (;;) {
      if (call.abort.signal.aborted) return 'cancelled';
      if (this.draining) return 'draining';
      // While this process runs all the calls the endpoint takes, one of them will pass its turn.
      const full = calls.begunOn(this.endpoint.id) >= this.endpoint.concurrency;
      if (redelivered || !full) {
        const reply = await checkTicket(
          connection,
          topology,
          call.ticket,
          redelivered ? dispatcherId : undefined,
        );
        if (reply === 'reported') return 'reported';
        if (redelivered)
          logger.debug(
            { event: 'ticket.redelivered', ...idsOf(call.ticket), ...reply },
            'redelivered ticket',
          );
        if (reply?.ended === true) return 'cancelled';
        if (reply?.wanted === false) return 'unwanted';
        if (reply?.may_begin === true) return 'begin';
      }
      if ((await this.door.wait(call, full ? STAGED_RECHECK_MS : delayMs)) === 'turn')
        return this.draining ? 'draining' : 'begin';
      delayMs = Math.min(delayMs * 2, STAGED_RECHECK_MS);
    }
  }

  /** What is known of the calls of the attempt: an earlier holder may have begun some. */
  private async bookOf(call: RunningCall): Promise<AttemptBook> {
    const { callStore } = this.services;
    const { ticket } = call;
    return isRedelivered(call) ? AttemptBook.find(callStore, ticket) : new AttemptBook(callStore, ticket);
  }

  private keeperOf(ticket: Ticket, store: AttemptBook): CallAddressKeeper {
    const { logger } = this.services;
    // Without the store a crash would cost a second call; the call itself must not fail for it.
    return new CallAddressKeeper(store, (error) => {
      logger.warn(
        { event: 'call.not_stored', ...idsOf(ticket), err: error },
        'a running call could not be stored yet',
      );
    });
  }

  private async call(call: RunningCall, book: AttemptBook, keeper: CallAddressKeeper): Promise<EndedCall> {
    const { ticket } = call;
    const { dispatcherId, connection, http, logger } = this.services;
    const { credentials, limiter } = this.endpoint;
    // Its earlier holder may have begun the call: then it is found again, not made again.
    const { address } = book;
    if (address !== undefined) keeper.found(address);
    // A job's key makes the deployment give back the call that it has: spawned again, it is the same one.
    const isSame = book.isLastHere && (address !== undefined || this.endpoint.jobsUrl !== undefined);
    if (isSame) book.adopt();
    else await book.begin();
    if (call.abort.signal.aborted && !isSame && call.abort.signal.reason !== HANDED_ON) {
      await book.takeBack();
      return {
        result: { kind: 'cancelled' },
        duration_ms: 0,
        reattached: false,
        endedAtMs: performance.now(),
      };
    }
    const startedAtMs = performance.now();
    call.startedAtMs = startedAtMs;
    // After the request has gone out: word of it wakes the router and its database, which would compete with it.
    setImmediate(() => {
      publishJson(connection, subjects.startedSubject(ticket.region), {
        job_id: ticket.job_id,
        epoch: call.ticket.epoch,
        dispatcher_id: dispatcherId,
        running_ms: Math.round(performance.now() - startedAtMs),
      });
    });
    logger.info(
      { event: 'call.started', ...idsOf(ticket), reattached: address !== undefined },
      'call started',
    );
    const result = await callEndpoint(http.axios, this.endpoint, ticket, {
      credentials,
      limiter,
      cancelled: call.abort.signal,
      callAddress: address,
      onCallAddress: (found) => keeper.keep(found),
      onMadeAgain: () => book.begin(),
      onNotEnded: () => this.noteNotEnded(ticket),
      onCallId: (callId) => this.noteCallId(ticket, callId),
      nudge: call.nudge,
    });
    const endedAtMs = performance.now();
    const durationMs = endedAtMs - startedAtMs;
    call.startedAtMs = undefined;
    // The next call's request goes out first: until then the endpoint, and its GPU, stand idle.
    if (this.door.passTurn()) await setImmediately();
    logger.info(
      { event: 'call.ended', ...idsOf(ticket), duration_ms: Math.round(durationMs), ...summaryOf(result) },
      'call ended',
    );
    return { result, duration_ms: durationMs, reattached: address !== undefined, endedAtMs };
  }

  /** By this id the platform's own logs know the call; a call that never ends has no other trace there. */
  private noteCallId(ticket: Ticket, callId: string): void {
    this.services.logger.info(
      { event: 'call.known_upstream', ...idsOf(ticket), upstream_call_id: callId },
      'the platform named the call',
    );
  }

  private noteNotEnded(ticket: Ticket): void {
    this.services.metrics.count('beacon_calls_not_ended_total', { endpoint: this.endpoint.id });
    this.services.logger.warn(
      { event: 'call.not_ended', ...idsOf(ticket) },
      'a call may run on: the endpoint could not be told to end it',
    );
  }

  /**
   * The outcome was paid for: it waits here for as long as NATS is away. Its ticket may be issued again meanwhile,
   * which fences off the old one: it goes out under the latest epoch.
   */
  private async publishUntilStored(call: RunningCall, ended: EndedCall, book: AttemptBook): Promise<void> {
    for (let delayMs = 50; ; delayMs = Math.min(delayMs * 2, PUBLISH_RETRY_MAX_MS)) {
      const { ticket } = call;
      const outcome = outcomeOf(ticket, ended, book);
      try {
        await this.services.outcomes.publish(outcome);
        if (call.ticket.epoch === ticket.epoch) return;
      } catch (error) {
        // Closed by this process's own end: the ticket was handed back, and its next holder finds the call.
        if (this.services.connection.isClosed()) throw error;
        this.services.logger.warn(
          { event: 'outcome.not_stored', job_id: outcome.job_id, epoch: outcome.epoch, err: error },
          'an outcome could not be stored yet',
        );
        await wait(delayMs);
        await this.services.topology.ensureStreams([this.endpoint.region]).catch(() => undefined);
      }
    }
  }
}

/** Somebody else may have held this ticket, or an earlier one of the same attempt. */
function isRedelivered({ message, ticket }: RunningCall): boolean {
  return message.info.deliveryCount > 1 || ticket.epoch !== ticket.attempt;
}

function outcomeOf(ticket: Ticket, { endedAtMs, ...ended }: EndedCall, book: AttemptBook): Outcome {
  return {
    v: 1,
    job_id: ticket.job_id,
    attempt: ticket.attempt,
    epoch: ticket.epoch,
    endpoint_id: ticket.endpoint_id,
    region: ticket.region,
    calls: book.reported(performance.now() - endedAtMs),
    ...ended,
  };
}

function idsOf(ticket: Ticket): Record<string, unknown> {
  return {
    job_id: ticket.job_id,
    attempt: ticket.attempt,
    epoch: ticket.epoch,
    endpoint_id: ticket.endpoint_id,
    region: ticket.region,
  };
}

function summaryOf(result: OutcomeResult): Record<string, unknown> {
  switch (result.kind) {
    case 'succeeded':
      return {
        outcome: 'succeeded',
        cold_start: result.cold_start,
        upstream_call_id: result.upstream_call_id,
      };
    case 'failed':
      return {
        outcome: 'failed',
        code: result.code,
        detail: result.detail,
        upstream_call_id: result.upstream_call_id,
      };
    case 'cancelled':
      return { outcome: 'cancelled' };
  }
}
