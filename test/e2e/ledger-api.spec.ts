import { randomUUID } from 'node:crypto';
import type { LedgerEntryView, LedgerPage, LedgerSummaryView, Outcome, Problem } from '#contracts';
import { deploymentOf, startBeacon, until, type Beacon } from '#testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

const PRICES = [
  { from: '2026-01-01', gpus: { A10G: 0.0004 }, region_multipliers: { US: 1 } },
  {
    from: '2026-02-01',
    models: { chat: { input_usd_per_million_tokens: 0.25, output_usd_per_million_tokens: 1.25 } },
  },
  { from: '2999-01-01', gpus: { A10G: 400 } },
];
const GROUPS = 'run job model region day key task_type tenant endpoint provider outcome'.split(' ');

describe('GET /ledger', () => {
  let beacon: Beacon;

  beforeAll(async () => {
    beacon = await startBeacon({
      configuration: deploymentOf(
        {
          own: [{ region: 'US', gpu: 'A10G', scaledown_window_s: 1 }],
          chat: [{ region: 'EU', protocol: 'openai' }],
          late: ['ASIA'],
        },
        { prices: PRICES },
      ),
      keys: {
        anna: { roles: ['submit'], tenant: '=SUM(A1)' },
        ben: { roles: ['submit'], limits: { budget_micro_usd_per_day: 2000 } },
        books: { roles: ['ledger'] },
      },
    });
    // 1,000 tokens in and 2,000 out.
    beacon.upstream.from('EU/chat', (call) =>
      call.respond(200, {
        choices: [{ message: { content: 'hello' } }],
        usage: { prompt_tokens: 1000, completion_tokens: 2000 },
      }),
    );
  });
  afterAll(() => beacon.stop());

  const ask = async (key: string, model: string): Promise<string> => {
    const client = beacon.client.as(key);
    const { job_id: id } = await client.queue({ model, prompt: 'the secret question' });
    await client.untilEnded(id);
    return id;
  };
  const list = async (query: string): Promise<LedgerEntryView[]> => {
    const { status, body } = await beacon.client.as('books').request<LedgerPage>(`/ledger?${query}`);
    expect(status).toBe(200);
    return body.entries;
  };
  const summary = async (query: string): Promise<LedgerSummaryView> =>
    (await beacon.client.as('books').request<LedgerSummaryView>(`/ledger/summary?${query}`)).body;

  it('prices tokens of an upstream that is paid by them, to the last digit, at the prices of the day', async () => {
    const jobId = await ask('anna', 'chat');
    expect(await list(`job_id=${jobId}`)).toEqual([
      expect.objectContaining({
        ...{ kind: 'call', outcome: 'succeeded', accepted: true, attempt: 1, call_no: 1 },
        ...{ tenant: '=SUM(A1)', key_id: 'anna', model: 'chat', region: 'EU', provider: '127.0.0.1' },
        ...{ gpu: null, gpu_ms: 0, gpu_cost_micro_usd: null, tokens_in: 1000, tokens_out: 2000 },
        ...{ llm_cost_micro_usd: 2750, total_micro_usd: 2750, total_usd: '0.002750', unpriced: false },
        prices_from: '2026-02-01',
      }),
    ]);
  });

  it('has the calls that failed beside the one that answered, and charges none of the refused', async () => {
    beacon.upstream.next('US/own', (call) => call.respond(429, 'slow down'));
    const jobId = await ask('anna', 'own');
    const calls = await list(`job_id=${jobId}&kind=call`);
    expect(
      calls.map(({ attempt, outcome, accepted, error_code, http_status }) => ({
        ...{ attempt, outcome, accepted, error_code, http_status },
      })),
    ).toEqual([
      { attempt: 1, outcome: 'refused', accepted: false, error_code: 'RATE_LIMITED', http_status: 429 },
      { attempt: 2, outcome: 'succeeded', accepted: true, error_code: null, http_status: 200 },
    ]);
    expect(calls[0]).toMatchObject({ gpu_ms: 0, total_micro_usd: 0, error: 'the endpoint answered 429' });
    expect(calls[1]).toMatchObject({
      gpu: 'A10G',
      gpu_nano_usd_per_s: 400_000,
      region_multiplier_millionths: 1e6,
    });
    expect(calls[1]?.gpu_cost_micro_usd).toBe(Math.round((calls[1]?.gpu_ms ?? 0) * 0.4));
    const [idle] = await until('its tail', async () => {
      const entries = await list(`job_id=${jobId}&kind=idle`);
      return entries.length > 0 ? entries : undefined;
    });
    expect(idle).toMatchObject({
      ...{ call_id: calls[1]?.call_id, key_id: 'anna', busy_ms: 0, estimated: true },
    });
    // A window of a second from the call's end, whenever that was recorded. Times are rounded to milliseconds.
    expect(Math.abs((idle?.idle_ms ?? 0) - 1000)).toBeLessThanOrEqual(1);
    expect(idle?.total_micro_usd).toBe(Math.round((idle?.idle_ms ?? 0) * 0.4));
  });

  it('has an outcome that came too late, once', async () => {
    const jobId = await ask('anna', 'late');
    const late = (changes: Partial<Outcome> = {}): Outcome => ({
      ...{ v: 1, job_id: jobId, attempt: 1, epoch: 1, endpoint_id: 'ASIA-late', region: 'ASIA' },
      ...{ duration_ms: 77, reattached: false },
      calls: { id: randomUUID(), earlier: [], ended_ms_ago: 0 },
      result: { kind: 'failed', code: 'CONNECTION_LOST', detail: 'gone' },
      ...changes,
    });
    const first = late();
    await beacon.publishOutcome(first, 'one');
    await beacon.publishOutcome(first, 'two');
    await beacon.publishOutcome(late(), 'three');
    // Of an older dispatcher, which tells of no calls.
    const old = { ...late(), calls: undefined };
    await beacon.publishOutcome(old, 'four');
    await beacon.publishOutcome(old, 'five');
    await until('all are entered', async () => (await list(`job_id=${jobId}&kind=call`)).length === 4);
    // What is recorded after them shows that none is still to come.
    await ask('anna', 'late');
    const outcomes = (await list(`job_id=${jobId}&kind=call`)).map(({ outcome }) => outcome);
    expect(outcomes).toEqual(['succeeded', 'failed', 'failed', 'failed']);
  });

  it('cannot be changed, whatever the statement', async () => {
    for (const statement of [
      'UPDATE ledger_entries SET total_micro_usd = 0, gpu_cost_micro_usd = 0, llm_cost_micro_usd = 0',
      'DELETE FROM ledger_entries',
      'TRUNCATE ledger_entries',
    ])
      await expect(beacon.database.query(statement)).rejects.toThrow('ledger_entries is append-only');
    expect((await list('limit=1')).length).toBe(1);
  });

  it('adds up, by whatever it is summed, to what its entries add up to', async () => {
    // Nothing is entered any more.
    await until('no tail is left', async () => {
      const { rows } = await beacon.database.query(
        "SELECT 1 FROM ledger_meters WHERE idle_of IS NOT NULL AND endpoint_id = 'US-own'",
      );
      return rows.length === 0;
    });
    const entries = await list('limit=1000');
    const sum = (of: (entry: LedgerEntryView) => number) =>
      entries.reduce((all, entry) => all + of(entry), 0);
    for (const group of GROUPS) {
      const { groups, total, truncated } = await summary(`group_by=${group}`);
      expect(truncated).toBe(false);
      expect(total.total_micro_usd).toBe(sum((entry) => entry.total_micro_usd));
      expect(total.gpu_ms).toBe(sum(({ gpu_ms: ms }) => ms));
      for (const field of [
        'entries',
        'calls',
        'total_micro_usd',
        'busy_ms',
        'idle_ms',
        'tokens_out',
      ] as const)
        expect(groups.reduce((all, each) => all + each[field], 0)).toBe(total[field]);
    }
    const chat = await summary('group_by=model&model=chat');
    expect(chat.groups.map(({ value }) => value)).toEqual(['chat']);
    expect(chat.total).toMatchObject({ calls: 1, total_micro_usd: 2750, total_usd: '0.002750' });
    const cut = await summary('group_by=model&limit=1');
    expect(cut).toMatchObject({ truncated: true, groups: [{ value: 'chat' }] });
    expect(cut.total.entries).toBe(entries.length);
  });

  it('is read page by page, filtered, as JSON lines and as CSV that runs nothing', async () => {
    const all = await list('limit=1000&tenant=%3DSUM(A1)');
    const paged: LedgerEntryView[] = [];
    let cursor: string | null = '0';
    while (cursor !== null) {
      const page: LedgerPage = (
        await beacon.client.as('books').request<LedgerPage>(`/ledger?limit=2&cursor=${cursor}`)
      ).body;
      expect(page.entries.length).toBeLessThanOrEqual(2);
      paged.push(...page.entries);
      cursor = page.next_cursor;
    }
    expect(paged).toEqual(all);
    const latest = (await beacon.client.as('books').request<LedgerPage>('/ledger?order=desc&limit=1')).body;
    const before = await list(`order=desc&limit=1000&cursor=${latest.next_cursor}`);
    expect([...latest.entries, ...before]).toEqual([...all].reverse());
    expect(await list(`from=${all[0]!.at}&to=${all[0]!.at}`)).toEqual([]);
    expect(await list('outcome=refused')).toHaveLength(1);
    expect(await list(`run_id=${randomUUID()}`)).toEqual([]);

    const text = async (format: string): Promise<string> => {
      const reply = await beacon.client.as('books').request<{ text: string }>(`/ledger?format=${format}`);
      expect(reply.status).toBe(200);
      return reply.body.text;
    };
    const [header, ...rows] = (await text('csv')).trimEnd().split('\r\n');
    expect(header).toMatch(/^entry_no,kind,.*total_usd,unpriced,prices_from$/);
    expect(rows).toHaveLength(all.length);
    expect(rows[0]).toContain(",'=SUM(A1),");
    expect(`${header} ${rows.join()}`).not.toContain('secret question');
  });

  it('is for those who hold the role ledger', async () => {
    for (const path of ['/ledger', '/ledger/summary', '/ledger?format=csv'])
      expect((await beacon.client.as('anna').request(path)).status).toBe(403);
    expect((await beacon.client.as('books').request('/queue/status')).status).toBe(403);
  });

  it.each([
    ['/ledger?limit=0', 'limit'],
    ['/ledger?limit=1001', 'limit'],
    ['/ledger?cursor=x', 'cursor'],
    ['/ledger?run_id=1', 'run_id'],
    ['/ledger?outcome=lucky', 'outcome'],
    ['/ledger?from=yesterday', 'from'],
    ['/ledger?nonsense=1', 'nonsense'],
    ['/ledger/summary?group_by=mood', 'group_by'],
  ])('%s is refused, naming %s', async (path, field) => {
    const { status, body } = await beacon.client.as('books').request<Problem>(path);
    expect({ status, code: body.code }).toEqual({ status: 400, code: 'VALIDATION_FAILED' });
    expect(body.errors?.map((error) => error.field)).toEqual([field]);
  });

  it("refuses a key's jobs and runs once they have cost what they may in a day, and nobody else's", async () => {
    const once = { model: 'chat', prompt: 'once' };
    const headers = { 'idempotency-key': 'once' };
    const accepted = await beacon.client.as('ben').queue(once, headers);
    await beacon.client.as('ben').untilEnded(accepted.job_id);
    const refused = await until('the budget is known to be spent', async () => {
      const reply = await beacon.client
        .as('ben')
        .request<Problem>('/inference/queued', { json: { model: 'chat', prompt: 'more' } });
      return reply.status === 429 ? reply : undefined;
    });
    expect(refused.body).toMatchObject({
      code: 'BUDGET_EXHAUSTED',
      detail: expect.stringMatching(
        /^budget_micro_usd_per_day: .* 0\.002000 US dollars .* lifted at .*T00:00:00/,
      ),
    });
    const retryAfterS = Number(refused.headers.get('retry-after'));
    expect(retryAfterS).toBeGreaterThan(0);
    expect(retryAfterS).toBeLessThanOrEqual(86_400);
    // What was accepted before is answered with its job, and an answer that is there is given.
    expect((await beacon.client.as('ben').queue(once, headers)).job_id).toBe(accepted.job_id);
    const again = await beacon.client.as('ben').request('/inference', { json: once, headers });
    expect(again).toMatchObject({ status: 200, body: { job_id: accepted.job_id } });
    const other = await beacon.client
      .as('ben')
      .request<Problem>('/inference/queued', { json: { ...once, prompt: 'another' }, headers });
    expect(other).toMatchObject({ status: 409, body: { code: 'IDEMPOTENCY_KEY_REUSED' } });
    const run = { name: 'r', questions: [{ id: 'q', text: 'x' }], models: ['chat'], regions: ['EU'] };
    expect((await beacon.client.as('ben').request('/runs', { json: run })).status).toBe(429);
    await ask('anna', 'chat');
  });
});
