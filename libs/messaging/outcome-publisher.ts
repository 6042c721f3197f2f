import { jetstream, type JetStreamClient } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { subjects, type Outcome } from '#contracts';
import { encodeJson } from './json.js';

/** Publishes outcomes. One that cannot be stored now is tried again for as long as the process lives. */
export class OutcomePublisher {
  private readonly client: JetStreamClient;

  /** @param holder names the publishing process: two holders of one ticket made two calls, and both are kept */
  constructor(
    connection: NatsConnection,
    private readonly holder: string,
  ) {
    this.client = jetstream(connection, { timeout: 2000 });
  }

  /** @throws where JetStream did not take it; publishing it again is safe (same message id) */
  async publish(outcome: Outcome): Promise<void> {
    const { region, job_id: jobId, epoch, calls } = outcome;
    // Of two calls both were paid for, whoever made them.
    const msgID = [subjects.messageId(jobId, epoch), this.holder, calls?.id ?? 'none'].join(':');
    await this.client.publish(subjects.outcomeSubject(region, jobId, epoch), encodeJson(outcome), { msgID });
  }
}
