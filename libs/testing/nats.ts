import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findNatsServer, startNats, type NatsServer } from '#embedded-services';

export interface TestNats {
  readonly url: string;
  readonly port: number;
  /** kill -9. */
  kill(): Promise<void>;
  /** Kills the server and deletes everything that JetStream stored. */
  loseStore(): Promise<void>;
  /** Starts it again on the same port. */
  restart(): Promise<void>;
  close(): Promise<void>;
}

/** A nats-server with JetStream of its own, for one spec file. */
export async function startTestNats(): Promise<TestNats> {
  const dataDir = await mkdtemp(join(tmpdir(), 'beacon-test-nats-'));
  const { path: binary } = await findNatsServer({
    environment: process.env,
    cacheDirs: ['.beacon/tools'],
  });
  let server: NatsServer = await startNats({ binary, dataDir });
  const kill = async (): Promise<void> => {
    server.kill('SIGKILL');
    await server.exited;
  };
  return {
    kill,
    url: server.url,
    port: server.port,
    loseStore: async () => {
      await kill();
      await rm(join(dataDir, 'jetstream'), { recursive: true, force: true });
    },
    restart: async () => {
      server = await startNats({ binary, dataDir, port: server.port });
    },
    close: async () => {
      await server.stop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}
