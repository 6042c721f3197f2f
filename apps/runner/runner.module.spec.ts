import { afterAll, beforeAll, it } from '@jest/globals';
import { createLogger } from '#observability';
import { findRun, insertRun } from '#persistence';
import {
  StubRouter,
  aRun,
  startTestDatabase,
  startTestNats,
  until,
  type TestDatabase,
  type TestNats,
} from '#testing';
import { NestFactory } from '@nestjs/core';
import { RunSupervisor } from './run-supervisor.js';
import { RunnerModule } from './runner.module.js';

let postgres: TestDatabase;
let nats: TestNats;
let stub: StubRouter;

beforeAll(async () => {
  [postgres, nats, stub] = await Promise.all([startTestDatabase(), startTestNats(), StubRouter.start()]);
});
afterAll(async () => {
  await stub.close();
  await nats.close();
  await postgres.close();
});

it('joins database, NATS and router, drives a run, and lets go of all of them at the end', async () => {
  const app = await NestFactory.createApplicationContext(
    RunnerModule.register(
      { databaseUrl: postgres.url, natsUrl: nats.url, routerUrl: stub.url },
      createLogger('runner', 'silent'),
    ),
    { logger: false, abortOnError: false },
  );
  app.get(RunSupervisor).start();
  const run = aRun();
  await insertRun(postgres.database, run);
  await until(
    'the run is completed',
    async () => (await findRun(postgres.database, run.id))?.status === 'completed',
  );
  await app.close();
  await until('no connection is left', async () => {
    const { rows } = await postgres.database.query<{ connections: number }>(
      `SELECT count(*)::integer AS connections FROM pg_stat_activity WHERE application_name = 'beacon-runner'`,
    );
    return rows[0]?.connections === 0;
  });
});
