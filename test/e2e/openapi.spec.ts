import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { deploymentOf, startBeacon, until, type Beacon, type Reply } from '#testing';
import { z } from 'zod';

type Schema = Parameters<typeof z.fromJSONSchema>[0];
interface Content {
  readonly schema: Schema & { readonly $ref?: string };
}
interface Response {
  readonly description: string;
  readonly content?: Readonly<Record<string, Content>>;
}
interface Reference {
  readonly $ref: string;
}
interface Operation {
  readonly operationId: string;
  readonly parameters: readonly { readonly name: string; readonly in: string }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, Content>> };
  readonly responses: Readonly<Record<string, Response | Reference>>;
}
interface Document {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly webhooks: Readonly<Record<string, { readonly post: Operation }>>;
  readonly components: {
    readonly schemas: Readonly<Record<string, Schema>>;
    readonly responses: Readonly<Record<string, Response>>;
  };
}

const UNKNOWN_ID = '00000000-0000-4000-8000-000000000000';

describe('openapi.json', () => {
  let beacon: Beacon;
  let document: Document;

  beforeAll(async () => {
    beacon = await startBeacon({ configuration: deploymentOf({ m: ['US', 'EU'] }) });
    document = (await beacon.client.request<Document>('/openapi.json')).body;
  });
  afterAll(() => beacon.stop());

  const operations = (): { name: string; path: string; operation: Operation }[] =>
    Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({
        name: `${method.toUpperCase()} ${path}`,
        path,
        operation,
      })),
    );
  const followed = (response: Response | Reference | undefined): Response | undefined =>
    response !== undefined && '$ref' in response
      ? document.components.responses[response.$ref.replace('#/components/responses/', '')]
      : response;
  /** The schema with all that it refers to. */
  const whole = (schema: Content['schema']): z.ZodType => {
    const names = { ...(schema as object), $defs: document.components.schemas };
    return z.fromJSONSchema(
      JSON.parse(JSON.stringify(names).replaceAll('#/components/schemas/', '#/$defs/')) as Schema,
    );
  };
  const schemaFor = (name: string, reply: Reply): z.ZodType => {
    const { operation } = operations().find((each) => each.name === name)!;
    const media = reply.contentType.split(';')[0]!;
    const content = followed(operation.responses[reply.status])?.content?.[media];
    if (content === undefined) throw new Error(`${name} does not document ${reply.status} ${media}`);
    return whole(content.schema);
  };
  const expectDocumented = (name: string, reply: Reply): void => {
    const checked = schemaFor(name, reply).safeParse(reply.body);
    expect({ name, status: reply.status, issues: checked.error?.issues ?? [] }).toEqual({
      name,
      status: reply.status,
      issues: [],
    });
  };

  it('documents every route that is served, and no other', () => {
    const served = beacon
      .routes()
      .filter((route) => !/^(\w+ \/docs(\/|$)|GET \/(beacon\.svg|assets\/\*)?$)/.test(route));
    const unnamed = (route: string): string => route.replace(/\{\w+\}/g, '{}');
    expect(
      operations()
        .map(({ name }) => unnamed(name))
        .sort(),
    ).toEqual(served.map(unnamed).sort());
  });

  it('resolves every reference and repeats no operation id', () => {
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)].map(([, ref]) => ref!);
    expect(references.length).toBeGreaterThan(0);
    for (const reference of new Set(references)) {
      const parts = reference.split('/').slice(1);
      const target = parts.reduce<unknown>(
        (node, part) => (node as Record<string, unknown> | undefined)?.[part],
        document,
      );
      expect({ reference, found: target !== undefined }).toEqual({ reference, found: true });
    }
    const ids = operations().map(({ operation }) => operation.operationId);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('names every parameter of a path, and no other', () => {
    for (const { name, path, operation } of operations()) {
      const named = operation.parameters.filter((each) => each.in === 'path').map((each) => each.name);
      const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, parameter]) => parameter);
      expect({ name, named }).toEqual({ name, named: inPath });
    }
  });

  it('mentions problem codes of docs/errors.md alone, each below its own status', () => {
    const page = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8');
    const statusOf = new Map(
      [...page.matchAll(/^\| `([A-Z_]+)` +\| (\d{3}) +\|/gm)].map(([, code, status]) => [code!, status!]),
    );
    expect(statusOf.size).toBeGreaterThan(10);
    const wrong = operations().flatMap(({ name, operation }) =>
      Object.entries(operation.responses).flatMap(([status, response]) =>
        followed(response)?.content?.['application/problem+json'] === undefined
          ? []
          : [...(followed(response)?.description ?? '').matchAll(/`([A-Z_]+)`:/g)]
              .map(([, code]) => code!)
              .filter((code) => statusOf.get(code) !== status)
              .map((code) => `${name} ${status} ${code}`),
      ),
    );
    expect(wrong).toEqual([]);
  });

  it('describes what jobs and queues are really answered with', async () => {
    const { client } = beacon;
    const queued = await client.request('/inference/queued', {
      json: { model: 'm', prompt: 'one', region_preference: 'US', metadata: { a: [1, null] } },
    });
    expectDocumented('POST /inference/queued', queued);
    const jobId = String(queued.body['job_id']);
    const statusPath = `/inference/status/${jobId}`;
    expectDocumented('GET /inference/status/{job_id}', await client.request(statusPath));
    await client.untilEnded(jobId);
    expectDocumented('GET /inference/status/{job_id}', await client.request(statusPath));
    expectDocumented('DELETE /inference/{job_id}', await client.cancel(jobId));
    for (const path of ['/inference', '/v1/inference'])
      expectDocumented(`POST ${path}`, await client.request(path, { json: { model: 'm', prompt: path } }));
    for (const path of ['/queue/status', '/providers', '/health', '/health/live', '/health/ready'])
      expectDocumented(`GET ${path}`, await client.request(path));
    expectDocumented('GET /queue/status/{region}', await client.request('/queue/status/EU'));
    expect((await client.request('/metrics')).contentType).toMatch(/^text\/plain/);
  });

  it('describes what runs are really answered with', async () => {
    const { client } = beacon;
    const created = await client.request('/runs', {
      json: {
        name: 'r',
        questions: [{ id: 'q1', text: 'Why?' }],
        models: ['m'],
        regions: ['US', 'EU'],
      },
    });
    expectDocumented('POST /runs', created);
    const path = `/runs/${String(created.body['run_id'])}`;
    expectDocumented('GET /runs/{id}', await client.request(path));
    expectDocumented('GET /runs', await client.request('/runs'));
    expectDocumented('GET /runs/{id}/results', await client.request(`${path}/results`));
    expectDocumented('POST /runs/{id}/cancel', await client.request(`${path}/cancel`, { method: 'POST' }));
  });

  it("describes what OpenAI's clients are really answered with", async () => {
    const { client } = beacon;
    expectDocumented('GET /v1/models', await client.request('/v1/models'));
    expectDocumented('GET /v1/models/{model}', await client.request('/v1/models/m@us'));
    const messages = [{ role: 'user', content: 'Why?' }];
    for (const [path, json] of [
      ['/v1/chat/completions', { model: 'm', messages }],
      ['/v1/chat/completions', { model: 'm', messages, tools: [1] }],
      ['/v1/completions', { model: 'm', prompt: ['a', 'b'] }],
      ['/v1/completions', { model: 'unknown', prompt: 'a' }],
    ] as const)
      expectDocumented(`POST ${path}`, await client.request(path, { json }));

    const form = new FormData();
    form.append('purpose', 'batch');
    const line = {
      custom_id: 'a',
      method: 'POST',
      url: '/v1/chat/completions',
      body: { model: 'm', messages },
    };
    form.append('file', new Blob([JSON.stringify(line)]), 'lines.jsonl');
    const sent = new Response(form);
    const file = await client.request<{ id: string }>('/v1/files', {
      raw: new Uint8Array(await sent.arrayBuffer()),
      headers: { 'content-type': sent.headers.get('content-type') ?? '' },
    });
    expectDocumented('POST /v1/files', file);
    const filePath = `/v1/files/${file.body.id}`;
    expectDocumented('GET /v1/files', await client.request('/v1/files'));
    expectDocumented('GET /v1/files/{file_id}', await client.request(filePath));
    const made = await client.request<{ id: string }>('/v1/batches', {
      json: { input_file_id: file.body.id, endpoint: '/v1/chat/completions', completion_window: '24h' },
    });
    expectDocumented('POST /v1/batches', made);
    const path = `/v1/batches/${made.body.id}`;
    const ended = await until('the batch has ended', async () => {
      const reply = await client.request<{ status: string }>(path);
      return reply.body.status === 'completed' && reply;
    });
    expectDocumented('GET /v1/batches/{batch_id}', ended);
    expectDocumented('GET /v1/batches', await client.request('/v1/batches'));
    const post = { method: 'POST' };
    const cancelled = await client.request(`${path}/cancel`, post);
    expect(cancelled.status).toBe(409);
    expectDocumented('POST /v1/batches/{batch_id}/cancel', cancelled);
    expectDocumented('DELETE /v1/files/{file_id}', await client.request(filePath, { method: 'DELETE' }));
    expectDocumented('POST /v1/batches/{batch_id}/erase', await client.request(`${path}/erase`, post));
  });

  it('describes what webhooks are really answered with', async () => {
    const { client } = beacon;
    const { job_id: jobId } = await client.queue({
      ...{ model: 'm', prompt: 'told', webhook_url: 'https://hooks.example.org/' },
    });
    await client.untilEnded(jobId);
    const list = await client.request<{ deliveries: { event_id: string }[] }>(
      `/webhook-deliveries?job_id=${jobId}`,
    );
    expectDocumented('GET /webhook-deliveries', { ...list, body: { ...list.body } });
    const path = `/webhook-deliveries/${list.body.deliveries[0]!.event_id}`;
    const found = await client.request<{ body: unknown }>(path);
    expectDocumented('GET /webhook-deliveries/{event_id}', { ...found, body: { ...found.body } });
    const { post } = document.webhooks['job-event']!;
    const body = whole(post.requestBody!.content['application/json']!.schema);
    expect(body.safeParse(found.body.body).success).toBe(true);
    const again = await client.request(`${path}/redeliver`, { method: 'POST' });
    expectDocumented('POST /webhook-deliveries/{event_id}/redeliver', again);
    expectDocumented(
      'POST /webhook-deliveries/redeliver',
      await client.request('/webhook-deliveries/redeliver', { json: {} }),
    );
    const missing = await client.request(`/webhook-deliveries/${UNKNOWN_ID}`);
    expectDocumented('GET /webhook-deliveries/{event_id}', missing);
  });

  it('describes what dead letters and erasures are really answered with', async () => {
    const { client, upstream } = beacon;
    upstream.next('US/m', (call) => call.respond(200, { status: 'error', error: 'choked' }));
    const { job_id: id } = await client.queue({ model: 'm', prompt: 'bad', region_preference: 'US' });
    await client.untilJob(id, 'failed');
    for (const [name, path] of [
      ['GET /dead-letters', '/dead-letters?poison=false&limit=1'],
      ['GET /dead-letters/summary', '/dead-letters/summary'],
      ['GET /dead-letters/{job_id}', `/dead-letters/${id}`],
    ] as const)
      expectDocumented(name, await client.request(path));
    const post = async (name: string, path: string, json?: object): Promise<void> =>
      expectDocumented(`POST ${name}`, await client.request(path, { method: 'POST', json }));
    await post('/dead-letters/{job_id}/redrive', `/dead-letters/${id}/redrive`);
    await post('/dead-letters/{job_id}/discard', `/dead-letters/${id}/discard`, { reason: 'x' });
    await post('/dead-letters/redrive', '/dead-letters/redrive', { filter: { code: 'MODEL_ERROR' } });
    await post('/dead-letters/discard', '/dead-letters/discard', { filter: {}, reason: 'x' });
    await client.untilJob(
      (await client.request(`/dead-letters/${id}`)).body['redriven_as'] as string,
      'completed',
    );
    await post('/inference/{job_id}/erase', `/inference/${id}/erase`);
    await post('/runs/{id}/erase', `/runs/${UNKNOWN_ID}/erase`);
    await post('/tenants/{tenant}/erase', '/tenants/nobody/erase', { confirm: 'nobody' });
    const status = await client.request(`/inference/status/${id}`);
    expectDocumented('GET /inference/status/{job_id}', status);
  });

  it('describes both faces of what keys are answered with', () => {
    const faces = (name: string): string[] => {
      const { operation } = operations().find((each) => each.name === name)!;
      const schema = followed(operation.responses['200'])?.content?.['application/json']?.schema;
      const { anyOf } = schema as { anyOf?: Reference[] };
      return (anyOf ?? []).map(({ $ref }) => $ref.replace('#/components/schemas/', ''));
    };
    expect(faces('GET /inference/status/{job_id}')).toEqual(['JobStatus', 'JobStatusCharter']);
    expect(faces('GET /runs/{id}/receipt')).toEqual(['SignedReceipt', 'SignedReceiptCharter']);
    expect(faces('GET /runs/{id}')).toEqual(['Run', 'RunCharter']);
    const { RunPlan: plan, RunPlanCharter: told } = document.components.schemas;
    expect(JSON.stringify(plan)).toContain('cells_per_endpoint');
    expect(JSON.stringify(told)).not.toMatch(/endpoint|unpriced/);
    expect(faces('GET /tasks')).toEqual([]);
  });

  it('describes refusals', async () => {
    const { client } = beacon;
    const bad = { json: { model: 'm' } };
    expectDocumented('POST /inference/queued', await client.request('/inference/queued', bad));
    expectDocumented('POST /inference', await client.request('/inference', bad));
    expectDocumented('POST /runs', await client.request('/runs', bad));
    const form = { raw: 'a=b', headers: { 'content-type': 'application/x-www-form-urlencoded' } };
    expectDocumented('POST /inference/queued', await client.request('/inference/queued', form));
    expectDocumented('DELETE /inference/{job_id}', await client.cancel(UNKNOWN_ID));
    for (const [name, path] of [
      ['GET /inference/status/{job_id}', `/inference/status/${UNKNOWN_ID}`],
      ['GET /queue/status/{region}', '/queue/status/MARS'],
      ['GET /runs/{id}', `/runs/${UNKNOWN_ID}`],
    ] as const)
      expectDocumented(name, await client.request(path));
  });

  it('accepts and refuses request bodies as the server does', async () => {
    const { operation } = operations().find(({ name }) => name === 'POST /inference/queued')!;
    const body = whole(operation.requestBody!.content['application/json']!.schema);
    const agreed = [
      { model: 'm', prompt: 'x' },
      { model: 'm', messages: [{ role: 'user', content: 'x' }] },
      { model: 'm', prompt: 'x', temperature: 3 },
      { model: 'm', prompt: 'x', unknown: 1 },
      { prompt: 'x' },
      { model: 'm', prompt: 'x', priority: 'urgent' },
    ];
    for (const json of agreed) {
      const { status } = await beacon.client.request('/inference/queued', { json });
      expect({ json, accepted: body.safeParse(json).success }).toEqual({ json, accepted: status === 202 });
    }
  });

  it('describes what the webhook_url of a run has to take', () => {
    const { post } = document.webhooks['run-event']!;
    const body = whole(post.requestBody!.content['application/json']!.schema);
    const data = {
      run_id: UNKNOWN_ID,
      sequence: 1,
      counts: { total: 1, accepted: 1, failed: 0, cancelled: 0 },
      path: '/x',
    };
    const timestamp = '2026-11-22T09:00:00.000Z';
    const taken = (type: string, more: object): boolean =>
      body.safeParse({ type, timestamp, data: { ...data, ...more } }).success;
    expect(taken('run.finished', { status: 'completed' })).toBe(true);
    expect(taken('gate.decided', { gate_id: 'q1', decision: 'approved' })).toBe(true);
    expect(taken('gate.decided', { decision: 'approved' })).toBe(false);
    expect(taken('run.finished', { status: 'completed', cost: 1 })).toBe(false);
    expect(taken('cell.accepted', { status: 'completed' })).toBe(false);
  });

  it('is what /docs shows, out of files of its own', async () => {
    const page = await beacon.client.request<{ text: string }>('/docs');
    expect(page).toMatchObject({ status: 200, contentType: expect.stringContaining('text/html') });
    // As a browser resolves them, from an address with and without a slash at its end.
    expect((await fetch(`${beacon.url}/docs/`)).url).toBe(`${beacon.url}/docs`);
    const parts = [...page.body.text.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, part = '']) =>
      new URL(part, `${beacon.url}/docs`).href.replace(beacon.url, ''),
    );
    expect(parts).toHaveLength(4);
    for (const part of parts) expect(await beacon.client.request(part)).toMatchObject({ status: 200 });
    const start = await beacon.client.request<{ text: string }>('/docs/start.js');
    const [, shown = ''] = /url: '([^']+)'/.exec(start.body.text) ?? [];
    expect(new URL(shown, `${beacon.url}/docs`).pathname).toBe('/openapi.json');
    expect(await beacon.client.request('/docs/package.json')).toMatchObject({ status: 404 });
  });
});
