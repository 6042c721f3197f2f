import { createHash, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import OpenAI, { toFile } from 'openai';
import type { Batch } from 'openai/resources/batches';
import { deploymentOf, startBeacon, until, type Beacon } from '#testing';

const FILES_MAX = 200;
const ENDED = ['completed', 'failed', 'expired', 'cancelled'];

/** The times that its statuses have set, in their order. */
const timesOf = (batch: Batch): string[] => {
  const times = Object.entries(batch).flatMap(([name, at]) =>
    name.endsWith('_at') && !['created_at', 'expires_at'].includes(name) && at !== null
      ? [[name, Number(at)] as const]
      : [],
  );
  for (const [, at] of times) expect(at).toBeGreaterThanOrEqual(batch.created_at);
  return times.toSorted(([, left], [, right]) => left - right).map(([name]) => name);
};

interface Result {
  readonly id: string;
  readonly custom_id: string;
  readonly response: { status_code: number; request_id: string; body: Record<string, unknown> } | null;
  readonly error: { code: string; message: string } | null;
}

const lineOf = (customId: string, content: string, model = 'm', more: object = {}): string =>
  JSON.stringify({
    ...{ custom_id: customId, method: 'POST', url: '/v1/chat/completions' },
    body: { model, messages: [{ role: 'user', content }], ...more },
  });

describe('files and batches', () => {
  let beacon: Beacon;
  let one: OpenAI;
  let other: OpenAI;

  const clientOf = (apiKey: string, url = beacon.url): OpenAI =>
    new OpenAI({ apiKey, baseURL: `${url}/v1`, maxRetries: 0 });

  beforeAll(async () => {
    beacon = await startBeacon({
      configuration: deploymentOf(
        {
          m: [{ region: 'US', concurrency: 16 }],
          many: [{ region: 'US', concurrency: 64 }],
          slow: [{ region: 'EU', concurrency: 4 }],
          stuck: [{ region: 'EU', concurrency: 4 }],
          late: [{ region: 'ASIA', concurrency: 4 }],
          bad: ['US'],
        },
        {
          limits: {
            ...{ endpoints: 6, gpus: 6, file_bytes: 2_000_000, file_bytes_per_tenant: 5_000_000 },
            files_per_tenant: FILES_MAX,
            ...{ body_bytes: 100_000, batch_lines: 600, batch_jobs_at_once: 64 },
          },
          retention: { sweep_interval_s: 0.2 },
        },
      ),
      keys: {
        one: { tenant: 'one', roles: ['submit'] },
        other: { tenant: 'other', roles: ['submit'] },
        small: { tenant: 'small', roles: ['submit'], limits: { queued_jobs: 5, priorities: ['normal'] } },
        counted: { tenant: 'counted', roles: ['submit'] },
        admin: { tenant: 'ops', roles: ['admin'] },
      },
    });
    one = clientOf('one');
    other = clientOf('other');
  });
  afterAll(() => beacon.stop());

  const upload = async (lines: readonly string[], client = one): Promise<string> => {
    const file = await toFile(Buffer.from(`${lines.join('\n')}\n`), 'questions.jsonl');
    return (await client.files.create({ file, purpose: 'batch' })).id;
  };
  const batchOf = async (lines: readonly string[], client = one, window = '24h'): Promise<Batch> =>
    client.batches.create({
      input_file_id: await upload(lines, client),
      endpoint: '/v1/chat/completions',
      completion_window: window as '24h',
    });
  const untilStatus = (id: string, statuses: readonly string[], client = one): Promise<Batch> =>
    until(`batch is ${statuses.join(' or ')}`, async () => {
      const batch = await client.batches.retrieve(id);
      if (!statuses.includes(batch.status)) throw new Error(`it reads ${JSON.stringify(batch)}`);
      return batch;
    });
  const resultsOf = async (fileId: string | null | undefined, client = one): Promise<Result[]> => {
    if (fileId === null || fileId === undefined) return [];
    const text = await (await client.files.content(fileId)).text();
    return text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Result);
  };

  describe('a file', () => {
    it('comes back as it was uploaded, whatever it holds, and in whichever order its form comes', async () => {
      const content = Buffer.alloc(1_200_000);
      for (let at = 0; at < content.length; at += 32)
        createHash('sha256').update(String(at)).digest().copy(content, at);
      const file = await one.files.create({
        purpose: 'user_data',
        file: await toFile(content, 'bytes ü.bin'),
        expires_after: { anchor: 'created_at', seconds: 7200 },
      });
      expect(file).toMatchObject({
        object: 'file',
        bytes: content.length,
        purpose: 'user_data',
        filename: 'bytes ü.bin',
      });
      expect(file.expires_at! - file.created_at).toBe(7200);
      expect(await one.files.retrieve(file.id)).toEqual(file);
      const back = Buffer.from(await (await one.files.content(file.id)).arrayBuffer());
      expect(back.equals(content)).toBe(true);
      const form = new FormData();
      form.append('file', new Blob(['x']), 'late.txt');
      form.append('purpose', 'batch');
      const late = await beacon.client.as('one').request('/v1/files', await formOf(form));
      expect(late).toMatchObject({ status: 200, body: { filename: 'late.txt', bytes: 1, purpose: 'batch' } });
      expect(await one.files.delete(file.id)).toEqual({ id: file.id, object: 'file', deleted: true });
      await expect(one.files.retrieve(file.id)).rejects.toMatchObject({ status: 404 });
    });

    it('is listed by pages, in either order, by its purpose', async () => {
      const lister = clientOf('other');
      const ids: string[] = [];
      for (let index = 0; index < 5; index += 1) {
        const file = await toFile(Buffer.from(String(index)), `${index}.txt`);
        ids.push((await lister.files.create({ file, purpose: index === 2 ? 'evals' : 'user_data' })).id);
      }
      const all: string[] = [];
      for await (const { id } of lister.files.list({ limit: 2 })) all.push(id);
      expect(all).toEqual(ids.toReversed());
      const { body: ascending } = await beacon.client
        .as('other')
        .request<{ data: { id: string }[] }>('/v1/files?order=asc&limit=3');
      expect(ascending.data.map(({ id }) => id)).toEqual(ids.slice(0, 3));
      expect(ascending).toMatchObject({ object: 'list', has_more: true, first_id: ids[0], last_id: ids[2] });
      expect((await lister.files.list({ purpose: 'evals' })).data.map(({ id }) => id)).toEqual([ids[2]]);
      await expect(lister.files.list({ after: 'file-none' })).rejects.toMatchObject({ status: 400 });
    });

    it.each<[string, (form: FormData) => void, number, string]>([
      ['has no purpose', (form) => form.append('file', new Blob(['x']), 'f'), 400, 'purpose'],
      ['has no content', (form) => form.append('purpose', 'batch'), 400, 'file'],
      [
        'has an unknown field',
        (form) => {
          form.append('purpose', 'batch');
          form.append('colour', 'red');
          form.append('file', new Blob(['x']), 'f');
        },
        400,
        'colour',
      ],
      [
        'is two files',
        (form) => {
          form.append('purpose', 'batch');
          form.append('file', new Blob(['x']), 'f');
          form.append('file', new Blob(['y']), 'g');
        },
        400,
        'file',
      ],
      [
        'would expire at once',
        (form) => {
          form.append('purpose', 'batch');
          form.append('expires_after[anchor]', 'created_at');
          form.append('expires_after[seconds]', '5');
          form.append('file', new Blob(['x']), 'f');
        },
        400,
        'expires_after',
      ],
      [
        'is too large',
        (form) => {
          form.append('purpose', 'batch');
          form.append('file', new Blob([Buffer.alloc(2_000_001)]), 'f');
        },
        413,
        'limits.file_bytes',
      ],
    ])('that %s is refused, and nothing of it is kept', async (_what, fill, status, named) => {
      const form = new FormData();
      fill(form);
      const reply = await beacon.client.as('one').request('/v1/files', await formOf(form));
      expect({ status: reply.status, text: JSON.stringify(reply.body) }).toEqual({
        status,
        text: expect.stringContaining(named) as unknown,
      });
      await until('it is gone', async () => {
        const { rows } = await beacon.database.query(`SELECT id FROM files WHERE state = 'uploading'`);
        if (rows.length > 0) throw new Error('half a file is there');
        return true;
      });
    });

    it('is kept out once the files of its tenant take all they may', async () => {
      const hoarder = clientOf('admin');
      const file = () => toFile(Buffer.alloc(1_900_000), 'zeros');
      await hoarder.files.create({ file: await file(), purpose: 'user_data' });
      const second = await hoarder.files.create({ file: await file(), purpose: 'user_data' });
      await expect(hoarder.files.create({ file: await file(), purpose: 'user_data' })).rejects.toMatchObject({
        status: 413,
      });
      await hoarder.files.delete(second.id);
      await hoarder.files.create({ file: await file(), purpose: 'user_data' });
    });

    it('is kept out once its tenant has as many as it may, however many come at once, until some expire', async () => {
      const counted = clientOf('counted');
      const file = () => toFile(Buffer.from(lineOf('x', 'counted')), 'small');
      const fill = (files: number) =>
        beacon.database.query(
          `INSERT INTO files (id, tenant, purpose, filename, state)
           SELECT gen_random_uuid(), 'counted', 'user_data', 'filled', 'stored' FROM generate_series(1, $1)`,
          [files],
        );
      const input = await counted.files.create({ file: await file(), purpose: 'batch' });
      await fill(FILES_MAX - 2);
      // They are let go together, so that none can see another's.
      const tries = await beacon.database.transaction(async (client) => {
        await client.query('LOCK TABLE files IN SHARE MODE');
        const settled = Promise.allSettled(
          Array.from({ length: 5 }, async () =>
            counted.files.create({ file: await file(), purpose: 'user_data' }),
          ),
        );
        await until('all of them are about to be counted', async () => {
          // One of the others, which sweeps, may wait for the table, too.
          const { rows } = await client.query(
            `SELECT FROM pg_locks WHERE NOT granted AND (locktype = 'advisory' OR relation = 'files'::regclass)`,
          );
          return rows.length >= 5;
        });
        return { settled };
      });
      const refusals = (await tries.settled).flatMap((each) =>
        each.status === 'rejected' ? [each.reason as { status: number; code: string; message: string }] : [],
      );
      expect(refusals).toHaveLength(4);
      for (const { status, code, message } of refusals) {
        expect({ status, code }).toEqual({ status: 413, code: 'FILE_STORAGE_FULL' });
        expect(message).toContain(`a tenant may have ${FILES_MAX} files (limits.files_per_tenant)`);
      }
      // What is uploaded may be asked; what batches write beyond the room is kept, and then no other is begun.
      const asked = { input_file_id: input.id, endpoint: '/v1/chat/completions' as const };
      const made = await counted.batches.create({ ...asked, completion_window: '24h' });
      const batch = await untilStatus(made.id, ENDED, counted);
      expect(batch.status).toBe('completed');
      await expect(counted.batches.create({ ...asked, completion_window: '24h' })).rejects.toMatchObject({
        status: 413,
        error: { code: 'FILE_STORAGE_FULL', param: 'input_file_id' },
      });
      await beacon.database.query(
        `UPDATE files SET expires_at = clock_timestamp() WHERE id = ANY (ARRAY(
           SELECT id FROM files WHERE tenant = 'counted' AND filename = 'filled' LIMIT 2))`,
      );
      await counted.files.create({ file: await file(), purpose: 'user_data' });
    });

    it('that breaks off in the middle is not seen, and a form is taken nowhere else', async () => {
      const abort = new AbortController();
      const body = new ReadableStream({
        start: (controller) => {
          controller.enqueue(
            Buffer.from(
              `--b\r\ncontent-disposition: form-data; name="file"; filename="half"\r\n\r\n${'x'.repeat(400_000)}`,
            ),
          );
        },
      });
      const sent = fetch(`${beacon.url}/v1/files`, {
        ...{ method: 'POST', body, duplex: 'half', signal: abort.signal },
        headers: { authorization: 'Bearer one', 'content-type': 'multipart/form-data; boundary=b' },
      });
      const half = async (): Promise<number> => {
        const { rows } = await beacon.database.query<{ n: number }>(
          `SELECT count(*)::integer AS n FROM file_chunks JOIN files ON files.id = file_id WHERE state = 'uploading'`,
        );
        return rows[0]!.n;
      };
      await until('a chunk is stored', async () => {
        if ((await half()) === 0) throw new Error('none yet');
        return true;
      });
      expect((await one.files.list()).data.map(({ filename }) => filename)).not.toContain('half');
      abort.abort();
      await expect(sent).rejects.toThrow();
      await until('what came is dropped', async () => {
        if ((await half()) > 0) throw new Error('it is there');
        return true;
      });
      const form = new FormData();
      form.append('model', 'm');
      const elsewhere = await beacon.client.as('one').request('/inference/queued', await formOf(form));
      expect(elsewhere).toMatchObject({ status: 415, body: { code: 'UNSUPPORTED_MEDIA_TYPE' } });
    });
  });

  it('answers every line once, in the order of the input, and says who served it', async () => {
    const lines = Array.from({ length: 300 }, (_, index) => lineOf(`id-${index}`, `happy ${index}`, 'many'));
    // A blank line and a region in the name are taken.
    lines.splice(100, 0, '', lineOf('pinned', 'happy pinned', 'many@us'));
    const made = await batchOf(lines);
    expect(made).toMatchObject({
      ...{
        object: 'batch',
        endpoint: '/v1/chat/completions',
        completion_window: '24h',
        status: 'validating',
      },
      ...{ output_file_id: null, error_file_id: null, errors: null, metadata: null },
    });
    expect(made.expires_at! - made.created_at).toBe(86_400);
    const batch = await untilStatus(made.id, ENDED);
    expect(batch).toMatchObject({
      status: 'completed',
      error_file_id: null,
      request_counts: { total: 301, completed: 301, failed: 0 },
      usage: { output_tokens: 903, total_tokens: 903 },
    });
    expect(timesOf(batch)).toEqual(['in_progress_at', 'finalizing_at', 'completed_at']);
    expect(batch.model).toBeUndefined();
    const output = await one.files.retrieve(batch.output_file_id!);
    expect(output).toMatchObject({ purpose: 'batch_output', filename: `${batch.id}_output.jsonl` });
    const results = await resultsOf(batch.output_file_id);
    expect(results.map(({ custom_id: id }) => id)).toEqual(
      lines.flatMap((line) => (line === '' ? [] : [(JSON.parse(line) as { custom_id: string }).custom_id])),
    );
    expect(results[0]).toMatchObject({
      error: null,
      response: {
        status_code: 200,
        body: { object: 'chat.completion', choices: [{ message: { content: 'answer to happy 0' } }] },
      },
    });
    expect(
      beacon.upstream.callsOf('US/many').filter(({ prompt }) => String(prompt).startsWith('happy')),
    ).toHaveLength(301);
    const job = await beacon.client.as('one').job(results[0]!.response!.request_id);
    expect(job).toMatchObject({ status: 'completed', metadata: { batch_id: batch.id, batch_line: '1' } });
    const { rows } = await beacon.database.query<{ priority: string; tenant: string; key_id: string }>(
      'SELECT DISTINCT priority, tenant, key_id FROM jobs WHERE id = $1',
      [job.job_id],
    );
    expect(rows).toEqual([{ priority: 'low', tenant: 'one', key_id: 'one' }]);
  });

  it('is read with a byte order mark, whichever line ends it has, and without one after its last line', async () => {
    const [first, last] = [lineOf('first', 'marked'), lineOf('last', 'marked')];
    const file = await one.files.create({
      purpose: 'batch',
      file: await toFile(Buffer.from(`\ufeff${first}\r\n\r\n \t\r\n${last}`), 'dos.jsonl'),
    });
    const asked = { input_file_id: file.id, endpoint: '/v1/chat/completions' as const };
    const made = await one.batches.create({ ...asked, completion_window: '24h' });
    const batch = await untilStatus(made.id, ENDED);
    expect(batch).toMatchObject({
      status: 'completed',
      request_counts: { total: 2, completed: 2 },
      model: 'm',
    });
    const results = await resultsOf(batch.output_file_id);
    expect(results.map(({ custom_id: id }) => id)).toEqual(['first', 'last']);
    for (const content of ['', '\ufeff', '\ufeff\r\n \r\n']) {
      const { id } = await one.files.create({
        purpose: 'batch',
        file: await toFile(Buffer.from(content), 'e'),
      });
      const empty = await one.batches.create({ ...asked, input_file_id: id, completion_window: '24h' });
      expect(await untilStatus(empty.id, ENDED)).toMatchObject({
        ...{ status: 'failed', errors: { data: [{ code: 'empty_file', line: null, param: null }] } },
      });
    }
  });

  it('is refused with what it may not be asked with, by its name and its limit', async () => {
    const input = await upload([lineOf('x', 'refused')]);
    const words = (length: number) => 'k'.repeat(length);
    const pairs = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, key) => [key, 'v']));
    const ask = async (more: object) => {
      const { status, body } = await beacon.client
        .as('one')
        .request<{ error: { param: string | null; message: string; code: string } }>('/v1/batches', {
          json: {
            ...{ input_file_id: input, endpoint: '/v1/chat/completions', completion_window: '24h' },
            ...more,
          },
        });
      return { status, ...body.error };
    };
    for (const [more, param, limit] of [
      [{ metadata: pairs(17) }, 'metadata', '16'],
      [{ metadata: { [words(65)]: 'v' } }, `metadata.${words(65)}`, '64'],
      [{ metadata: { k: words(513) } }, 'metadata.k', '512'],
      [{ metadata: { k: 'a\u0000' } }, 'metadata.k', 'U+0000'],
      [{ metadata: { k: 7 } }, 'metadata.k', 'must be text, not a number'],
      [{ endpoint: '/v1/embeddings' }, 'endpoint', '/v1/completions'],
      [{ completion_window: '8d' }, 'completion_window', '7d'],
      [
        { output_expires_after: { anchor: 'created_at', seconds: 3599 } },
        'output_expires_after.seconds',
        '3600',
      ],
      [{ input_file_id: undefined }, 'input_file_id', 'is missing'],
    ] as const) {
      const refused = await ask(more);
      expect(refused).toMatchObject({ status: 400, code: 'VALIDATION_FAILED', param });
      expect(refused.message).toContain(limit);
    }
    const none = `file-${words(32)}`;
    expect(await ask({ input_file_id: none })).toMatchObject({
      ...{ status: 404, code: 'FILE_NOT_FOUND', param: 'input_file_id' },
    });
    const largest = { ...pairs(15), [words(64)]: words(512) };
    const made = await one.batches.create({
      ...{
        input_file_id: input,
        endpoint: '/v1/chat/completions',
        completion_window: '24h',
        metadata: largest,
      },
    });
    expect(made.metadata).toEqual(largest);
    await untilStatus(made.id, ENDED);
    for (const path of [
      '/v1/batches?limit=0',
      '/v1/batches?limit=101',
      '/v1/files?limit=10001',
      '/v1/files?order=up',
    ])
      expect(await beacon.client.as('one').request(path)).toMatchObject({ status: 400 });
  });

  it('is made once for each idempotency key, and not for another request with the same', async () => {
    const file = await upload([lineOf('x', 'keyed')]);
    const ask = (key: string, window: string) =>
      beacon.client.as('one').request<Batch>('/v1/batches', {
        json: { input_file_id: file, endpoint: '/v1/chat/completions', completion_window: window },
        headers: { 'idempotency-key': key },
      });
    expect(await ask('no key', '24h')).toMatchObject({
      ...{ status: 400, body: { error: { param: 'Idempotency-Key' } } },
    });
    const made = await Promise.all([ask('key', '24h'), ask('key', '24h'), ask('other-key', '24h')]);
    expect(made.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(made[0].body.id).toBe(made[1].body.id);
    expect(made[0].body.id).not.toBe(made[2].body.id);
    expect(await ask('key', '23h')).toMatchObject({
      ...{ status: 409, body: { error: { code: 'IDEMPOTENCY_KEY_REUSED' } } },
    });
    for (const { body } of made) await untilStatus(body.id, ENDED);
    expect((await ask('key', '24h')).body).toMatchObject({ id: made[0].body.id, status: 'completed' });
  });

  it('is made once where its client was told nothing and asks again, and anew where it was told', async () => {
    const json = {
      ...{ input_file_id: await upload([lineOf('x', 'told')]), endpoint: '/v1/chat/completions' },
      completion_window: '24h',
    };
    const retry = () =>
      beacon.client.as('one').request<Batch>('/v1/batches', {
        ...{ json, headers: { 'x-stainless-retry-count': '1' } },
      });
    let again: ReturnType<typeof retry> | undefined;
    await beacon.database.transaction(async (client) => {
      await client.query(`SELECT pg_advisory_xact_lock(hashtextextended('batches of one', 0))`);
      const leaving = new AbortController();
      const lost = fetch(`${beacon.url}/v1/batches`, {
        ...{ method: 'POST', body: JSON.stringify(json), signal: leaving.signal },
        headers: { authorization: 'Bearer one', 'content-type': 'application/json' },
      });
      await until('it is being made', async () => {
        const { rows } = await client.query(
          `SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted`,
        );
        return rows.length > 0;
      });
      leaving.abort();
      await expect(lost).rejects.toThrow();
      again = retry();
    });
    const { status, body } = await again!;
    expect(status).toBe(200);
    const made = async (): Promise<string[]> => {
      const { data } = await one.batches.list({ limit: 100 });
      return data.filter(({ input_file_id: input }) => input === json.input_file_id).map(({ id }) => id);
    };
    expect(await made()).toEqual([body.id]);
    expect((await retry()).body.id).not.toBe(body.id);
    expect(await made()).toHaveLength(2);
    for (const id of await made()) await untilStatus(id, ENDED);
  });

  it('says which lines are wrong and why, and asks none of them', async () => {
    const calls = beacon.upstream.calls.length;
    const batch = await batchOf([
      lineOf('a', 'x'),
      '{"custom_id": "b", "method"',
      lineOf('a', 'again'),
      lineOf('c', 'x', 'nothing-like-it'),
      lineOf('d', 'x', 'm', { temperature: 9 }),
      lineOf('e', 'x', 'm', { stream: true }),
      JSON.stringify({ custom_id: 'f', method: 'POST', url: '/v1/embeddings', body: {} }),
      lineOf('a', 'third'),
      lineOf('g', 'x'.repeat(100_001)),
      // What is said of these would quote what Postgres does not store, or a whole body.
      lineOf('h', 'x', 'm', { ['\u0000\ud800']: 1 }),
      lineOf('i', 'x', 'm', { ['k'.repeat(50_000)]: 1 }),
      lineOf('j', 'x', 'm@mars'),
    ]);
    const failed = await untilStatus(batch.id, ENDED);
    expect(failed).toMatchObject({ status: 'failed', output_file_id: null, error_file_id: null });
    expect(timesOf(failed)).toEqual(['failed_at']);
    expect(failed).toMatchObject({
      request_counts: { total: 0, completed: 0, failed: 0 },
      errors: { object: 'list' },
    });
    expect(failed.errors?.data?.map(({ line, code, param }) => [line, code, param])).toEqual([
      [2, 'invalid_json_line', null],
      [3, 'duplicate_custom_id', 'custom_id'],
      [4, 'model_not_found', 'body.model'],
      [5, 'invalid_request', 'body.temperature'],
      [6, 'invalid_request', 'body.stream'],
      [7, 'mismatched_endpoint', 'url'],
      [8, 'duplicate_custom_id', 'custom_id'],
      [9, 'line_too_long', null],
      [10, 'invalid_request', 'body.\ufffd\ufffd'],
      [11, 'invalid_request', expect.stringMatching(/^body\.k{400,}…$/)],
      [12, 'model_not_found', 'body.model'],
    ]);
    expect(failed.errors?.data?.at(-1)?.message).toContain('"mars" is no region of this server');
    expect(JSON.stringify(failed.errors).length).toBeLessThan(5000);
    expect(failed.errors?.data?.[1]?.message).toContain('line 1');
    expect(beacon.upstream.calls.length).toBe(calls);
    const empty = await untilStatus((await batchOf([''])).id, ENDED);
    expect(empty).toMatchObject({ status: 'failed', errors: { data: [{ code: 'empty_file', line: null }] } });
    const long = Array.from({ length: 601 }, (_, index) => lineOf(`l-${index}`, 'x'));
    expect(await untilStatus((await batchOf(long)).id, ENDED)).toMatchObject({
      ...{ status: 'failed', errors: { data: [{ code: 'too_many_tasks' }] } },
    });
  });

  it('does not read completed where every line failed, and says why for each', async () => {
    beacon.upstream.from('US/bad', (call) => call.respond(200, { status: 'error', error: 'secret words' }));
    const lines = ['a', 'b', 'c'].map((id) => lineOf(id, `fails ${id}`, 'bad'));
    const batch = await untilStatus((await batchOf(lines)).id, ENDED);
    expect(batch).toMatchObject({
      ...{ status: 'failed', output_file_id: null, request_counts: { total: 3, completed: 0, failed: 3 } },
      errors: { data: [{ code: 'all_requests_failed', line: null }] },
    });
    expect(timesOf(batch)).toEqual(['in_progress_at', 'finalizing_at', 'failed_at']);
    const errors = await resultsOf(batch.error_file_id);
    expect(errors.map(({ custom_id: id }) => id)).toEqual(['a', 'b', 'c']);
    expect(errors[0]).toMatchObject({
      error: null,
      response: { status_code: 424, body: { error: { code: 'MODEL_ERROR', type: 'job_failed' } } },
    });
    // A file has one face: what the upstream said is in it for nobody.
    expect(JSON.stringify(errors)).not.toContain('secret words');
    // One good line among them makes it complete, with both files.
    const mixed = await untilStatus((await batchOf([...lines, lineOf('d', 'good d')])).id, ENDED);
    expect(mixed).toMatchObject({ status: 'completed', errors: null });
    expect((await resultsOf(mixed.output_file_id)).map(({ custom_id: id }) => id)).toEqual(['d']);
    expect((await resultsOf(mixed.error_file_id)).map(({ custom_id: id }) => id)).toEqual(['a', 'b', 'c']);
  });

  it('keeps what was answered when it is cancelled, and ends the calls upstream', async () => {
    let calls = 0;
    beacon.upstream.from('EU/slow', (call) => ((calls += 1) <= 3 ? call.answer() : undefined));
    const lines = Array.from({ length: 200 }, (_, index) => lineOf(`c-${index}`, `slow ${index}`, 'slow'));
    const { id, input_file_id: input } = await batchOf(lines);
    await until('three are answered and others hang', async () => {
      const { request_counts: counts } = await one.batches.retrieve(id);
      const hanging = beacon.upstream.callsOf('EU/slow').slice(3);
      if (counts?.completed !== 3 || hanging.length === 0) throw new Error(JSON.stringify(counts));
      return true;
    });
    await expect(one.files.delete(input)).rejects.toMatchObject({ status: 409, param: 'file_id' });
    expect((await one.batches.cancel(id)).status).toBe('cancelling');
    expect(['cancelling', 'cancelled']).toContain(
      (await one.batches.cancel(id).catch(() => ({ status: 'cancelled' }))).status,
    );
    const batch = await untilStatus(id, ENDED);
    expect(batch).toMatchObject({
      status: 'cancelled',
      request_counts: { total: 200, completed: 3, failed: 0 },
    });
    expect(timesOf(batch)).toEqual(['in_progress_at', 'cancelling_at', 'cancelled_at']);
    expect(await resultsOf(batch.output_file_id)).toHaveLength(3);
    const errors = await resultsOf(batch.error_file_id);
    expect(new Set(errors.map(({ error }) => error?.code))).toEqual(new Set(['batch_cancelled']));
    expect(errors).toHaveLength(197);
    const hanging = beacon.upstream.callsOf('EU/slow').slice(3);
    await until('they were hung up on', () => hanging.every((call) => call.hungUp) || undefined);
    const { rows } = await beacon.database.query('SELECT FROM batch_lines');
    expect(rows).toHaveLength(0);
    await expect(one.batches.cancel(id)).rejects.toMatchObject({ status: 409, param: 'batch_id' });
    await one.files.delete(input);
  });

  it('ends the calls of jobs that its router made and died before it noted them', async () => {
    beacon.upstream.from('EU/slow', () => undefined);
    const before = beacon.upstream.callsOf('EU/slow').length;
    const { id } = await batchOf(['f', 'g'].map((name) => lineOf(name, `forgotten ${name}`, 'slow')));
    const calls = () => beacon.upstream.callsOf('EU/slow').slice(before);
    await until('they are asked', () => calls().length > 0);
    await beacon.database.query(
      `WITH forgotten AS (UPDATE batch_lines SET job_id = NULL WHERE batch_id = $1::uuid)
       UPDATE batches SET status = 'cancelling', cancelling_at = clock_timestamp() WHERE id = $1::uuid`,
      [id.slice('batch_'.length)],
    );
    expect(await untilStatus(id, ENDED)).toMatchObject({ status: 'cancelled' });
    await until('they were hung up on', () => calls().every((call) => call.hungUp));
    const { rows } = await beacon.database.query(
      `SELECT DISTINCT state FROM jobs WHERE metadata->>'batch_id' = $1`,
      [id],
    );
    expect(rows).toEqual([{ state: 'cancelled' }]);
  });

  it.each([
    ['8s', 8],
    ['24h', 86_400],
  ])('has a window of %s where that is asked for', async (window, seconds) => {
    const { id, created_at: from, expires_at: to } = await batchOf([lineOf('w', 'window')], one, window);
    expect(to! - from).toBe(seconds);
    await untilStatus(id, ENDED);
  });

  /** Its jobs' deadlines come of the window: they come with it. */
  const passWindow = async (id: string): Promise<void> => {
    const uuid = id.slice('batch_'.length);
    const { rows } = await beacon.database.query(
      `SELECT DISTINCT abs(extract(epoch FROM deadline - expires_at)) < 0.001 AS same
         FROM jobs, batches WHERE jobs.metadata->>'batch_id' = $1 AND batches.id = $2`,
      [id, uuid],
    );
    expect(rows).toEqual([{ same: true }]);
    // First the batch's, after which no job is made of its lines.
    await beacon.database.query('UPDATE batches SET expires_at = clock_timestamp() WHERE id = $1', [uuid]);
    await beacon.database.query(
      `UPDATE jobs SET deadline = clock_timestamp() WHERE metadata->>'batch_id' = $1`,
      [id],
    );
  };

  it('keeps what was answered when its window passes, and names the lines that were not', async () => {
    let calls = 0;
    beacon.upstream.from('ASIA/late', (call) => ((calls += 1) <= 2 ? call.answer() : undefined));
    const lines = Array.from({ length: 100 }, (_, index) => lineOf(`e-${index}`, `late ${index}`, 'late'));
    const { id } = await batchOf(lines);
    await until('two are answered and others hang', async () => {
      const { request_counts: counts } = await one.batches.retrieve(id);
      if (counts?.completed !== 2 || calls < 4) throw new Error(JSON.stringify({ counts, calls }));
      return true;
    });
    await passWindow(id);
    const batch = await untilStatus(id, ENDED);
    const answered = batch.request_counts!.completed;
    expect(answered).toBe(2);
    expect(batch).toMatchObject({ status: 'expired', request_counts: { total: 100, failed: 0 } });
    expect(batch.expired_at).toBeGreaterThanOrEqual(batch.expires_at!);
    expect(timesOf(batch)).toEqual(['in_progress_at', 'finalizing_at', 'expired_at']);
    expect(await resultsOf(batch.output_file_id)).toHaveLength(answered);
    const errors = await resultsOf(batch.error_file_id);
    expect(errors).toHaveLength(100 - answered);
    expect(errors[0]).toMatchObject({ response: null, error: { code: 'batch_expired' } });
  });

  it('goes on at another router, and nothing is asked or written twice', async () => {
    const pending: (() => void)[] = [];
    let open = false;
    let stopped = false;
    beacon.upstream.from('US/m', (call) => {
      if (open) call.answer();
      else pending.push(() => call.answer());
    });
    const lines = Array.from({ length: 250 }, (_, index) => lineOf(`t-${index}`, `taken ${index}`));
    let another: Awaited<ReturnType<Beacon['startAnotherRouter']>> | undefined;
    try {
      const { id } = await batchOf(lines);
      await until('calls hang', () => pending.length >= 8 || undefined);
      another = await beacon.startAnotherRouter();
      // First the lock is lost while its router lives on: two may drive it for a moment.
      await beacon.database.query(
        `SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND classid = 7310004`,
      );
      open = true;
      for (const answer of pending.splice(0)) answer();
      await until('some are counted', async () => {
        const { request_counts: counts } = await one.batches.retrieve(id);
        if (counts!.completed < 10) throw new Error(JSON.stringify(counts));
        return true;
      });
      // Then the router is gone altogether.
      stopped = true;
      await beacon.stopRouter();
      const second = clientOf('one', another.url);
      const batch = await untilStatus(id, ENDED, second);
      expect(batch).toMatchObject({
        status: 'completed',
        request_counts: { total: 250, completed: 250, failed: 0 },
      });
      const results = await resultsOf(batch.output_file_id, second);
      expect(results.map(({ custom_id: customId }) => customId)).toEqual(
        lines.map((_, index) => `t-${index}`),
      );
      const asked = beacon.upstream
        .callsOf('US/m')
        .map(({ prompt }) => String(prompt))
        .filter((prompt) => prompt.startsWith('taken'));
      expect(asked).toHaveLength(250);
      expect(new Set(asked).size).toBe(250);
      const { rows } = await beacon.database.query(`SELECT FROM files WHERE state = 'uploading'`);
      expect(rows).toHaveLength(0);
      const { rows: outputs } = await beacon.database.query(`SELECT FROM files WHERE filename = $1`, [
        `${batch.id}_output.jsonl`,
      ]);
      expect(outputs).toHaveLength(1);
    } finally {
      open = true;
      for (const answer of pending.splice(0)) answer();
      if (stopped) await beacon.startRouter();
      await another?.stop();
    }
  });

  it('waits for room in the queue of its key, and asks with a priority the key allows', async () => {
    const small = clientOf('small');
    const lines = Array.from({ length: 12 }, (_, index) => lineOf(`s-${index}`, `small ${index}`));
    const batch = await untilStatus((await batchOf(lines, small)).id, ENDED, small);
    expect(batch).toMatchObject({ status: 'completed', request_counts: { total: 12, completed: 12 } });
    const { rows } = await beacon.database.query(`SELECT DISTINCT priority FROM jobs WHERE tenant = 'small'`);
    expect(rows).toEqual([{ priority: 'normal' }]);
  });

  it('belongs to its tenant alone: another finds neither it nor its files, and cannot make one of them', async () => {
    const mine = await untilStatus((await batchOf([lineOf('x', 'mine')])).id, ENDED);
    for (const refused of [
      () => other.batches.retrieve(mine.id),
      () => other.batches.cancel(mine.id),
      () => other.files.retrieve(mine.input_file_id),
      () => other.files.content(mine.output_file_id!),
      () => other.files.delete(mine.output_file_id!),
      () =>
        other.batches.create({
          ...{
            input_file_id: mine.input_file_id,
            endpoint: '/v1/chat/completions',
            completion_window: '24h',
          },
        }),
    ])
      await expect(refused()).rejects.toMatchObject({ status: 404 });
    expect((await other.batches.list()).data).toEqual([]);
    const { body: page } = await beacon.client.as('one').request('/v1/batches?limit=2');
    expect(page).toMatchObject({ object: 'list', has_more: true });
    const all: string[] = [];
    for await (const { id } of one.batches.list({ limit: 2 })) all.push(id);
    expect(all[0]).toBe(mine.id);
    expect(new Set(all).size).toBe(all.length);
  });

  it('is erased with its files and its jobs on request, and its record stays', async () => {
    const secret = `secret ${randomUUID()}`;
    const input = await upload([lineOf('x', secret), '', lineOf('y', secret)]);
    const made = await one.batches.create({
      ...{
        input_file_id: input,
        endpoint: '/v1/chat/completions',
        completion_window: '24h',
        metadata: { who: secret },
      },
    });
    const batch = await untilStatus(made.id, ENDED);
    expect(JSON.stringify(await resultsOf(batch.output_file_id))).toContain(secret);
    const reply = await beacon.client.as('one').request(`/v1/batches/${batch.id}/erase`, { method: 'POST' });
    expect(reply).toMatchObject({ status: 200, body: { id: batch.id, erased: true } });
    const left = await one.batches.retrieve(batch.id);
    expect(left).toMatchObject({
      status: 'completed',
      metadata: null,
      request_counts: { total: 2, completed: 2 },
    });
    await expect(one.files.content(batch.output_file_id!)).rejects.toMatchObject({ status: 404 });
    await expect(one.files.retrieve(input)).rejects.toMatchObject({ status: 404 });
    const { rows } = await beacon.database.query<{ whole: string }>(
      `SELECT jobs::text AS whole FROM jobs WHERE jobs::text LIKE '%' || $1 || '%'
        UNION ALL SELECT batches::text FROM batches WHERE batches::text LIKE '%' || $1 || '%'`,
      [secret],
    );
    expect(rows).toEqual([]);
  });

  it('is erased with what was redriven from its jobs, once that has ended', async () => {
    const secret = `redriven ${randomUUID()}`;
    beacon.upstream.from('US/bad', (call) => call.respond(200, { status: 'error', error: 'words' }));
    const batch = await untilStatus((await batchOf([lineOf('x', secret, 'bad')])).id, ENDED);
    const [line] = await resultsOf(batch.error_file_id);
    const hanging: (() => void)[] = [];
    beacon.upstream.from('US/bad', (call) => hanging.push(() => call.answer()));
    const admin = beacon.client.as('admin');
    const redriven = await admin.request(`/dead-letters/${line!.response!.request_id}/redrive`, { json: {} });
    expect(redriven.status).toBe(202);
    await until('it is asked again', () => hanging.length > 0);
    const erase = () => beacon.client.as('one').request(`/v1/batches/${batch.id}/erase`, { method: 'POST' });
    expect(await erase()).toMatchObject({
      ...{ status: 409, body: { error: { code: 'BATCH_NOT_FINISHED', param: 'batch_id' } } },
    });
    for (const answer of hanging) answer();
    await until('it may be erased', async () => (await erase()).status === 200);
    const { rows } = await beacon.database.query(
      `SELECT id FROM jobs WHERE jobs::text LIKE '%' || $1 || '%'`,
      [secret],
    );
    expect(rows).toEqual([]);
  });

  it('and its files go when a tenant is erased, the files when their time has come', async () => {
    const leaver = clientOf('other');
    const batch = await untilStatus((await batchOf([lineOf('x', 'leaving')], leaver)).id, ENDED, leaver);
    const admin = beacon.client.as('admin');
    const erased = await admin.request('/tenants/other/erase', { json: { confirm: 'other' } });
    expect(erased).toMatchObject({ status: 200, body: { complete: true } });
    expect((await leaver.files.list()).data).toEqual([]);
    expect((await leaver.batches.retrieve(batch.id)).request_counts).toMatchObject({
      total: 1,
      completed: 1,
    });

    const id = await upload([lineOf('x', 'old')]);
    const kept = await upload([lineOf('x', 'kept')]);
    await beacon.database.query(`UPDATE files SET expires_at = clock_timestamp() WHERE id = $1::uuid`, [
      id.slice('file-'.length),
    ]);
    await expect(one.files.retrieve(id)).rejects.toMatchObject({ status: 404 });
    await until('it is swept away', async () => {
      const { rows } = await beacon.database.query('SELECT FROM files WHERE id = $1::uuid', [
        id.slice('file-'.length),
      ]);
      if (rows.length > 0) throw new Error('it is there');
      return true;
    });
    await one.files.retrieve(kept);
  });
});

/** @returns what `request` sends for a form */
async function formOf(
  form: FormData,
): Promise<{ raw: Uint8Array<ArrayBuffer>; headers: Record<string, string> }> {
  const encoded = new Response(form);
  const type = encoded.headers.get('content-type') ?? '';
  return { raw: new Uint8Array(await encoded.arrayBuffer()), headers: { 'content-type': type } };
}
