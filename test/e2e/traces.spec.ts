import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  TraceCollector,
  crashes,
  deploymentOf,
  startBeacon,
  until,
  type Beacon,
  type CollectedSpan,
} from '#testing';

const SERVER = 2;
const CLIENT = 3;
const PRODUCER = 4;
const CONSUMER = 5;

let beacon: Beacon;
let collector: TraceCollector;

beforeAll(async () => {
  collector = await TraceCollector.start();
  beacon = await startBeacon({
    configuration: deploymentOf({
      'm-flow': ['US', 'EU'],
      'm-later': ['ASIA'],
      'm-told': [{ region: 'US', send_traceparent: true }],
      'm-other': ['US'],
    }),
    dispatchers: ['US', 'EU'],
    environment: {
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_EXPORTER_OTLP_HEADERS: 'x-tenant=acme%20inc',
      OTEL_EXPORTER_OTLP_TIMEOUT: '60000',
      OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test',
    },
  });
});

afterAll(async () => {
  await beacon?.stop();
  await collector?.close();
});

let traces = 0;
/** A trace that a caller has begun. */
function aCaller(flags = '01') {
  traces += 1;
  const traceId = traces.toString(16).padStart(32, 'a');
  const spanId = traces.toString(16).padStart(16, 'b');
  return { traceId, spanId, headers: { traceparent: `00-${traceId}-${spanId}-${flags}` } };
}

async function post(
  model: string,
  prompt: string,
  headers: Readonly<Record<string, string>>,
  more: Readonly<Record<string, unknown>> = {},
): Promise<{ jobId: string; requestId: string | null }> {
  const reply = await beacon.client.request<{ job_id: string }>('/inference/queued', {
    json: { model, prompt, ...more },
    headers,
  });
  expect(reply.status).toBe(202);
  return { jobId: reply.body.job_id, requestId: reply.headers.get('x-request-id') };
}

const only = (spans: readonly CollectedSpan[], name: string, parent?: CollectedSpan): CollectedSpan => {
  const found = spans.filter(
    (span) => span.name === name && (parent === undefined || span.parentSpanId === parent.spanId),
  );
  expect(found.map((span) => span.name)).toEqual([name]);
  return found[0]!;
};

