import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { readEndedLines } from '#persistence';
import { startTestDatabase, type TestDatabase } from '#testing';

let postgres: TestDatabase;
beforeAll(async () => {
  postgres = await startTestDatabase();
});
afterAll(() => postgres.close());

/** A page is read from the input file in one piece, so what lies between its lines is in memory, too. */
it('results are written by pages that span no more of the input file than they may, blank lines included', async () => {
  const { database } = postgres;
  const id = randomUUID();
  await database.query(
    `INSERT INTO batches (id, tenant, key_limits, status, endpoint, input_file_id, completion_window, asks, expires_at)
     VALUES ($1, 'local', '{}', 'finalizing', '/v1/completions', $1, '24h', '{}', clock_timestamp())`,
    [id],
  );
  // Three lines, a gap, and one that alone is more than a page.
  await database.query(
    `INSERT INTO batch_lines (batch_id, line_no, at_byte, bytes, custom_id, outcome)
     SELECT $1, line_no, at_byte, bytes, line_no::text, 'expired'
       FROM unnest(ARRAY[1, 2, 3000, 3001], ARRAY[0, 40, 1000, 1040], ARRAY[40, 40, 40, 900])
         AS line (line_no, at_byte, bytes)`,
    [id],
  );
  const pages: number[][] = [];
  for (let after = 0; ;) {
    const lines = await readEndedLines(database, id, after, 100, 500);
    if (lines.length === 0) break;
    pages.push(lines.map(({ lineNo }) => lineNo));
    after = pages.at(-1)!.at(-1)!;
  }
  expect(pages).toEqual([[1, 2], [3000], [3001]]);
});
