import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { startTestDatabase, type TestDatabase } from '#testing';
import { CharterDatabase } from './charter-database.js';
import { Database, type DatabaseOptions } from './database.js';

const OPTIONS: DatabaseOptions = {
  applicationName: 'test',
  poolSize: 2,
  onConnectionFault: () => undefined,
};

let postgres: TestDatabase;
let charter: CharterDatabase;
beforeAll(async () => {
  postgres = await startTestDatabase();
  charter = await CharterDatabase.open(postgres.url, OPTIONS);
});
afterAll(async () => {
  await charter.close();
  await postgres.close();
});

const refusal = async (sql: string): Promise<string> =>
  charter.query(sql).then(
    () => 'allowed',
    (error: unknown) => String((error as { code?: unknown }).code),
  );

describe('the role that customers are answered with', () => {
  it.each([
    ['endpoints of attempts', 'SELECT endpoint_id FROM attempts', '42703'],
    ['what the upstream said', 'SELECT error_detail FROM attempts', '42703'],
    ['status codes of the upstream', 'SELECT http_status FROM attempts', '42703'],
    ['endpoints of cells', 'SELECT endpoint_id FROM cells', '42703'],
    ['endpoints of stray outcomes', 'SELECT endpoint_id FROM stray_outcomes', '42703'],
    ['why jobs failed in full', 'SELECT error_detail FROM jobs', '42703'],
    ['keys of jobs', 'SELECT key_id FROM jobs', '42703'],
    ['models of tasks', 'SELECT model FROM tasks', '42703'],
    ['whole results', "SELECT result->>'endpoint_id' FROM public.jobs", '42501'],
    ['what runs spent', 'SELECT FROM run_spending', '42P01'],
    ['what runs spent, by its whole name', 'SELECT FROM public.run_spending', '42501'],
    ['whole events', 'SELECT FROM public.run_events', '42501'],
    ['states of endpoints', 'SELECT FROM public.endpoint_states', '42501'],
    ['dead letters', 'SELECT FROM public.dead_letters', '42501'],
    ['keys', 'SELECT FROM public.api_keys', '42501'],
    ['keys that sign', 'SELECT FROM public.receipt_keys', '42501'],
    ['the audit log', 'SELECT FROM public.audit_log', '42501'],
    ['what workers are named by', 'SELECT FROM public.charter_salt', '42501'],
    ['changes through a view', "UPDATE jobs SET state = 'failed'", '42501'],
    ['a table of its own', 'CREATE TABLE charter.mine (x int)', '42501'],
    ['a way back', 'RESET ROLE; SELECT FROM public.api_keys', '42501'],
  ])('is refused %s by Postgres itself', async (_title, sql, code) => {
    expect(await refusal(sql)).toBe(code);
  });

  it('reads its views, and nothing else of the database', async () => {
    for (const view of ['jobs', 'attempts', 'runs', 'cells', 'run_events', 'tasks', 'gates'])
      expect(await refusal(`SELECT * FROM ${view}`)).toBe('allowed');
    const { rows } = await postgres.database.query<{ name: string }>(
      `SELECT nspname || '.' || relname AS name FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
        WHERE relkind IN ('r', 'p', 'v', 'm') AND nspname NOT IN ('pg_catalog', 'information_schema', 'charter')
          AND (has_table_privilege('beacon_charter', pg_class.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE')
               OR has_any_column_privilege('beacon_charter', pg_class.oid, 'SELECT'))`,
    );
    expect(rows).toEqual([]);
  });

  it('has no view with a column for what is not to be told', async () => {
    const { rows } = await postgres.database.query<{ view: string; name: string }>(
      `SELECT table_name AS view, column_name AS name FROM information_schema.columns WHERE table_schema = 'charter'`,
    );
    expect(rows.length).toBeGreaterThan(80);
    const told = rows.filter(({ name }) =>
      /cost|usd|price|margin|markup|provider|endpoint|gpu|workspace|detail|http_status|url|salt|key_id|_hash$|spec_/.test(
        name,
      ),
    );
    expect(told).toEqual([]);
  });

  it('sees plans and events without money and endpoints', async () => {
    await postgres.database.query(
      `INSERT INTO runs (id, name, cell_order, requested_order, spec, plan, total_cells)
       VALUES ($1, 'r', 'pipeline', 'auto', $2, $3, 1)`,
      [
        '00000000-0000-4000-8000-000000000001',
        JSON.stringify({ pairs: [], webhook_url: 'https://MARKER', repeats: 1 }),
        JSON.stringify({
          order: 'pipeline',
          cells_per_endpoint: { MARKER: 1 },
          estimated_cost_usd: 4242,
          orders: [{ order: 'pipeline', cost_usd: 4242, unpriced_gpus: ['MARKER'], makespan_s: 3 }],
        }),
      ],
    );
    await postgres.database.query(
      `INSERT INTO run_events (run_id, type, data) VALUES ($1, 'run.budget_reached', '{"spent_usd": 4242, "spent_gpu_seconds": 7}')`,
      ['00000000-0000-4000-8000-000000000001'],
    );
    const runs = await charter.query('SELECT * FROM runs');
    const events = await charter.query('SELECT * FROM run_events');
    const seen = JSON.stringify([runs.rows, events.rows]);
    expect(seen).not.toMatch(/MARKER|4242/);
    expect(runs.rows[0]).toMatchObject({
      spec: { has_webhook: true },
      plan: { orders: [{ order: 'pipeline', makespan_s: 3 }] },
    });
    expect(events.rows[0]).toMatchObject({ data: { spent_gpu_seconds: 7 } });
  });
});