describe('the trace of a job', () => {
  it('leads from the request through the queue and a failed attempt to the answer of another region', async () => {
    const { traceId, spanId, headers } = aCaller();
    beacon.upstream.next('US/m-flow', crashes);
    beacon.upstream.next(
      'EU/m-flow',
      (call) => call.respond(303, '', { location: '/EU/m-flow/result', 'modal-function-call-id': 'fc-1' }),
      (call) => call.answer({ cold_start: true, model: 'm-flow', response: 'the ANSWER' }),
    );
    const { jobId, requestId } = await post('m-flow', 'a SECRET prompt', headers, {
      region_preference: 'US',
      metadata: { note: 'SECRET' },
    });
    await beacon.client.untilEnded(jobId);
    const spans = await collector.trace(traceId, 10);
    expect(spans.map(({ name }) => name).sort()).toEqual(
      [
        ...['POST /inference/queued', 'accept job'],
        ...['wait in queue', 'attempt', 'call endpoint', 'record outcome'],
        ...['wait in queue', 'attempt', 'call endpoint', 'record outcome'],
      ].sort(),
    );

    const request = only(spans, 'POST /inference/queued');
    expect(request).toMatchObject({
      ...{ service: 'beacon-router', kind: SERVER, parentSpanId: spanId, isError: false },
      attributes: {
        'http.request.method': 'POST',
        'http.route': '/inference/queued',
        'http.response.status_code': 202,
        'beacon.request.id': requestId,
      },
    });
    const accepted = only(spans, 'accept job', request);
    expect(accepted.attributes).toMatchObject({ 'beacon.job.id': jobId, 'beacon.region': 'US' });

    const waits = spans.filter(({ name }) => name === 'wait in queue');
    expect(waits.map(({ parentSpanId, kind }) => [parentSpanId, kind])).toEqual([
      [request.spanId, PRODUCER],
      [request.spanId, PRODUCER],
    ]);
    const [first, second] = waits.map((wait) => {
      const attempt = only(spans, 'attempt', wait);
      return {
        ...{ wait, attempt },
        call: only(spans, 'call endpoint', attempt),
        recorded: only(spans, 'record outcome', attempt),
      };
    });
    expect(first?.attempt).toMatchObject({
      ...{ service: 'beacon-dispatcher-US', kind: CONSUMER, isError: true },
      attributes: {
        'beacon.job.id': jobId,
        'beacon.attempt': 1,
        'beacon.region': 'US',
        'beacon.endpoint.id': 'US-m-flow',
        'error.type': 'UPSTREAM_ERROR',
      },
    });
    expect(first?.call).toMatchObject({
      ...{ kind: CLIENT, isError: true },
      attributes: { 'error.type': 'UPSTREAM_ERROR', 'http.response.status_code': 500 },
    });
    expect(first?.recorded).toMatchObject({
      service: 'beacon-router',
      attributes: {
        'beacon.next': 'failover',
        'beacon.job.state': 'retrying',
        'error.type': 'UPSTREAM_ERROR',
      },
    });
    expect(second?.attempt).toMatchObject({
      ...{ service: 'beacon-dispatcher-EU', isError: false },
      attributes: { 'beacon.attempt': 2, 'beacon.region': 'EU', 'beacon.endpoint.id': 'EU-m-flow' },
    });
    expect(second?.call).toMatchObject({
      events: ['303: still running', 'cold start'],
      attributes: { 'beacon.cold_start': true, 'beacon.upstream_call.id': 'fc-1' },
    });
    expect(second?.recorded.attributes).toMatchObject({
      'beacon.attempt.status': 'succeeded',
      'beacon.job.state': 'completed',
    });
    // The wait for the second attempt begins with the end of the first.
    expect(second!.wait.startMs).toBeGreaterThanOrEqual(first!.call.endMs - 5);
    expect(second!.wait.endMs).toBeLessThanOrEqual(second!.attempt.startMs + 5);
    // Where it would be told to others, it is not.
    for (const call of beacon.upstream.callsOf('US/m-flow'))
      expect(call.headers).not.toHaveProperty('traceparent');
  });

  it('is one, also where the router is another one by the time that the job begins', async () => {
    const { traceId, headers } = aCaller();
    const { jobId } = await post('m-later', 'for later', headers, {
      ...{ region_preference: 'ASIA', region_policy: 'pin' },
    });
    await beacon.stopRouter();
    const stoppedAtMs = Date.now();
    await beacon.startRouter();
    await beacon.startDispatcher('ASIA');
    await beacon.client.untilEnded(jobId);
    const spans = await collector.trace(traceId, 6);
    const request = only(spans, 'POST /inference/queued');
    const wait = only(spans, 'wait in queue', request);
    // From the time before the restart.
    expect(wait.startMs).toBeGreaterThanOrEqual(only(spans, 'accept job').startMs - 5);
    expect(wait.startMs).toBeLessThan(stoppedAtMs);
    expect(only(spans, 'attempt', wait).service).toBe('beacon-dispatcher-ASIA');
  });

  it('goes on in the endpoint that is to be told of it', async () => {
    const { traceId, headers } = aCaller();
    const { jobId } = await post('m-told', 'tell', headers);
    await beacon.client.untilEnded(jobId);
    const call = only(await collector.trace(traceId, 6), 'call endpoint');
    const [told] = beacon.upstream.callsFor('tell');
    expect(told?.headers['traceparent']).toBe(`00-${traceId}-${call.spanId}-01`);
  });

  it('is not recorded where its caller does not record it', async () => {
    const unsampled = aCaller('00');
    const { jobId } = await post('m-other', 'unseen', unsampled.headers);
    await beacon.client.untilEnded(jobId);
    const control = aCaller();
    await beacon.client.untilEnded((await post('m-other', 'seen', control.headers)).jobId);
    await collector.trace(control.traceId, 6);
    expect(collector.spans.filter(({ traceId }) => traceId === unsampled.traceId)).toEqual([]);
  });

  it.each([
    'nonsense',
    `ff-${'a'.repeat(32)}-${'b'.repeat(16)}-01`,
    `00-${'0'.repeat(32)}-${'b'.repeat(16)}-01`,
  ])('begins anew where the header is none: %s', async (traceparent) => {
    const { requestId } = await post('m-other', 'anew', { traceparent });
    const request = await until('the span of the request', () =>
      collector.spans.find(({ attributes }) => attributes['beacon.request.id'] === requestId),
    );
    expect(request.parentSpanId).toBeUndefined();
  });

  it('says what was refused, and by which code', async () => {
    const { traceId, headers } = aCaller();
    const reply = await beacon.client.request('/inference/queued', {
      json: { model: 'no-such-model', prompt: 'x' },
      headers,
    });
    const spans = await collector.trace(traceId, 2);
    expect(only(spans, 'accept job').attributes['error.type']).toBe((reply.body as { code: string }).code);
  });

  it('holds no prompts, answers or metadata, and comes as the settings say', async () => {
    await beacon.client.request('/health');
    await beacon.client.request('/metrics');
    const text = collector.bodies.join('');
    expect(text.length).toBeGreaterThan(1000);
    expect(text).not.toMatch(/SECRET|ANSWER|answer to|for later/);
    const [exchange] = collector.endpoint.exchanges;
    expect(exchange?.path).toBe('/v1/traces');
    expect(exchange?.headers['x-tenant']).toBe('acme inc');
    expect(text).toContain('deployment.environment.name');
    // Machines that look after it leave no traces.
    expect(collector.spans.filter(({ name }) => /health|metrics/.test(name))).toEqual([]);
    await until('a dispatcher has told of its own', async () => {
      const { body } = await beacon.client.request<{ text: string }>('/metrics');
      return /beacon_trace_spans_total\{result="exported",service="dispatcher-US"\} [1-9]/.test(body.text);
    });
  });
});

describe('a collector that is ill', () => {
  it('keeps nobody waiting', async () => {
    collector.hang();
    for (const prompt of ['ill 1', 'ill 2', 'ill 3', 'ill 4']) {
      const { jobId } = await post('m-other', prompt, aCaller().headers);
      expect(await beacon.client.untilEnded(jobId)).toMatchObject({ status: 'completed' });
    }
  });
});

describe('tracing that is turned off', () => {
  it('stays off where the collector is named: not one request goes out', async () => {
    const silent = await TraceCollector.start();
    const other = await startBeacon({
      configuration: deploymentOf({ 'm-off': ['US'] }),
      dispatchers: ['US'],
      environment: { OTEL_EXPORTER_OTLP_ENDPOINT: silent.url, OTEL_SDK_DISABLED: 'true' },
    });
    try {
      const reply = await other.client.request<{ job_id: string }>('/inference/queued', {
        json: { model: 'm-off', prompt: 'x' },
        headers: aCaller().headers,
      });
      await other.client.untilEnded(reply.body.job_id);
      const { rows } = await other.database.query<{ traceparent: string | null }>(
        'SELECT traceparent FROM jobs',
      );
      expect(rows).toEqual([{ traceparent: null }]);
    } finally {
      // What is left to be sent is sent when a process stops.
      await other.stop();
    }
    expect(silent.bodies).toEqual([]);
    await silent.close();
  });
});
