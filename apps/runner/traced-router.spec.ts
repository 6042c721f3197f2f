import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Metrics, createLogger, startTracing, type Tracing } from '#observability';
import { LocalEndpoint, TraceCollector } from '#testing';
import { RouterClient, type RunOrigin } from './router-client.js';
import { TracedRouter } from './traced-router.js';

const JOB_ID = '7f8e6c2a-6a3c-4e61-9a0e-0f4c0a1b2c3d';
const run: RunOrigin = { runId: 'a-run', tenant: 't', keyId: null };

let collector: TraceCollector;
let door: LocalEndpoint;
let tracing: Tracing;
let router: TracedRouter;

beforeAll(async () => {
  collector = await TraceCollector.start();
  door = await LocalEndpoint.start();
  tracing = await startTracing(
    {
      ...{ url: `${collector.url}/v1/traces`, headers: {}, timeoutMs: 60_000, serviceName: 'beacon' },
      ...{ resourceAttributes: {}, sampler: { kind: 'always_on', ratio: 1, parentBased: true } },
    },
    'runner',
    new Metrics('runner'),
    createLogger('test', 'silent'),
  );
  router = new TracedRouter(new RouterClient({ baseUrl: door.origin }), tracing);
});
afterAll(async () => {
  await tracing.stop();
  await door.close();
  await collector.close();
});

describe('a cell that is submitted', () => {
  it('begins a trace, which the request carries on', async () => {
    door.next(({ response }) => {
      response.writeHead(202).end(JSON.stringify({ job_id: JOB_ID }));
    });
    const answer = await router.submit(
      'key',
      { model: 'm', prompt: 'SECRET', metadata: { cell_no: 7 } },
      run,
    );
    expect(answer).toEqual({ kind: 'queued', jobId: JOB_ID });
    const { traceparent = '' } = door.exchanges[0]?.headers ?? {};
    const [, traceId = '', spanId] = String(traceparent).split('-');
    const [span] = await collector.trace(traceId, 1);
    expect(span).toMatchObject({
      ...{ service: 'beacon-runner', name: 'submit cell', spanId, parentSpanId: undefined, isError: false },
      attributes: { 'beacon.run.id': 'a-run', 'beacon.cell.no': 7, 'beacon.job.id': JOB_ID },
    });
    expect(collector.bodies.join('')).not.toContain('SECRET');
  });

  it('says by which code it was refused', async () => {
    door.next(({ response }) => {
      const problem = { type: 'x', title: 'x', status: 422, code: 'UNKNOWN_MODEL', detail: 'x', errors: [] };
      response.writeHead(422).end(JSON.stringify(problem));
    });
    await router.submit('key', { model: 'm', prompt: 'x' }, run);
    const [, traceId = ''] = String(door.exchanges[1]?.headers['traceparent']).split('-');
    const [span] = await collector.trace(traceId, 1);
    expect(span).toMatchObject({ isError: true, attributes: { 'error.type': 'UNKNOWN_MODEL' } });
  });
});
