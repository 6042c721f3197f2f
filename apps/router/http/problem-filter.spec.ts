import type { ArgumentsHost } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createLogger } from '#observability';
import { startTestDatabase, type TestDatabase } from '#testing';
import { ProblemFilter } from './problem-filter.js';
import { RouteTable } from './route-table.js';

let postgres: TestDatabase;
beforeAll(async () => {
  postgres = await startTestDatabase();
});
afterAll(() => postgres.close());

/** What a client is told of a fault, and what the log says of it. */
async function told(error: unknown): Promise<{ body: Record<string, unknown>; lines: readonly string[] }> {
  const lines: string[] = [];
  const filter = new ProblemFilter(
    createLogger('router', 'info', { write: (line) => lines.push(line) }),
    new RouteTable(),
  );
  let sent = '';
  const reply = {
    sent: false,
    header: () => reply,
    status: () => reply,
    send: (text: string) => (sent = text),
  };
  const request = {
    ...{
      method: 'GET',
      url: '/dead-letters?cursor=my-secret',
      id: 'request-1',
      server: { initialConfig: {} },
    },
    routeOptions: { url: '/dead-letters' },
  };
  await filter.catch(error, {
    switchToHttp: () => ({ getRequest: () => request, getResponse: () => reply }),
  } as unknown as ArgumentsHost);
  return { body: JSON.parse(sent) as Record<string, unknown>, lines };
}
const faultOf = (sql: string, ...values: unknown[]): Promise<unknown> =>
  postgres.database.query(sql, values).then(
    () => {
      throw new Error('the statement was taken');
    },
    (error: unknown) => error,
  );

describe('a value that the database does not take', () => {
  it.each([
    ['a UUID that is none', '22P02', `SELECT $1::text::uuid`, 'my-secret'],
    ['a number out of range', '22003', `SELECT $1::bigint::integer`, '98765432109'],
    ['U+0000', '22021', `SELECT $1::text`, 'my-secret\u0000'],
  ])(
    "is the caller's fault, and logged with route and code, without the value: %s",
    async (_title, state, sql, value) => {
      const { body, lines } = await told(await faultOf(sql, value));
      expect(body).toMatchObject({ status: 400, code: 'VALIDATION_FAILED', instance: '/dead-letters' });
      expect(lines).toHaveLength(1);
      expect(JSON.parse(lines[0]!)).toEqual({
        ...{ level: 'warn', service: 'router', pid: process.pid, time: expect.any(String) },
        ...{ event: 'http.unstorable', sql_state: state, method: 'GET', route: '/dead-letters' },
        ...{ request_id: 'request-1', msg: 'the database did not take a value of a request' },
      });
      expect(lines[0]).not.toContain(value.slice(0, 9));
      expect(JSON.stringify(body)).not.toContain(value.slice(0, 9));
    },
  );

  it("is told from a fault of the statement, which is Beacon's", async () => {
    const { body, lines } = await told(await faultOf(`SELECT * FROM no_such_table`));
    expect(body).toMatchObject({ status: 500, code: 'INTERNAL_ERROR' });
    expect(lines.map((line) => (JSON.parse(line) as { event: string }).event)).toEqual(['http.failed']);
  });
});
