import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { WebhookDeliveryListView } from '#contracts';
import { deploymentOf, hangs, startBeacon, type Beacon, type Reply } from '#testing';

/**
 * What docs/access.md and docs/keys.md say, held against the server itself: every route, every role, what is the caller's own
 * and what is another tenant's.
 */
const page = (name: string): string => readFileSync(new URL(`../../docs/${name}`, import.meta.url), 'utf8');

interface Row {
  readonly route: string;
  readonly method: string;
  readonly path: string;
  /** `everybody`, `secret`, `any key`, a role, or two of which either will do: `submit or operate`. */
  readonly who: string;
  /** Whether it is about one tenant's thing. */
  readonly owned: boolean;
}

const ROWS: readonly Row[] = [
  ...page('access.md').matchAll(/^\| `([A-Z]+) (\/[^`]*)` +\| ([^|]+?) +\| ([^|]*?) +\|/gm),
].map(([, method = '', path = '', who = '', whose = '']) => ({
  ...{ route: `${method} ${path}`, method, path, who: who.replaceAll('`', '') },
  owned: whose === 'own',
}));

/** The roles that hold each role, by the table in docs/keys.md. */
const ROLES = [
  ...page('keys.md').matchAll(/^\| `(submit|read|operate|ledger|admin)` +\| ([^|]*?) +\|/gm),
].map(([, role = '', also = '']) => ({ role, also: also.replaceAll('`', '').split(', ') }));
const holds = (role: string, wanted: string): boolean =>
  ROLES.some(
    (each) => each.role === role && (role === wanted || each.also.includes(wanted) || each.also[0] === 'all'),
  );
const mayUse = (role: string, { who }: Row): boolean =>
  who === 'any key' || who.split(' or ').some((wanted) => holds(role, wanted));
const SEES_ALL = ['operate', 'admin'];

const NOT_FOUND = /^(JOB|RUN|WEBHOOK|TASK|DEAD_LETTER|FILE|BATCH)_NOT_FOUND$/;

