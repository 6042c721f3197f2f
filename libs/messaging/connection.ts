import { connect, type NatsConnection } from '@nats-io/transport-node';

export type { NatsConnection };

export interface NatsOptions {
  /** Credentials may be part of the URL. */
  readonly url: string;
  /** Shown by the server's connection list. */
  readonly name: string;
  /** Called after every reconnect: streams may be gone, subscriptions are restored by the client. */
  readonly onReconnect: () => void;
  readonly onDisconnect: () => void;
}

/** Connects, and keeps reconnecting for ever: NATS being away is a state to wait in, not a fault to die of. */
export async function connectNats(options: NatsOptions): Promise<NatsConnection> {
  const url = new URL(options.url);
  const connection = await connect({
    servers: `${url.protocol}//${url.host}`,
    ...(url.username === ''
      ? {}
      : { user: decodeURIComponent(url.username), pass: decodeURIComponent(url.password) }),
    name: options.name,
    maxReconnectAttempts: -1,
    reconnectTimeWait: 100,
    reconnectJitter: 100,
    // A server that comes back is found by everybody within so much: whoever is late is taken for dead (`HOLDER_SILENCE_MS`).
    timeout: 2000,
    waitOnFirstConnect: true,
    pingInterval: 5000,
    maxPingOut: 3,
    ignoreAuthErrorAbort: true,
  });
  void (async () => {
    for await (const status of connection.status()) {
      if (status.type === 'reconnect') options.onReconnect();
      if (status.type === 'disconnect') options.onDisconnect();
    }
  })();
  return connection;
}
