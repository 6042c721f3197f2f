import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { parseConfiguration } from '#config';
import { createLogger } from '#observability';
import {
  expireGate,
  finishRun,
  insertRun,
  lockRun,
  openGate,
  readRunEvents,
  setRunStatus,
  startRun,
  type Database,
} from '#persistence';
import { aRun, startTestDatabase, type RunShape, type TestDatabase } from '#testing';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { ProblemFilter } from '../http/problem-filter.js';
import { RouteTable } from '../http/route-table.js';
import { RunsModule } from './runs.module.js';

const configuration = parseConfiguration(
  JSON.stringify({
    limits: { run_cells: 40 },
    regions: { US: null, EU: null },
    endpoints: ['US', 'EU'].map((region) => ({
      id: `${region}-m1`,
      region,
      models: ['m1'],
      url: 'http://localhost:1/',
    })),
  }),
  'test',
);

let postgres: TestDatabase;
let database: Database;
let app: NestFastifyApplication;
let url: string;
const told: string[] = [];

beforeAll(async () => {
  postgres = await startTestDatabase();
  ({ database } = postgres);
  const logger = createLogger('test', 'fatal');
  const hints = {
    request: (runId: string) => void told.push(runId),
    announce: () => undefined,
    onEvents: () => undefined,
  };
  app = await NestFactory.create<NestFastifyApplication>(
    RunsModule.register({ database, configuration, hints, logger }),
    new FastifyAdapter({ forceCloseConnections: true }),
    { logger: false },
  );
  app.useGlobalFilters(new ProblemFilter(logger, new RouteTable()));
  await app.listen(0, '127.0.0.1');
  url = await app.getUrl();
}, 60_000);
afterAll(async () => {
  await app.close();
  await postgres.close();
});

interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

async function post(path: string, body?: unknown): Promise<Answer> {
  const response = await fetch(url + path, {
    method: 'POST',
    ...(body === undefined
      ? {}
      : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

async function view(runId: string): Promise<Record<string, unknown>> {
  return (await (await fetch(`${url}/runs/${runId}`)).json()) as Record<string, unknown>;
}

async function stored(shape: RunShape = {}): Promise<string> {
  const run = aRun(shape);
  await insertRun(database, run);
  return run.id;
}

async function running(shape: RunShape = {}): Promise<string> {
  const runId = await stored(shape);
  await startRun(database, runId);
  return runId;
}

async function atGate(): Promise<string> {
  const runId = await running({ gatesAfter: [1] });
  await database.transaction(async (client) => {
    await lockRun(client, runId);
    await openGate(client, runId, 'q1');
    await setRunStatus(client, runId, 'awaiting_approval');
  });
  return runId;
}

async function eventTypes(runId: string): Promise<string[]> {
  return (await readRunEvents(database, runId, '0', 1000)).map(({ type }) => type);
}

describe('pausing and resuming', () => {
  it('says the same however often it is asked, tells the runner, and is logged as one event each', async () => {
    const runId = await running();
    for (const _ of [1, 2]) {
      expect(await post(`/runs/${runId}/pause`)).toEqual({
        status: 200,
        body: { run_id: runId, status: 'paused' },
      });
    }
    expect(told).toContain(runId);
    expect((await view(runId))['status']).toBe('paused');
    for (const _ of [1, 2]) {
      expect(await post(`/runs/${runId}/resume`)).toEqual({
        status: 200,
        body: { run_id: runId, status: 'running' },
      });
    }
    expect(await eventTypes(runId)).toEqual(['run.paused', 'run.resumed']);
  });

  it('holds a run that never began, which is planned again afterwards', async () => {
    const runId = await stored();
    await post(`/runs/${runId}/pause`);
    expect((await post(`/runs/${runId}/resume`)).body['status']).toBe('planned');
  });

  it('leaves a gate open that the run stands before: it waits again once it is resumed', async () => {
    const runId = await atGate();
    await post(`/runs/${runId}/pause`);
    expect(await view(runId)).toMatchObject({ status: 'paused', gates: [{ status: 'waiting' }] });
    expect((await post(`/runs/${runId}/resume`)).body['status']).toBe('awaiting_approval');
  });

  it('lets people approve meanwhile, and goes on only when it is resumed', async () => {
    const runId = await atGate();
    await post(`/runs/${runId}/pause`);
    expect((await post(`/runs/${runId}/gates/q1/approve`)).status).toBe(200);
    expect(await view(runId)).toMatchObject({ status: 'paused', gates: [{ status: 'approved' }] });
    expect((await post(`/runs/${runId}/resume`)).body['status']).toBe('running');
  });

  it.each(['reject', 'expire', 'cancel'])('does not keep it from ending: %s', async (how) => {
    const runId = await atGate();
    await post(`/runs/${runId}/pause`);
    if (how === 'reject') await post(`/runs/${runId}/gates/q1/reject`);
    else if (how === 'cancel') await post(`/runs/${runId}/cancel`);
    else {
      await database.query(`UPDATE gates SET expires_at = now() WHERE run_id = $1`, [runId]);
      expect(await expireGate(database, runId, 'q1')).toBe(true);
    }
    const { rows } = await database.query<{ ending: string }>(`SELECT ending FROM runs WHERE id = $1`, [
      runId,
    ]);
    expect(rows[0]?.ending).toMatch(new RegExp(`^${how}`));
    for (const control of ['pause', 'resume']) {
      const late = await post(`/runs/${runId}/${control}`);
      expect([late.status, late.body['code']]).toEqual([409, 'RUN_FINISHED']);
    }
  });

  it('is refused once the run has ended, and where there is none', async () => {
    const runId = await running();
    await finishRun(database, runId, 'completed');
    for (const control of ['pause', 'resume']) {
      const late = await post(`/runs/${runId}/${control}`);
      expect([late.status, late.body['code']]).toEqual([409, 'RUN_FINISHED']);
      const none = await post(`/runs/00000000-0000-4000-8000-000000000000/${control}`);
      expect([none.status, none.body['code']]).toEqual([404, 'RUN_NOT_FOUND']);
    }
  });

  it('leaves the run in one state, however pauses, resumes, decisions and a cancellation race', async () => {
    for (let round = 0; round < 8; round += 1) {
      const runId = await atGate();
      const asked = ['pause', 'resume', 'gates/q1/approve', 'pause', 'resume', 'gates/q1/approve'];
      if (round % 2 === 1) asked.splice(round % asked.length, 0, 'cancel');
      const answers = await Promise.all(asked.map((what) => post(`/runs/${runId}/${what}`)));
      for (const { status, body } of answers) {
        if (status === 409) expect(body['code']).toBe('RUN_FINISHED');
        else expect([200, 202]).toContain(status);
      }
      const { status, cancelling, gates } = await view(runId);
      expect(cancelling).toBe(asked.includes('cancel'));
      expect(gates).toMatchObject([{ status: 'approved' }]);
      expect(['running', 'paused']).toContain(status);
      // Each pause is followed by a resume or stands last: nobody's change was written over.
      const controls = (await eventTypes(runId)).filter((type) => /paused|resumed/.test(type));
      expect(controls).toEqual(controls.map((_, index) => (index % 2 === 0 ? 'run.paused' : 'run.resumed')));
      expect(controls.at(-1) === 'run.paused').toBe(status === 'paused');
    }
  });
});
