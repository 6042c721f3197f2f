import { performance } from 'node:perf_hooks';
import type { NatsConnection } from '@nats-io/transport-node';

export interface BrokerLifeOptions {
  /** @returns a moment by which the server's present life had begun, Unix ms by the server's own clock */
  readonly read: () => Promise<number>;
  /** Hears why that is not known yet; it is asked again. */
  readonly onUnknown: (error: unknown) => void;
}

const ASK_AGAIN_MS = 1000;

/**
 * Since when the nats-server has been running. It writes down what it has delivered up to a tenth of a second later, so one
 * that is killed delivers such a message again, and counts from one: how often a message was delivered is known of those
 * alone that came in during the server's present life.
 */
export class BrokerLife {
  private known: { readonly serverId: string | undefined; readonly beganMs: number } | undefined;
  private asking: Promise<void> | undefined;
  private failedMs = -Infinity;

  constructor(
    private readonly connection: Pick<NatsConnection, 'info'>,
    private readonly options: BrokerLifeOptions,
  ) {}

  /**
   * Unix ms by the server's clock; infinity where nobody can tell. In a cluster the stream of tickets may lie on another server
   * than the mark, and on another than the one at the end of the connection.
   */
  get beganMs(): number {
    return this.connection.info?.cluster === undefined ? this.ownBeganMs : Infinity;
  }

  /** Infinity where it is not known of the server to which the connection leads now. */
  private get ownBeganMs(): number {
    if (this.known !== undefined && this.known.serverId === this.serverId) return this.known.beganMs;
    if (performance.now() - this.failedMs > ASK_AGAIN_MS) void this.ask();
    return Infinity;
  }

  /** Resolves when it is known, or cannot be known now. */
  ask(): Promise<void> {
    this.asking ??= this.askOnce().finally(() => (this.asking = undefined));
    return this.asking;
  }

  private async askOnce(): Promise<void> {
    const { serverId } = this;
    try {
      const beganMs = await this.options.read();
      // An answer of another life says nothing of this one.
      if (serverId === this.serverId) this.known = { serverId, beganMs };
    } catch (error) {
      this.failedMs = performance.now();
      this.options.onUnknown(error);
    }
  }

  /** Every start of a server has an id of its own. */
  private get serverId(): string | undefined {
    return this.connection.info?.server_id;
  }
}
