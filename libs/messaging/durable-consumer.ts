import { jetstream, type JsMsg } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import type { BrokerLife } from './broker-life.js';

export type { JsMsg };

export interface Delivery {
  readonly message: JsMsg;
  /**
   * How often it was delivered, this time included. Whoever had it before has given it back, or was silent for too long.
   * `undefined`: the server cannot tell, and whoever had it before may be at work on it.
   */
  readonly count: number | undefined;
}

export interface DurableConsumerOptions {
  readonly stream: string;
  readonly consumer: string;
  /** Messages asked for ahead of need. */
  readonly prefetch: number;
  /** Makes the stream and the consumer where they are missing. */
  readonly ensure: () => Promise<void>;
  /** Left out: no delivery is counted. */
  readonly life?: Pick<BrokerLife, 'beganMs'>;
  readonly handle: (delivery: Delivery) => void;
  /** Hears why delivery stopped; it is started again by itself. */
  readonly onInterrupted: (error: unknown) => void;
}

const RESTART_DELAY_MS = 200;

/**
 * Delivers a durable consumer's messages for as long as the process lives. Where the consumer or its stream is
 * gone (an operator, or a wiped store), it is made again and delivery goes on: a worker that idles silently
 * after a broker restart is the failure this exists to prevent.
 */
export class DurableConsumer {
  private stopped = false;
  private stopDelivery: () => void = () => undefined;
  private readonly done: Promise<void>;

  constructor(
    private readonly connection: NatsConnection,
    private readonly options: DurableConsumerOptions,
  ) {
    this.done = this.run();
  }

  /** Ends delivery. Messages that were handed out stay the receiver's to ack. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.stopDelivery();
    await this.done;
  }

  /**
   * The server counts for certain where a message came in since it runs, and since it has the consumer.
   * @param countedFromMs Unix ms by the server's clock, as all here
   */
  private countOf({ info, time }: JsMsg, countedFromMs: number): number | undefined {
    const { life } = this.options;
    const sinceMs = Math.max(countedFromMs, life?.beganMs ?? Infinity);
    return time.getTime() > sinceMs ? info.deliveryCount : undefined;
  }

  private async run(): Promise<void> {
    const client = jetstream(this.connection, { timeout: 5000 });
    while (!this.stopped && !this.connection.isClosed()) {
      try {
        await this.options.ensure();
        const consumer = await client.consumers.get(this.options.stream, this.options.consumer);
        const messages = await consumer.consume({
          max_messages: this.options.prefetch,
          expires: 5000,
          idle_heartbeat: 1000,
          abort_on_missing_resource: true,
        });
        this.stopDelivery = () => messages.stop();
        if (this.stopped) messages.stop();
        const countedFromMs = Date.parse((await consumer.info(true)).created);
        for await (const message of messages)
          this.options.handle({ message, count: this.countOf(message, countedFromMs) });
        if (!this.stopped) throw new Error('delivery ended');
      } catch (error) {
        if (this.stopped) return;
        this.options.onInterrupted(error);
        await new Promise((resolve) => setTimeout(resolve, RESTART_DELAY_MS));
      }
    }
  }
}
