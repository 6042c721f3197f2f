import { readFileSync, readdirSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { TraceCollector, until } from '#testing';
import { createLogger } from '../logger.js';
import { Metrics } from '../metrics.js';
import type { TracingOptions } from './options.js';
import { startTracing } from './start-tracing.js';
import { NO_SPAN, NO_TRACING, parseTraceparent, traceparentOf, type Tracing } from './tracing.js';

let collector: TraceCollector;
let metrics: Metrics;
let started: Tracing[];
let logged: string[];

beforeEach(async () => {
  collector = await TraceCollector.start();
  metrics = new Metrics('test');
  started = [];
  logged = [];
});
afterEach(async () => {
  await Promise.all(started.map((tracing) => tracing.stop()));
  await collector.close();
});

async function start(changes: Partial<TracingOptions> = {}): Promise<Tracing> {
  const options: TracingOptions = {
    ...{ url: `${collector.url}/v1/traces`, headers: {}, timeoutMs: 60_000 },
    ...{ serviceName: 'beacon', resourceAttributes: {} },
    sampler: { kind: 'always_on', ratio: 1, parentBased: true },
    ...changes,
  };
  const logger = createLogger('test', 'info', { write: (line) => logged.push(line) });
  const tracing = await startTracing(options, 'router', metrics, logger);
  started.push(tracing);
  return tracing;
}

const spansCounted = async (result: string): Promise<number> => {
  const { body } = await metrics.expose();
  return Number(new RegExp(`beacon_trace_spans_total\\{result="${result}".*\\} (\\d+)`).exec(body)?.[1] ?? 0);
};

const PARENT = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;

describe('a traceparent', () => {
  it.each([
    [PARENT, true],
    [PARENT.replace(/01$/, '00'), true],
    [`${PARENT.replace(/^00/, '01')}-more`, true],
    [`${PARENT}-more`, false],
    [PARENT.replace(/^00/, 'ff'), false],
    [PARENT.toUpperCase(), false],
    [`00-${'0'.repeat(32)}-${'b'.repeat(16)}-01`, false],
    [`00-${'a'.repeat(32)}-${'0'.repeat(16)}-01`, false],
    ['', false],
    [undefined, false],
  ])('%s: %s', (header, isOne) => {
    expect(parseTraceparent(header) !== undefined).toBe(isOne);
  });

  it('reads as it was written', () => {
    const context = { traceId: 'c'.repeat(32), spanId: 'd'.repeat(16), flags: 1 };
    expect(parseTraceparent(traceparentOf(context))).toEqual(context);
  });
});

describe('tracing that is off', () => {
  it('records nothing and loads nothing', async () => {
    const off = await startTracing(undefined, 'router', metrics, createLogger('test', 'silent'));
    expect(off).toBe(NO_TRACING);
    expect(off.span({ name: 'x', parent: PARENT })).toBe(NO_SPAN);
    // What meets OpenTelemetry is one file, which one other loads, where tracing is on.
    const folder = new URL('./', import.meta.url);
    const sources = new Map(
      readdirSync(folder)
        .filter((file) => !file.endsWith('.spec.ts'))
        .map((file) => [file, readFileSync(new URL(file, folder), 'utf8')]),
    );
    const meeting = [...sources].filter(([, text]) => text.includes("from '@opentelemetry/"));
    expect(meeting.map(([file]) => file)).toEqual(['open-telemetry.ts']);
    const loading = [...sources].filter(([, text]) => text.includes('open-telemetry.js'));
    expect(loading.map(([file]) => file)).toEqual(['start-tracing.ts']);
    expect(sources.get('start-tracing.ts')).toContain("await import('./open-telemetry.js')");
    expect(sources.get('start-tracing.ts')).not.toContain("from './open-telemetry.js'");
  });
});

describe('a span', () => {
  it('tells the collector what it was, and what it belongs to', async () => {
    const tracing = await start({ serviceName: 'lab' });
    // Long before this process began: a restart lies in between.
    const startMs = Date.UTC(2020, 0, 1);
    const span = tracing.span({ name: 'x', kind: 'producer', parent: PARENT, startMs, attributes: { a: 1 } });
    const child = tracing.span({ name: 'y', parent: span.traceparent, attributes: { b: undefined } });
    child.event('happened');
    child.end();
    span.set({ long: 'z'.repeat(1000) });
    span.end('BROKEN');
    const [first, second] = await collector.trace('a'.repeat(32), 2);
    expect(first).toMatchObject({
      ...{ service: 'lab-router', name: 'x', kind: 4, parentSpanId: 'b'.repeat(16), startMs, isError: true },
      attributes: { a: 1, 'error.type': 'BROKEN', long: 'z'.repeat(256) },
    });
    expect(second).toMatchObject({
      ...{ name: 'y', kind: 1, parentSpanId: first?.spanId, isError: false, events: ['happened'] },
      attributes: {},
    });
  });

  it.each([
    [{ kind: 'always_on', ratio: 1, parentBased: true }, '01', true],
    [{ kind: 'always_on', ratio: 1, parentBased: true }, '00', false],
    [{ kind: 'always_on', ratio: 1, parentBased: false }, '00', true],
    [{ kind: 'always_off', ratio: 1, parentBased: true }, '01', true],
    [{ kind: 'always_off', ratio: 1, parentBased: true }, undefined, false],
    [{ kind: 'traceidratio', ratio: 0, parentBased: false }, '01', false],
    [{ kind: 'traceidratio', ratio: 1, parentBased: false }, '00', true],
  ] as const)('is recorded as the sampler says: %j, parent %s: %s', async (sampler, flags, isRecorded) => {
    const tracing = await start({ sampler });
    const parent = flags === undefined ? undefined : PARENT.replace(/01$/, flags);
    expect(tracing.span({ name: 'x', parent }).traceparent !== undefined).toBe(isRecorded);
  });
});

describe('a collector', () => {
  it('that hangs costs a bounded memory, and at most two seconds in the end', async () => {
    collector.hang();
    const tracing = await start({ timeoutMs: 3000 });
    for (let count = 0; count < 10_000; count += 1) tracing.span({ name: 'x' }).end();
    expect(await spansCounted('dropped')).toBe(10_000 - 4096);
    const stopping = tracing.stop().then(() => 'stopped');
    const late = new Promise((resolve) => setTimeout(resolve, 10_000, 'late').unref());
    expect(await Promise.race([stopping, late])).toBe('stopped');
  });

  it('that is away loses spans, which are counted and logged without what they hold', async () => {
    const away = { url: 'http://127.0.0.1:1/v1/traces', timeoutMs: 300 };
    const tracing = await start({ ...away, headers: { key: 'SECRET' } });
    tracing.span({ name: 'x', attributes: { what: 'PRIVATE' } }).end();
    await until('the loss is counted', async () => (await spansCounted('failed')) === 1);
    expect(logged.some((line) => line.includes('tracing.not_exported'))).toBe(true);
    expect(logged.join('')).not.toMatch(/SECRET|PRIVATE/);
  });

  it('gets what is left when the process stops', async () => {
    const tracing = await start();
    tracing.span({ name: 'last', parent: PARENT }).end();
    await tracing.stop();
    expect(collector.spans.map(({ name }) => name)).toEqual(['last']);
    expect(await spansCounted('exported')).toBe(1);
  });
});
