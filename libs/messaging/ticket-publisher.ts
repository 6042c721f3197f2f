import { jetstream, type JetStreamClient } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { subjects, type Ticket } from '#contracts';
import { encodeJson } from './json.js';

/** Publishes tickets pipelined. The row came first: a ticket that is lost here is issued again from its row. */
export class TicketPublisher {
  private readonly client: JetStreamClient;

  constructor(connection: NatsConnection) {
    this.client = jetstream(connection, { timeout: 5000 });
  }

  /** @throws where JetStream did not take it: not stored, or not known to be */
  async publish(ticket: Ticket): Promise<void> {
    await this.client.publish(
      subjects.dispatchSubject(ticket.region, ticket.endpoint_id, ticket.job_id),
      encodeJson(ticket),
      { msgID: subjects.messageId(ticket.job_id, ticket.epoch) },
    );
  }
}
