import { heartbeatSchema, outcomeSchema, startedSchema, subjects, ticketCheckSchema } from '#contracts';
import {
  DurableConsumer,
  decodeJson,
  replyJson,
  subscribeJson,
  type NatsConnection,
  type Topology,
} from '#messaging';
import type { Logger } from '#observability';
import type { Endpoints } from './endpoints.js';
import type { Engine } from './engine.js';
import type { TicketDesk } from './ticket-desk.js';

const OUTCOMES_PREFETCH = 1000;

interface Listening {
  readonly connection: NatsConnection;
  readonly endpoints: Endpoints;
  readonly engine: Engine;
  readonly logger: Logger;
}

/** Takes outcomes from JetStream, which keeps each until it is recorded. */
export function takeOutcomes({
  connection,
  topology,
  endpoints,
  engine,
  logger,
}: Listening & { readonly topology: Topology }): DurableConsumer {
  return new DurableConsumer(connection, {
    stream: subjects.OUTCOMES_STREAM,
    consumer: subjects.RECORDER_CONSUMER,
    prefetch: OUTCOMES_PREFETCH,
    ensure: async () => {
      await topology.ensureStreams(endpoints.regions);
      await topology.ensureRecorderConsumer();
    },
    handle: ({ message }) => {
      const outcome = decodeJson(outcomeSchema, message.data);
      if (outcome !== undefined) {
        engine.receive({ outcome, message });
        return;
      }
      // Kept, it would come back for ever. Its ticket is acked, so the reconciler issues the job again.
      logger.error({ event: 'outcome.malformed', subject: message.subject }, 'malformed outcome dropped');
      message.ack();
    },
    onInterrupted: (error) =>
      logger.warn({ event: 'outcomes.interrupted', err: error }, 'outcome delivery was interrupted'),
  });
}

/** Every core NATS subscription of the router. Any of these messages may be lost. */
export function hearDispatchers({
  connection,
  desk,
  endpoints,
  engine,
  logger,
}: Listening & { readonly desk: TicketDesk }): void {
  // Before this nobody was heard.
  endpoints.listenAnew(Date.now());
  const onInvalid = (subject: string): void => {
    logger.warn({ event: 'message.malformed', subject }, 'a malformed message was ignored');
  };
  subscribeJson(
    connection,
    subjects.ALL_STARTED,
    startedSchema,
    (started) => engine.alive([started]),
    onInvalid,
  );
  subscribeJson(
    connection,
    subjects.ALL_HEARTBEATS,
    heartbeatSchema,
    ({ region, dispatcher_id, calls, at_work: atWork = [] }) => {
      const wasAlive = endpoints.dispatcherAlive(region, Date.now());
      endpoints.heartbeat(region, Date.now());
      engine.alive([
        ...calls.map((call) => ({ ...call, dispatcher_id })),
        ...atWork.map((ticket) => ({ ...ticket, dispatcher_id, running_ms: null })),
      ]);
      if (!wasAlive) engine.poke();
    },
    onInvalid,
  );
  subscribeJson(
    connection,
    subjects.TICKET_CHECK,
    ticketCheckSchema,
    (check, message) => {
      desk.check(check).then(
        (reply) => replyJson(message, reply),
        // No answer: the dispatcher asks again. A guess could pay for a call twice.
        (error: unknown) =>
          logger.warn(
            { event: 'ticket.check_failed', job_id: check.job_id, epoch: check.epoch, err: error },
            'a ticket could not be checked',
          ),
      );
    },
    onInvalid,
  );
}