describe('making the role', () => {
  const url = (database: string, user?: string): string => {
    const changed = new URL(postgres.url);
    changed.pathname = `/${database}`;
    if (user !== undefined) {
      changed.username = user;
      changed.password = user;
    }
    return changed.href;
  };
  const dropRole = async (databases: readonly string[]): Promise<void> => {
    for (const name of databases) {
      const database = await Database.open(url(name), OPTIONS);
      await database.query('DROP OWNED BY beacon_charter');
      await database.close();
    }
    await postgres.database.query('DROP ROLE beacon_charter');
  };
  const migrated = async (name: string, user?: string): Promise<void> => {
    const database = await Database.open(url(name, user), OPTIONS);
    try {
      await database.migrate();
    } finally {
      await database.close();
    }
  };

  it('succeeds where several databases of one cluster are migrated at once', async () => {
    await postgres.database.query("CREATE ROLE maker LOGIN CREATEROLE PASSWORD 'maker'");
    const names = ['one', 'two', 'three'];
    for (const name of names) await postgres.database.query(`CREATE DATABASE ${name} OWNER maker`);
    await dropRole([new URL(postgres.url).pathname.slice(1)]);
    await Promise.all(names.map((name) => migrated(name, 'maker')));
    for (const name of names) {
      const opened = await CharterDatabase.open(url(name, 'maker'), OPTIONS);
      expect((await opened.query('SELECT current_user AS user')).rows).toEqual([{ user: 'beacon_charter' }]);
      await opened.close();
    }
    await dropRole(names);
  });

  it('says what to grant where it is not allowed, and goes on once that is done', async () => {
    await postgres.database.query("CREATE ROLE plain LOGIN PASSWORD 'plain'");
    await postgres.database.query('CREATE DATABASE managed OWNER plain');
    const printed = jest.spyOn(console, 'log').mockImplementation(() => undefined);
    await expect(migrated('managed', 'plain')).rejects.toThrow(
      'CREATE ROLE beacon_charter NOLOGIN; GRANT beacon_charter TO plain',
    );
    await postgres.database.query('CREATE ROLE beacon_charter NOLOGIN');
    await expect(migrated('managed', 'plain')).rejects.toThrow('GRANT beacon_charter TO plain');
    // Not by a library, past the log: the error is told once, by whoever migrates.
    expect(printed).not.toHaveBeenCalled();
    printed.mockRestore();
    await postgres.database.query('GRANT beacon_charter TO plain');
    await migrated('managed', 'plain');
    await (await CharterDatabase.open(url('managed', 'plain'), OPTIONS)).close();
    await postgres.database.query('REVOKE beacon_charter FROM plain');
    await expect(CharterDatabase.open(url('managed', 'plain'), OPTIONS)).rejects.toThrow(
      'GRANT beacon_charter TO',
    );
  });
});
