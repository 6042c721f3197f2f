import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { deploymentOf, startBeacon, until, type Beacon, type UpstreamCall } from '#testing';

const BACKLOG = 2000;

describe('limits on callers', () => {
  let beacon: Beacon;
  const held: UpstreamCall[] = [];

  beforeAll(async () => {
    beacon = await startBeacon({
      webhookSecret: 'what-reports-come-with',
      configuration: deploymentOf(
        { fair: ['US'], full: ['US'], places: ['US', 'EU'], quiet: ['US'] },
        {
          limits: {
            endpoints: 8,
            gpus: 8,
            // The next one is due after a minute, which no spec here takes.
            wrong_keys_per_min: 1,
            unfinished_runs_per_key: 2,
            prompt_bytes: 1000,
            body_bytes: 4096,
          },
          http: { trusted_proxies: ['127.0.0.1'] },
        },
      ),
      keys: {
        anna: { roles: ['submit'] },
        ben: { roles: ['submit'] },
        hasty: { roles: ['submit'], limits: { requests_per_s: 0.001, burst: 2 } },
        runner: { roles: ['submit'] },
        few: { roles: ['submit'], limits: { queued_jobs: 2 } },
        confined: {
          roles: ['submit'],
          limits: { models: ['places'], regions: ['EU'], priorities: ['normal', 'low'] },
        },
        ops: { roles: ['operate'], limits: { requests_per_s: 0.001, burst: 1 } },
      },
    });
    for (const model of ['fair', 'full'])
      beacon.upstream.from(`US/${model}`, (call) => {
        held.push(call);
      });
  });
  afterAll(() => beacon.stop());

  const as = (key: string) => beacon.client.as(key);
  const refused = (key: string, json: object, headers = {}) =>
    as(key).request('/inference/queued', { json, headers });

  it('a backlog of one tenant does not delay the first job of another: it is admitted next, and then they alternate', async () => {
    const calls = () => beacon.upstream.callsOf('US/fair');
    const first = await as('anna').queue({ model: 'fair', prompt: 'anna 0' });
    await as('anna').untilJob(first.job_id, 'processing');
    let left = BACKLOG;
    await Promise.all(
      Array.from({ length: 32 }, async () => {
        while (left > 0) {
          left -= 1;
          await as('anna').queue({ model: 'fair', prompt: 'anna more' });
        }
      }),
    );
    const jobs = [];
    for (const prompt of ['ben 1', 'ben 2', 'ben 3'])
      jobs.push(await as('ben').queue({ model: 'fair', prompt }));
    expect(jobs.map(({ queue_position }) => queue_position)).toEqual([1, 3, 5]);
    const told = await Promise.all(jobs.map(({ job_id }) => as('ben').job(job_id)));
    expect(told.map(({ queue_position }) => queue_position)).toEqual([1, 3, 5]);
    const last = await as('anna').queue({ model: 'fair', prompt: 'anna last' });
    expect(last.queue_position).toBeGreaterThan(BACKLOG);

    for (let ordinal = 1; ordinal <= 8; ordinal += 1)
      (await beacon.upstream.call('US/fair', ordinal)).answer();
    expect(
      calls()
        .map(({ prompt }) => String(prompt).split(' ')[0])
        .slice(0, 8),
    ).toEqual(['anna', 'ben', 'anna', 'ben', 'anna', 'ben', 'anna', 'anna']);
    // The rest of the backlog need not be called.
    await beacon.database.query(
      `UPDATE jobs SET state = 'cancelled' WHERE model = 'fair' AND state = 'queued'`,
    );
  });

  it('requests beyond the rate of a key are refused with the limit, its value and when to come back', async () => {
    const first = await as('hasty').request('/queue/status');
    expect(first.status).toBe(200);
    expect(first.headers.get('ratelimit-limit')).toBe('2');
    expect(first.headers.get('ratelimit-remaining')).toBe('1');
    expect((await as('hasty').request('/queue/status')).status).toBe(200);
    const { status, body, headers, contentType } = await as('hasty').request('/inference/queued', {
      json: { model: 'quiet', prompt: 'x' },
    });
    expect(contentType).toContain('application/problem+json');
    expect({ status, body }).toMatchObject({
      status: 429,
      body: {
        code: 'RATE_LIMIT_REACHED',
        detail: expect.stringMatching(/requests_per_s.*"hasty".*0\.001 requests per second, 2 at once/),
        errors: [{ field: 'requests_per_s of the key', message: expect.any(String) }],
      },
    });
    const retryAfterS = Number(headers.get('retry-after'));
    expect(retryAfterS).toBeGreaterThan(900);
    expect(retryAfterS).toBeLessThanOrEqual(1000);
    // Others are not held to it, and health and metrics are always there.
    expect((await as('ben').request('/queue/status')).status).toBe(200);
    for (let count = 0; count < 3; count += 1) {
      expect((await as('ops').request('/metrics')).status).toBe(200);
      expect((await beacon.client.request('/health/live')).status).toBe(200);
    }
    const metrics = await as('ops').request<{ text: string }>('/metrics');
    expect(metrics.body.text).toMatch(/beacon_limited_requests_total\{[^}]*limit="requests_of_key"[^}]*\} 1/);
    expect((await as('ops').request('/queue/status')).status).toBe(200);
    expect((await as('ops').request('/queue/status')).status).toBe(429);
  });

  it('more jobs than a key may have waiting are refused, exactly, also when they come at once', async () => {
    // What is called does not wait any more.
    const running = await as('few').queue({ model: 'full', prompt: 'few 1' }, { 'idempotency-key': 'one' });
    await as('few').untilJob(running.job_id, 'processing');
    const replies = await Promise.all(
      Array.from({ length: 10 }, (_, index) =>
        refused('few', { model: 'full', prompt: `few at once ${index}` }),
      ),
    );
    expect(replies.filter(({ status }) => status === 202)).toHaveLength(2);
    const full = replies.filter(({ status }) => status !== 202);
    expect(full).toHaveLength(8);
    for (const { status, body, headers } of full) {
      expect({ status, body }).toMatchObject({
        status: 429,
        body: {
          code: 'QUEUE_FULL',
          detail: expect.stringMatching(
            /^queued_jobs of the key: key "few" may have 2 jobs waiting and has 2; /,
          ),
        },
      });
      expect(Number(headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    }
    // What was accepted before is no new job.
    const replay = await as('few').queue({ model: 'full', prompt: 'few 1' }, { 'idempotency-key': 'one' });
    expect(replay.job_id).toBe(running.job_id);
    expect((await as('ben').queue({ model: 'full', prompt: 'ben beside few' })).job_id).toBeDefined();
    held.filter(({ prompt }) => prompt === 'few 1').forEach((call) => call.answer());
    await until('there is room again', async () => {
      const { status } = await refused('few', { model: 'full', prompt: 'few later' });
      return status === 202 ? true : undefined;
    });
  });

  it('more runs than a key may have unfinished are refused, exactly, also when they come at once', async () => {
    const run = { name: 'r', questions: [{ id: 'q', text: 'x' }], models: ['full'], regions: ['US'] };
    const create = (headers = {}) =>
      as('runner').request<{ run_id: string }>('/runs', { json: run, headers });
    const first = await create({ 'idempotency-key': 'first' });
    const replies = await Promise.all(Array.from({ length: 5 }, () => create()));
    expect(replies.map(({ status }) => status).sort()).toEqual([202, 429, 429, 429, 429]);
    const refusedRun = replies.find(({ status }) => status === 429);
    expect(refusedRun?.body).toMatchObject({
      code: 'QUEUE_FULL',
      detail: expect.stringMatching(
        /^limits\.unfinished_runs_per_key: key "runner" may have 2 runs that have not ended and has 2;/,
      ),
    });
    expect(Number(refusedRun?.headers.get('retry-after'))).toBe(60);
    // What was accepted before is no new run, and others have their own.
    expect((await create({ 'idempotency-key': 'first' })).body.run_id).toBe(first.body.run_id);
    expect((await as('ben').request('/runs', { json: run })).status).toBe(202);
    // What the runner does when a run has ended.
    await beacon.database.query(`UPDATE runs SET status = 'completed', finished_at = now() WHERE id = $1`, [
      first.body.run_id,
    ]);
    expect((await create()).status).toBe(202);
    expect((await create()).status).toBe(429);
  });

  it('a key that is confined is refused what lies outside, by name', async () => {
    const job = { model: 'places', prompt: 'x' };
    const told = async (json: object) => {
      const { status, body } = await refused('confined', json);
      return [status, body['code'], body['detail']];
    };
    expect(await told({ ...job, model: 'quiet' })).toEqual([
      ...[403, 'FORBIDDEN', 'model: this key does not allow "quiet"; allowed: places'],
    ]);
    expect(await told({ ...job, region_preference: 'us-east' })).toEqual([
      ...[403, 'FORBIDDEN', 'region_preference: this key does not allow "US"; allowed: EU'],
    ]);
    expect(await told({ ...job, priority: 'high' })).toEqual([
      ...[403, 'FORBIDDEN', 'priority: this key does not allow "high"; allowed: normal, low'],
    ]);
    const run = {
      ...{ name: 'r', questions: [{ id: 'q', text: 'x' }], models: ['places'], regions: ['EU', 'US'] },
    };
    const refusedRun = async (json: object) => (await as('confined').request('/runs', { json })).body;
    expect(await refusedRun(run)).toMatchObject({
      code: 'FORBIDDEN',
      errors: [{ field: 'regions[1]', message: 'this key does not allow "US"; allowed: EU' }],
    });
    expect(await refusedRun({ ...run, regions: ['EU'], region_policy: 'prefer' })).toMatchObject({
      code: 'FORBIDDEN',
      errors: [{ field: 'region_policy' }],
    });
    expect((await as('confined').request('/runs', { json: { ...run, regions: ['EU'] } })).status).toBe(202);
  });

  it('and its jobs never leave its regions: failures are retried there', async () => {
    beacon.upstream.next('EU/places', (call) => call.respond(500, 'down'));
    for (const where of [
      {},
      { region_preference: 'EU' },
      { region_preference: 'EU', region_policy: 'any' },
    ]) {
      const { job_id: id, region } = await as('confined').queue({
        model: 'places',
        prompt: 'stay',
        ...where,
      });
      expect(region).toBe('EU');
      expect(await as('confined').untilEnded(id)).toMatchObject({
        ...{ status: 'completed', region: 'EU', region_policy: 'pin' },
      });
    }
    expect(beacon.upstream.callsOf('US/places')).toEqual([]);
    expect(beacon.upstream.callsOf('EU/places')).toHaveLength(4);
  });

  it('sizes are refused with their limit', async () => {
    const tooLong = await refused('ben', { model: 'quiet', prompt: 'x'.repeat(1001) });
    expect(tooLong).toMatchObject({ status: 400, body: { detail: expect.stringContaining('1000 bytes') } });
    const tooLarge = await refused('ben', { model: 'quiet', prompt: 'x'.repeat(5000) });
    expect(tooLarge).toMatchObject({
      status: 413,
      body: { detail: 'body: is larger than 4096 bytes (limits.body_bytes)' },
    });
  });

  it('wrong keys that a trusted proxy forwards are counted where they come from, whatever the client claims', async () => {
    const guess = (text: string, forwarded: string) =>
      as(text).request('/queue/status', { headers: { 'x-forwarded-for': forwarded } });
    const statuses: number[] = [];
    for (let count = 0; count < 3; count += 1)
      statuses.push((await guess(`forwarded-${count}`, `192.0.2.${count}, 203.0.113.7`)).status);
    expect(statuses).toEqual([401, 429, 429]);
    expect((await guess('forwarded-3', '203.0.113.8')).status).toBe(401);
  });

  // The last: whoever has not been here before is shut out for a while.
  it('wrong keys are answered more and more slowly, and shut nobody out who has a good one', async () => {
    const guess = (text: string) => as(text).request('/queue/status');
    const report = (secret: string) =>
      beacon.client.request('/api/webhooks/modal/task-complete', {
        json: { key: '3f0e4dd0-6d2c-4b57-a0d5-0f8a8f4b2d10:1' },
        headers: { 'x-webhook-secret': secret },
      });
    expect((await report('what-reports-come-with')).status).toBe(202);
    // The secret of reports is guessed as slowly, and counted with the keys.
    expect((await report('a')).status).toBe(401);
    expect((await guess('guess-1')).status).toBe(429);
    expect(await report('b')).toMatchObject({ status: 429, body: { code: 'RATE_LIMIT_REACHED' } });
    expect((await report('what-reports-come-with')).status).toBe(202);
    expect((await guess('guess-2')).body).toMatchObject({
      code: 'RATE_LIMIT_REACHED',
      detail: expect.stringContaining('limits.wrong_keys_per_min: 1 wrong keys per minute'),
    });
    // Known from before; and without any key there is nothing to guess.
    expect((await as('ben').request('/queue/status')).status).toBe(200);
    expect((await beacon.client.request('/queue/status')).status).toBe(401);
  });
});
