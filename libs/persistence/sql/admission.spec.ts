import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { LaneDemand } from '#domain';
import { startTestDatabase, type TestDatabase } from '#testing';
import {
  TENANTS_PER_LOOK,
  admitJobs,
  readAwaitedCandidates,
  readCandidates,
  readTenantShares,
} from './admission.js';

const DEMAND: LaneDemand = {
  ...{ lane: 'any', model: 'm', region: 'US' },
  ...{ servingRegions: ['US'], limit: 2 },
};

describe('what admission reads of a backlog', () => {
  let postgres: TestDatabase;

  beforeAll(async () => {
    postgres = await startTestDatabase();
  });
  afterAll(() => postgres.close());
  beforeEach(async () => {
    await postgres.database.query('TRUNCATE jobs, attempts, slots, tenant_turns CASCADE');
  });

  /** @param firstKey order key of the first; the others follow */
  const queue = async (tenant: string, count: number, firstKey: number, state = 'queued') => {
    const ids = Array.from({ length: count }, () => randomUUID());
    await postgres.database.query(
      `INSERT INTO jobs (id, tenant, state, model, home_region, region_policy, priority, lane, order_key, max_attempts,
                         timeout_ms, request, not_before)
       SELECT id, $2, $3, 'm', 'US', 'any', 'normal', 'any', $4::bigint + no, 4, 1000, '{}',
              CASE WHEN $3 = 'retrying' THEN timestamptz 'infinity' ELSE '-infinity' END
         FROM unnest($1::uuid[]) WITH ORDINALITY AS a (id, no)`,
      [ids, tenant, state, firstKey],
    );
    return ids;
  };

  it('the first jobs of each tenant, in its own order, however many another has before them', async () => {
    const flood = await queue('a', 3000, 0);
    const few = await queue('b', 1, 90_000);
    const { candidates } = await readCandidates(postgres.database, [DEMAND]);
    expect(candidates.map(({ jobId, tenant }) => [jobId, tenant]).sort()).toEqual(
      [
        [flood[0]!, 'a'],
        [flood[1]!, 'a'],
        [few[0]!, 'b'],
      ].sort(),
    );
  });

  it('of the awaited ones the first of each tenant too, and none that nobody waits for', async () => {
    const flood = await queue('a', 3000, 0);
    const few = await queue('b', 2, 90_000);
    await postgres.database.query(`UPDATE jobs SET awaited = true WHERE id <> ALL ($1::uuid[])`, [
      [flood[0], few[0]],
    ]);
    const { candidates, until } = await readAwaitedCandidates(postgres.database, [DEMAND]);
    expect(candidates.map(({ jobId, tenant, isDirect }) => [jobId, tenant, isDirect]).sort()).toEqual(
      [
        [flood[1]!, 'a', true],
        [flood[2]!, 'a', true],
        [few[1]!, 'b', true],
      ].sort(),
    );
    expect([...until.values()]).toEqual(['b']);
  });

  it('pages that do not grow with the backlog', async () => {
    await queue('a', 10, 0);
    await queue('b', 10, 0);
    const pagesRead = async (): Promise<number> => {
      await postgres.database.query('ANALYZE jobs');
      const statements: { text: string; values: unknown[] }[] = [];
      await readCandidates(
        {
          query: (text, values = []) => {
            statements.push({ text, values });
            return postgres.database.query(text, values);
          },
        },
        [DEMAND],
      );
      const [statement] = statements;
      const { rows } = await postgres.database.query<{ 'QUERY PLAN': { Plan: Record<string, number> }[] }>(
        `EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ${statement!.text}`,
        statement!.values,
      );
      const plan = rows[0]!['QUERY PLAN'][0]!.Plan;
      return plan['Shared Hit Blocks']! + plan['Shared Read Blocks']!;
    };
    const few = await pagesRead();
    await queue('a', 20_000, 100);
    // The index is deeper by a page, nothing else.
    expect(await pagesRead()).toBeLessThan(few * 3 + 30);
  });

  it('everybody in turn where more tenants wait than one look takes in', async () => {
    const tenants = Array.from({ length: 40 }, (_, index) => `t${String(index).padStart(2, '0')}`);
    for (const tenant of tenants) await queue(tenant, 1, 0);
    // Waits for its time: a look that finds nothing to admit goes on all the same.
    for (let index = 0; index < TENANTS_PER_LOOK; index += 1) await queue(`r${index}`, 1, 0, 'retrying');
    const seen = new Set<string>();
    let until: ReadonlyMap<string, string> = new Map();
    for (let look = 0; look < 4; look += 1) {
      const read = await readCandidates(postgres.database, [DEMAND], until);
      expect(new Set(read.candidates.map(({ tenant }) => tenant)).size).toBeLessThanOrEqual(TENANTS_PER_LOOK);
      for (const { tenant } of read.candidates) seen.add(tenant);
      ({ until } = read);
    }
    expect([...seen].sort()).toEqual(tenants);
  });

  it('tickets are told apart by tenant, and who was served last is remembered after they are over', async () => {
    const [a] = await queue('a', 1, 0);
    const [b] = await queue('b', 1, 0);
    const to = (jobId: string) => ({ jobId, endpointId: 'US-m', region: 'US', staged: false });
    expect(await admitJobs(postgres.database, [to(b!), to(a!)], 1000)).toHaveLength(2);
    const shares = await readTenantShares(postgres.database, ['a', 'b', 'c']);
    const of = (tenant: string) => shares.find((share) => share.tenant === tenant);
    expect(shares).toHaveLength(2);
    expect(of('a')).toMatchObject({ endpointId: 'US-m', inFlight: 1 });
    expect(of('a')!.servedAtMs).toBeGreaterThan(of('b')!.servedAtMs);
    await postgres.database.query('DELETE FROM slots');
    const after = await readTenantShares(postgres.database, ['a']);
    expect(after).toEqual([{ ...of('a'), inFlight: 0 }]);
  });
});