describe('who may use each route', () => {
  let beacon: Beacon;
  type Whose = 'own' | 'foreign';
  interface Things {
    /** One that has failed: it is a dead letter, too. */
    readonly job: string;
    readonly run: string;
    /** An event of the job. */
    readonly webhook: string;
    readonly task: string;
    /** One that is its batch's input. */
    readonly file: string;
    readonly batch: string;
  }
  const things = new Map<Whose, Things>();

  beforeAll(async () => {
    beacon = await startBeacon({
      configuration: deploymentOf(
        { m: ['US'], failing: ['US'], hung: ['US'] },
        {
          tasks: { research: { owner: 'scout', model: 'm' } },
          // Cases without a key are wrong guesses from one address: they are not to be slowed down.
          limits: { endpoints: 3, gpus: 3, wrong_keys_per_min: 0 },
        },
      ),
      keys: {
        ...Object.fromEntries(ROLES.map(({ role }) => [role, { tenant: 'own', roles: [role as 'read'] }])),
        maker: { tenant: 'own', roles: ['submit'] },
        stranger: { tenant: 'foreign', roles: ['submit'] },
      },
    });
    for (const [whose, key] of [
      ['own', 'maker'],
      ['foreign', 'stranger'],
    ] as const) {
      const client = beacon.client.as(key);
      beacon.upstream.next('US/failing', (call) => call.respond(200, { status: 'error', error: 'x' }));
      const { job_id: job } = await client.queue({
        ...{ model: 'failing', prompt: 'x', webhook_url: 'https://hooks.example.org/told' },
      });
      await client.untilJob(job, 'failed');
      const { body: told } = await client.request<WebhookDeliveryListView>(
        `/webhook-deliveries?job_id=${job}`,
      );
      const webhook = told.deliveries[0]?.event_id ?? '';
      expect(webhook).not.toBe('');
      const task = `task-of-${whose}`;
      const asked = await client.request('/api/modal/execute-task', {
        json: { task_type: 'research', prompt: 'x', task_id: task },
      });
      expect(asked.status).toBe(202);
      const { body } = await client.request<{ run_id: string }>('/runs', {
        json: { name: 'r', questions: [{ id: 'q', text: 'x' }], models: ['m'], regions: ['US'] },
      });
      const line = {
        ...{ custom_id: 'x', method: 'POST', url: '/v1/chat/completions' },
        body: { model: 'hung', messages: [{ role: 'user', content: 'x' }] },
      };
      // The batch goes on, so its file stays whoever would delete it.
      beacon.upstream.from('US/hung', hangs);
      const form = new FormData();
      form.append('purpose', 'batch');
      form.append('file', new Blob([JSON.stringify(line)]), 'x.jsonl');
      const encoded = new Response(form);
      const { body: file } = await client.request<{ id: string }>('/v1/files', {
        headers: { 'content-type': encoded.headers.get('content-type') ?? '' },
        raw: new Uint8Array(await encoded.arrayBuffer()),
      });
      const { body: batch } = await client.request<{ id: string }>('/v1/batches', {
        json: { input_file_id: file.id, endpoint: '/v1/chat/completions', completion_window: '24h' },
      });
      expect(batch.id).toMatch(/^batch_/);
      things.set(whose, { job, run: body.run_id, webhook, task, file: file.id, batch: batch.id });
    }
  });
  afterAll(() => beacon.stop());

  const thingsOf = (whose: Whose): Things => {
    const found = things.get(whose);
    if (found === undefined) throw new Error(`nothing was made for ${whose}`);
    return found;
  };

  const pathFor = (row: Row, whose: Whose): string =>
    row.path.replace(/\{(\w+)\}/g, (_text, name: string) => {
      const { job, run, webhook, task, file, batch } = thingsOf(whose);
      switch (name) {
        case 'job_id':
          return job;
        case 'event_id':
          return webhook;
        case 'task_id':
          return task;
        case 'file_id':
          return file;
        case 'batch_id':
          return batch;
        case 'id':
          return row.path.startsWith('/runs/') ? run : 'none';
        default:
          // Endpoints, regions, gates, keys, settings, tenants: what is not there keeps things as they are.
          return 'none';
      }
    });

  const ask = async (row: Row, key: string | undefined, whose: Whose): Promise<Reply> => {
    const client = key === undefined ? beacon.client : beacon.client.as(key);
    return client.request(pathFor(row, whose), {
      method: row.method,
      // Access is decided before a body is looked at; one that is no good keeps things as they are.
      ...(row.method === 'GET' || row.method === 'DELETE' ? {} : { json: { 'not a field': 1 } }),
    });
  };

  it('is documented for every route that is served, and for no other', () => {
    const served = beacon
      .routes()
      .filter((route) => !/^(GET \/docs(\/|-|$)|GET \/(beacon\.svg|assets\/\*)?$|OPTIONS )/.test(route));
    expect(ROWS.map(({ route }) => route).sort()).toEqual([...new Set(served)].sort());
    expect(ROLES).toHaveLength(5);
  });

  const cases = ROWS.flatMap(
    (row) =>
      [undefined, ...ROLES.map(({ role }) => role)].flatMap((key) =>
        (row.owned || row.path.includes('{task_id}')
          ? (['own', 'foreign'] as const)
          : (['own'] as const)
        ).map((whose) => ({ row, key, whose })),
      ),
    // A stream goes on for ever.
  ).filter(({ row }) => row.path !== '/runs/{id}/events');

  it.each(cases.map((each) => [each.row.route, each.key ?? 'no key', each.whose, each] as const))(
    '%s with %s, %s',
    async (_route, _key, _whose, { row, key, whose }) => {
      const reply = await ask(row, key, whose);
      // OpenAI's clients find it within `error`.
      const { error, code = error?.code } = reply.body as { code?: string; error?: { code?: string } };
      const isForAll = row.who === 'everybody' || row.who === 'secret';
      if (key === undefined && !isForAll) {
        expect({ status: reply.status, code }).toEqual({ status: 401, code: 'UNAUTHENTICATED' });
        return;
      }
      if (!isForAll && !mayUse(key ?? '', row)) {
        expect({ status: reply.status, code }).toEqual({ status: 403, code: 'FORBIDDEN' });
        return;
      }
      if (whose === 'foreign' && !SEES_ALL.includes(key ?? '')) {
        expect(reply.status).toBe(404);
        expect(code).toMatch(NOT_FOUND);
        return;
      }
      expect(['UNAUTHENTICATED', 'FORBIDDEN']).not.toContain(code);
      if (row.owned) expect(code ?? '').not.toMatch(NOT_FOUND);
      expect(reply.status).toBeLessThan(500);
    },
  );

  it('holds for streams of events too', async () => {
    const begins = async (key: string, run: string): Promise<number> => {
      const stop = new AbortController();
      const response = await fetch(`${beacon.url}/runs/${run}/events`, {
        headers: { authorization: `Bearer ${key}` },
        signal: stop.signal,
      });
      stop.abort();
      return response.status;
    };
    const statuses = await Promise.all([
      begins('read', thingsOf('own').run),
      begins('read', thingsOf('foreign').run),
      begins('ledger', thingsOf('own').run),
      begins('operate', thingsOf('foreign').run),
      begins('nobody', thingsOf('own').run),
    ]);
    expect(statuses).toEqual([200, 404, 403, 200, 401]);
  });
});
