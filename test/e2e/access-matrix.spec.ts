import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { deploymentOf, startBeacon, type Beacon, type Reply } from '#testing';

/**
 * What docs/access.md and docs/keys.md say, held against the server itself: every route, every role, what is the caller's own
 * and what is another tenant's.
 */
const page = (name: string): string => readFileSync(new URL(`../../docs/${name}`, import.meta.url), 'utf8');

interface Row {
  readonly route: string;
  readonly method: string;
  readonly path: string;
  /** `everybody`, `secret`, `any key` or a role. */
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
const SEES_ALL = ['operate', 'admin'];

const NOT_FOUND = /^(JOB|RUN|WEBHOOK|TASK|DEAD_LETTER)_NOT_FOUND$/;

describe('who may use each route', () => {
  let beacon: Beacon;
  const ids: Record<'own' | 'foreign', { job: string; run: string }> = {
    own: { job: '', run: '' },
    foreign: { job: '', run: '' },
  };

  beforeAll(async () => {
    beacon = await startBeacon({
      configuration: deploymentOf({ m: ['US'] }),
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
      const { job_id: job } = await client.queue({ model: 'm', prompt: 'x' });
      await client.untilEnded(job);
      const { body } = await client.request<{ run_id: string }>('/runs', {
        json: { name: 'r', questions: [{ id: 'q', text: 'x' }], models: ['m'], regions: ['US'] },
      });
      ids[whose] = { job, run: body.run_id };
    }
  }, 120_000);
  afterAll(() => beacon.stop());

  const pathFor = (row: Row, whose: 'own' | 'foreign'): string =>
    row.path.replace(/\{(\w+)\}/g, (_text, name: string) => {
      if (name === 'job_id') return ids[whose].job;
      if (row.path.startsWith('/runs/') && name === 'id') return ids[whose].run;
      return 'none';
    });

  const ask = async (row: Row, key: string | undefined, whose: 'own' | 'foreign'): Promise<Reply> => {
    const client = key === undefined ? beacon.client : beacon.client.as(key);
    const stop = new AbortController();
    // Streams go on for ever; whether they begin is what is asked.
    const timer = setTimeout(() => stop.abort(), 5000);
    try {
      return await client.request(pathFor(row, whose), {
        method: row.method,
        signal: stop.signal,
        // Access is decided before a body is looked at; one that is no good keeps things as they are.
        ...(row.method === 'GET' || row.method === 'DELETE' ? {} : { json: { 'not a field': 1 } }),
      });
    } finally {
      clearTimeout(timer);
    }
  };

  it('is documented for every route that is served, and for no other', () => {
    const served = beacon.routes().filter((route) => !/^(GET \/docs(\/|-|$)|OPTIONS )/.test(route));
    expect(ROWS.map(({ route }) => route).sort()).toEqual([...new Set(served)].sort());
    expect(ROLES).toHaveLength(5);
  });

  const cases = ROWS.flatMap((row) =>
    [undefined, ...ROLES.map(({ role }) => role)].flatMap((key) =>
      (row.owned ? (['own', 'foreign'] as const) : (['own'] as const)).map((whose) => ({ row, key, whose })),
    ),
  ).filter(({ row }) => row.path !== '/runs/{id}/events');

  it.each(cases.map((each) => [each.row.route, each.key ?? 'no key', each.whose, each] as const))(
    '%s with %s, %s',
    async (_route, _key, _whose, { row, key, whose }) => {
      const reply = await ask(row, key, whose);
      const { code } = reply.body as { code?: string };
      const isForAll = row.who === 'everybody' || row.who === 'secret';
      if (key === undefined && !isForAll) {
        expect({ status: reply.status, code }).toEqual({ status: 401, code: 'UNAUTHENTICATED' });
        return;
      }
      if (!isForAll && row.who !== 'any key' && !holds(key ?? '', row.who)) {
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
      begins('read', ids.own.run),
      begins('read', ids.foreign.run),
      begins('ledger', ids.own.run),
      begins('operate', ids.foreign.run),
      begins('nobody', ids.own.run),
    ]);
    expect(statuses).toEqual([200, 404, 403, 200, 401]);
  });
});
