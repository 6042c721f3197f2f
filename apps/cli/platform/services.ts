import { join } from 'node:path';
import {
  startNats,
  startPostgres,
  type NatsServer,
  type NatsUser,
  type PostgresServer,
} from '#embedded-services';
import type { Launch } from '../supervision/supervised-child.js';

/** The port is free at the first start and the same ever after: the other processes know it by then. */
export function postgresLaunch(dataDir: string): Launch<PostgresServer> {
  let port: number | undefined;
  return async (signal) => {
    const server = await startPostgres({
      dataDir: join(dataDir, 'postgres'),
      signal,
      ...(port === undefined ? {} : { port }),
    });
    port = server.port;
    return server;
  };
}

/** As with Postgres, the port stays. */
export function natsLaunch(dataDir: string, binary: string, users: readonly NatsUser[]): Launch<NatsServer> {
  let port: number | undefined;
  return async (signal) => {
    const server = await startNats({
      binary,
      dataDir: join(dataDir, 'nats'),
      users,
      signal,
      ...(port === undefined ? {} : { port }),
    });
    port = server.port;
    return server;
  };
}
