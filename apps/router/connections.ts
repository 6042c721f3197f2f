import type { Settings } from '#config';
import { Topology, connectNats, type NatsConnection } from '#messaging';
import type { Logger } from '#observability';
import { CharterDatabase, Database } from '#persistence';

const POOL = 16;
/** Connections that read what customers are told. */
const CHARTER_POOL = 6;

/** The database, with its tables as this version wants them. */
export async function openDatabase(settings: Settings, logger: Logger): Promise<Database> {
  const database = await Database.open(settings.databaseUrl ?? '', {
    applicationName: 'beacon-router',
    poolSize: POOL,
    onConnectionFault: connectionFault(logger),
  });
  await database.migrate();
  return database;
}

/** The same as customers may see it; it needs the migrated tables. */
export function openCharterDatabase(settings: Settings, logger: Logger): Promise<CharterDatabase> {
  return CharterDatabase.open(settings.databaseUrl ?? '', {
    applicationName: 'beacon-charter',
    poolSize: CHARTER_POOL,
    onConnectionFault: connectionFault(logger),
  });
}

function connectionFault(logger: Logger): (error: unknown) => void {
  return (error) =>
    logger.warn({ event: 'database.connection_lost', err: error }, 'a database connection was lost');
}

/**
 * NATS, with its streams, now and whenever it comes back: it may have lost its store.
 * @param onBack called when it is back, before anything is asked of it
 */
export async function openNats(
  settings: Settings,
  regions: readonly string[],
  logger: Logger,
  onBack: () => void,
): Promise<{ connection: NatsConnection; topology: Topology }> {
  let ensureStreams = (): Promise<void> => Promise.resolve();
  const connection = await connectNats({
    url: settings.natsUrl ?? '',
    name: 'router',
    onReconnect: () => {
      logger.info({ event: 'nats.reconnected' }, 'NATS is back');
      onBack();
      void ensureStreams();
    },
    onDisconnect: () => logger.warn({ event: 'nats.disconnected' }, 'NATS is away'),
  });
  const topology = await Topology.open(connection);
  ensureStreams = async () => {
    await topology.ensureStreams(regions).catch((error: unknown) => {
      logger.warn({ event: 'nats.streams_missing', err: error }, 'streams could not be made yet');
    });
    // What is issued from now on is known to have come in while NATS ran.
    await topology.lifeBeganMs().catch((error: unknown) => {
      logger.warn({ event: 'nats.life_unknown', err: error }, 'not known since when NATS runs');
    });
  };
  // NATS may still be opening its store; everything that needs a stream makes it where it is missing.
  await ensureStreams();
  return { connection, topology };
}
