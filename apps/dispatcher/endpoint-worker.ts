import { subjects, ticketSchema, type Ticket } from '#contracts';
import { DurableConsumer, TICKET_ACK_WAIT_MS, decodeJson, extendAck, type Delivery } from '#messaging';
import { NO_SPAN, spanIdsOf, type Span } from '#observability';
import { AttemptBook } from './attempt-book.js';
import { awaitTurn } from './await-turn.js';
import { CallAddressKeeper } from './call-address-keeper.js';
import { errorOf, idsOf, isRedelivered } from './call-facts.js';
import { Door } from './door.js';
import { EndpointCaller, cancelledCall } from './endpoint-caller.js';
import { publishUntilStored } from './publish-outcome.js';
import type { RegionEndpoint } from './region-endpoints.js';
import type { RunningCall } from './running-calls.js';
import type { WorkerServices } from './worker-services.js';

/** Takes one endpoint's tickets: calls the endpoint, publishes the outcome, acks. */
export class EndpointWorker {
  private readonly consumer: DurableConsumer;
  private readonly door = new Door();
  private readonly caller: EndpointCaller;
  private draining = false;

  constructor(
    private readonly services: WorkerServices,
    private readonly endpoint: RegionEndpoint,
  ) {
    const { topology, connection, logger } = services;
    const { concurrency } = endpoint;
    this.caller = new EndpointCaller(services, endpoint, this.door);
    this.consumer = new DurableConsumer(connection, {
      stream: subjects.dispatchStream(endpoint.region),
      consumer: subjects.endpointConsumer(endpoint.id),
      prefetch: concurrency + 1,
      ensure: async () => {
        await topology.ensureStreams([endpoint.region]);
        await topology.ensureEndpointConsumer(endpoint.region, endpoint.id, concurrency);
      },
      life: services.life,
      handle: (delivery) => this.take(delivery),
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

  private take(delivery: Delivery): void {
    const { logger, calls } = this.services;
    const { message } = delivery;
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
    const call = calls.take(ticket, delivery);
    if (call === undefined) return;
    this.work(call).catch((error: unknown) => {
      logger.error(
        { event: 'ticket.failed', ...idsOf(ticket), err: error },
        'a ticket could not be worked on',
      );
    });
  }

  private async work(call: RunningCall): Promise<void> {
    const span = this.traceAttempt(call);
    let error: string | undefined = 'HANDED_ON';
    try {
      error = await this.workTraced(call, span);
    } finally {
      span.end(error);
    }
  }

  /** Begins when the ticket arrives, so that a wait at the door is seen. */
  private traceAttempt(call: RunningCall): Span {
    const { ticket } = call;
    if (ticket.traceparent === undefined) return NO_SPAN;
    const isAgain = isRedelivered(call);
    return this.services.tracing.span({
      name: 'attempt',
      kind: 'consumer',
      parent: ticket.traceparent,
      attributes: { ...spanIdsOf(ticket), 'beacon.redelivered': isAgain ? true : undefined },
    });
  }

  /** @returns the code of what went wrong; undefined: nothing did */
  private async workTraced(call: RunningCall, span: Span): Promise<string | undefined> {
    const extend = setInterval(() => extendAck(call.delivery.message), TICKET_ACK_WAIT_MS / 3);
    try {
      const turn = await awaitTurn(call, this.door, this.endpoint, this.services, () => this.draining);
      // Whoever asked for it back has been told that no call is made, so none is, whatever its turn was.
      if (call.turn === 'given_back') {
        span.event('ticket given back');
        call.delivery.message.ack();
        return undefined;
      }
      if (turn === 'draining') return this.handOn(call, span);
      call.turn = 'begun';
      if (turn === 'reported' || turn === 'superseded') {
        call.delivery.message.ack();
        return undefined;
      }
      const book = await this.bookOf(call);
      const isOver = turn === 'unwanted' || turn === 'cancelled';
      // Nothing was ever called for it, and nobody waits for word of it.
      if (turn === 'unwanted' && !book.hasCalls) {
        call.delivery.message.ack();
        return undefined;
      }
      // Begun now, it would be cut off by the process's end, and made again by the next holder.
      if (!isOver && this.draining) return this.handOn(call, span);
      const keeper = this.keeperOf(call.ticket, book);
      const ended = isOver ? cancelledCall() : await this.caller.call(call, book, keeper, span);
      await publishUntilStored(call, ended, book, span.traceparent, this.services);
      call.delivery.message.ack();
      // Not before: until its outcome is stored, a successor could still read the answer where the call left it.
      void keeper.end().catch(() => undefined);
      return errorOf(ended.result);
    } finally {
      clearInterval(extend);
      this.services.calls.release(call);
    }
  }

  private handOn(call: RunningCall, span: Span): undefined {
    span.event('ticket handed on');
    call.delivery.message.nak();
    return undefined;
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
}
