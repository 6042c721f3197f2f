import {
  AckPolicy,
  DeliverPolicy,
  DiscardPolicy,
  JetStreamApiError,
  RetentionPolicy,
  StorageType,
  jetstreamManager,
  type JetStreamManager,
  type StreamInfo,
} from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { subjects } from '#contracts';

const NANOS_PER_MS = 1_000_000;
/** Redelivery after a holder fell silent; holders extend it with in-progress acks every third of it. */
export const TICKET_ACK_WAIT_MS = 6000;
/** The same for outcomes: what a killed router held is recorded by its successor after so long. */
export const OUTCOME_ACK_WAIT_MS = 5000;
const STREAM_MAX_BYTES = 1024 * 1024 * 1024;
const MARK_MAX_BYTES = 4096;

/**
 * Streams and consumers, made where they are missing. Everything here works on nats-server 2.9: one filter
 * subject per consumer, no message TTL, no consumer pause. Safe to run at any time by any process.
 */
export class Topology {
  private constructor(private readonly manager: JetStreamManager) {}

  static async open(connection: NatsConnection): Promise<Topology> {
    // The server may still be opening its store: checking it here would fail a start that only has to wait.
    return new Topology(await jetstreamManager(connection, { checkAPI: false, timeout: 5000 }));
  }

  /** Ticket streams of these regions, and the stream of outcomes. */
  async ensureStreams(regions: readonly string[]): Promise<void> {
    for (const region of regions) {
      await this.ensureStream(subjects.dispatchStream(region), subjects.dispatchSubjects(region));
    }
    await this.ensureStream(subjects.OUTCOMES_STREAM, subjects.OUTCOMES_SUBJECTS);
  }

  /**
   * One durable consumer per endpoint. The broker hands out no more tickets than calls may be in flight and one
   * staged ticket, whatever the number of dispatchers.
   */
  async ensureEndpointConsumer(region: string, endpointId: string, concurrency: number): Promise<void> {
    await this.ensureConsumer(subjects.dispatchStream(region), {
      durable_name: subjects.endpointConsumer(endpointId),
      filter_subject: subjects.endpointConsumerFilter(region, endpointId),
      ack_wait: TICKET_ACK_WAIT_MS * NANOS_PER_MS,
      max_ack_pending: concurrency + 1,
    });
  }

  async ensureRecorderConsumer(): Promise<void> {
    await this.ensureConsumer(subjects.OUTCOMES_STREAM, {
      durable_name: subjects.RECORDER_CONSUMER,
      filter_subject: subjects.OUTCOMES_SUBJECTS,
      ack_wait: OUTCOME_ACK_WAIT_MS * NANOS_PER_MS,
      max_ack_pending: 10_000,
    });
  }

  /** @returns whether the stream holds a message with this subject, which may have wildcards: delivered and unacked counts, acked does not */
  async holds(stream: string, subject: string): Promise<boolean> {
    try {
      return (await this.manager.streams.getMessage(stream, { last_by_subj: subject })) !== null;
    } catch (error) {
      if (isStreamMissing(error)) return false;
      throw error;
    }
  }

  /** Takes every message with this subject out of the stream; whoever already received one is fenced by its epoch. */
  async purge(stream: string, subject: string): Promise<void> {
    try {
      await this.manager.streams.purge(stream, { filter: subject });
    } catch (error) {
      if (!isStreamMissing(error)) throw error;
    }
  }

  /**
   * Since when the server runs, as far as anybody has asked: the first who does leaves a mark in its memory.
   * @returns Unix ms by the server's clock
   * @throws where the server cannot be asked, or keeps nothing in its memory
   */
  async lifeBeganMs(): Promise<number> {
    let { state } = await this.openMark();
    if (state.messages === 0) {
      // Of two at once the second is refused, and both read the first.
      const left = this.manager.jetstream().publish(subjects.LIFE_SUBJECT, new Uint8Array());
      await left.catch((error: unknown) => {
        if (!(error instanceof JetStreamApiError)) throw error;
      });
      ({ state } = await this.manager.streams.info(subjects.LIFE_STREAM));
    }
    if (state.messages === 0) throw new Error(`${subjects.LIFE_STREAM} does not keep what is put there`);
    return Date.parse(state.first_ts);
  }

  private async openMark(): Promise<StreamInfo> {
    try {
      return await this.manager.streams.info(subjects.LIFE_STREAM);
    } catch (error) {
      if (!isStreamMissing(error)) throw error;
    }
    return this.manager.streams.add({
      name: subjects.LIFE_STREAM,
      subjects: [subjects.LIFE_SUBJECT],
      storage: StorageType.Memory,
      discard: DiscardPolicy.New,
      max_msgs: 1,
      max_bytes: MARK_MAX_BYTES,
    });
  }

  private async ensureStream(name: string, subjectFilter: string): Promise<void> {
    const wanted = {
      name,
      subjects: [subjectFilter],
      retention: RetentionPolicy.Workqueue,
      storage: StorageType.File,
      discard: DiscardPolicy.New,
      max_bytes: STREAM_MAX_BYTES,
      duplicate_window: 120_000 * NANOS_PER_MS,
    };
    try {
      await this.manager.streams.info(name);
    } catch {
      await this.manager.streams.add(wanted);
    }
  }

  private async ensureConsumer(
    stream: string,
    config: { durable_name: string; filter_subject: string; ack_wait: number; max_ack_pending: number },
  ): Promise<void> {
    const wanted = {
      ...config,
      ack_policy: AckPolicy.Explicit,
      deliver_policy: DeliverPolicy.All,
      // Attempts are counted in Postgres. A message past a delivery limit would stay stored and be forgotten.
      max_deliver: -1,
    };
    try {
      const { config: existing } = await this.manager.consumers.info(stream, config.durable_name);
      if (existing.max_ack_pending !== config.max_ack_pending || existing.ack_wait !== config.ack_wait) {
        await this.manager.consumers.update(stream, config.durable_name, wanted);
      }
    } catch {
      await this.manager.consumers.add(stream, wanted);
    }
  }
}

/** A stream that is gone holds nothing. */
function isStreamMissing(error: unknown): boolean {
  const STREAM_NOT_FOUND = 10_059;
  return error instanceof JetStreamApiError && error.code === STREAM_NOT_FOUND;
}
