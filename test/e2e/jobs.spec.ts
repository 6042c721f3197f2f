import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { answers, crashes, deploymentOf, hangs, startBeacon, until, type Beacon } from '#testing';

const UNKNOWN_JOB = '00000000-0000-4000-8000-000000000000';

describe('a job', () => {
  let beacon: Beacon;

  beforeAll(async () => {
    beacon = await startBeacon({
      configuration: deploymentOf(
        Object.fromEntries(
          [
            ...['plain', 'refused', 'keyed', 'rushed', 'awaited', 'failing', 'abandoned', 'resumed'],
            ...['late-waiting', 'late-running', 'lined-up', 'chat'],
          ].map((model) => [model, ['US']]),
        ),
      ),
    });
  });
  afterAll(() => beacon.stop());

  const jobsWith = async (prompt: string): Promise<{ id: string; state: string }[]> => {
    const { rows } = await beacon.database.query<{ id: string; state: string }>(
      "SELECT id, state FROM jobs WHERE request ->> 'prompt' = $1",
      [prompt],
    );
    return rows;
  };

  it('is accepted, can be followed, and ends with the answer and where it came from', async () => {
    const { client, upstream } = beacon;
    const held: (() => void)[] = [];
    upstream.next('US/plain', (call) => held.push(() => call.answer({ tokens_generated: 7 })));
    const accepted = await client.queue({
      model: 'plain',
      prompt: 'what',
      region_preference: 'us-east',
      metadata: { cell: 1 },
    });
    expect(accepted).toMatchObject({ success: true, status: 'queued', region: 'US' });

    const running = await client.untilJob(accepted.job_id, 'processing');
    expect(running).toMatchObject({ region: 'US', result: null, completed_at: null, wait_reason: null });
    held.forEach((release) => release());

    const ended = await client.untilEnded(accepted.job_id);
    expect(ended).toMatchObject({
      status: 'completed',
      retry_count: 0,
      metadata: { cell: 1 },
      error: null,
      queue_position: null,
      attempts: [
        { attempt: 1, endpoint_id: 'US-plain', region: 'US', status: 'succeeded', error_code: null },
      ],
      result: {
        success: true,
        response: 'answer to what',
        model: 'plain',
        region: 'US',
        substituted: false,
        tokens_generated: 7,
      },
    });
    expect(Date.parse(ended.completed_at!)).toBeGreaterThanOrEqual(Date.parse(ended.started_at!));
    const [call, ...others] = upstream.callsOf('US/plain');
    expect(others).toEqual([]);
    expect(call!.headers['idempotency-key']).toBe(`${accepted.job_id}:1`);
    expect(call!.body).toEqual({ model: 'plain', prompt: 'what', temperature: 0.1, max_tokens: 512 });
  });

  it('carries chat messages to the endpoint', async () => {
    const messages = [
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'Who are you?' },
    ];
    const { job_id } = await beacon.client.queue({ model: 'chat', messages });
    await beacon.client.untilJob(job_id, 'completed');
    expect(beacon.upstream.callsOf('US/chat')[0]!.body).toMatchObject({ messages });
  });

  it('that is not known is 404', async () => {
    for (const id of [UNKNOWN_JOB, 'not-a-uuid']) {
      const reply = await beacon.client.request(`/inference/status/${id}`);
      expect(reply).toMatchObject({ status: 404, body: { code: 'JOB_NOT_FOUND' } });
      expect((await beacon.client.cancel(id)).body).toMatchObject({ code: 'JOB_NOT_FOUND' });
    }
  });

  it('says how many go first and why it waits, as of the moment it is asked', async () => {
    const { client, upstream } = beacon;
    const held: (() => void)[] = [];
    const hold = (): void => upstream.from('US/lined-up', (call) => held.push(() => call.answer()));
    hold();
    const jobs: string[] = [];
    for (const prompt of ['first', 'second', 'third'])
      jobs.push((await client.queue({ model: 'lined-up', prompt })).job_id);
    const [first, second, third] = jobs as [string, string, string];
    await client.untilJob(first, 'processing');
    expect(await client.job(second)).toMatchObject({
      status: 'queued',
      queue_position: 1,
      wait_reason: 'an endpoint is warming up',
    });
    expect(await client.job(third)).toMatchObject({ queue_position: 2, wait_reason: '1 job goes first' });

    held.shift()!();
    await client.untilJob(second, 'processing');
    expect(await client.job(third)).toMatchObject({
      status: 'queued',
      queue_position: 0,
      wait_reason: 'next at its endpoint',
    });
    upstream.from('US/lined-up', answers);
    held.shift()!();
    await client.untilJob(third, 'completed');
  });

  describe('with an Idempotency-Key', () => {
    const body = { model: 'keyed', prompt: 'once' };

    it('is made once for the same key and body, also where a default is spelled out', async () => {
      const first = await beacon.client.queue(body, { 'idempotency-key': 'same' });
      const again = await beacon.client.queue({ ...body, temperature: 0.1 }, { 'idempotency-key': 'same' });
      expect(again.job_id).toBe(first.job_id);
    });

    it('is refused where the key came with another body', async () => {
      await beacon.client.queue(body, { 'idempotency-key': 'changed' });
      const reply = await beacon.client.request('/inference/queued', {
        json: { ...body, prompt: 'twice' },
        headers: { 'idempotency-key': 'changed' },
      });
      expect(reply).toMatchObject({
        ...{
          status: 409,
          body: { code: 'IDEMPOTENCY_KEY_REUSED', detail: expect.stringContaining('another request') },
        },
      });
    });

    it('is made once by requests that come at the same moment', async () => {
      const replies = await Promise.all(
        Array.from({ length: 20 }, () =>
          beacon.client.queue({ model: 'rushed', prompt: 'rush' }, { 'idempotency-key': 'rush' }),
        ),
      );
      expect(new Set(replies.map(({ job_id }) => job_id)).size).toBe(1);
      await beacon.client.untilJob(replies[0]!.job_id, 'completed');
      expect(await jobsWith('rush')).toHaveLength(1);
      expect(beacon.upstream.callsFor('rush')).toHaveLength(1);
    });
  });

  describe('by POST /inference', () => {
    it.each(['/inference', '/v1/inference'])('is answered when it ends (%s)', async (path) => {
      const reply = await beacon.client.request(path, {
        json: { model: 'awaited', prompt: `at ${path}`, metadata: { tag: 'x' } },
      });
      expect(reply.status).toBe(200);
      expect(reply.body).toEqual({
        success: true,
        response: `answer to at ${path}`,
        error: null,
        provider_used: 'US-awaited',
        inference_time: 0.01,
        cost_estimate: null,
        region: 'US',
        job_id: expect.any(String),
        metadata: { tag: 'x' },
      });
    });

    it('says why it failed', async () => {
      beacon.upstream.next('US/failing', (call) => call.respond(200, { status: 'error', error: 'no' }));
      const { status, body } = await beacon.client.request('/inference', {
        json: { model: 'failing', prompt: 'fail' },
      });
      expect(status).toBe(200);
      expect(body).toMatchObject({ success: false, response: null, error: { code: 'MODEL_ERROR' } });
    });

    it('is cancelled, down to the call, when the caller hangs up', async () => {
      beacon.upstream.next('US/abandoned', hangs);
      const hangUp = new AbortController();
      const request = beacon.client.request('/inference', {
        json: { model: 'abandoned', prompt: 'leave' },
        signal: hangUp.signal,
      });
      const call = await beacon.upstream.call('US/abandoned');
      hangUp.abort();
      await expect(request).rejects.toThrow();
      await until('the call is over', () => call.hungUp);
      await until('it is cancelled', async () => (await jobsWith('leave'))[0]?.state === 'cancelled');
    });

    it('goes on when a caller with an idempotency key hangs up, who finds the answer later', async () => {
      const held: (() => void)[] = [];
      beacon.upstream.next('US/resumed', (call) => held.push(() => call.answer()));
      const request = {
        json: { model: 'resumed', prompt: 'return' },
        headers: { 'idempotency-key': 'return' },
      };
      const hangUp = new AbortController();
      const first = beacon.client.request('/inference', { ...request, signal: hangUp.signal });
      const call = await beacon.upstream.call('US/resumed');
      hangUp.abort();
      await expect(first).rejects.toThrow();
      const second = beacon.client.request('/inference', request);
      held.forEach((release) => release());
      expect((await second).body).toMatchObject({ success: true, response: 'answer to return' });
      expect(call.hungUp).toBe(false);
      expect(beacon.upstream.callsFor('return')).toHaveLength(1);
    });
  });

  describe('with a deadline', () => {
    /** So late that no machine is too slow to accept the job before; it comes when the spec says so. */
    const deadline = new Date(Date.now() + 3_600_000).toISOString();
    const passDeadline = (jobId: string): Promise<unknown> =>
      beacon.database.query('UPDATE jobs SET deadline = clock_timestamp() WHERE id = $1', [jobId]);

    it('expires while it waits, and is never called', async () => {
      const { client, upstream } = beacon;
      upstream.next('US/late-waiting', hangs);
      const ahead = await client.queue({ model: 'late-waiting', prompt: 'ahead' });
      await client.untilJob(ahead.job_id, 'processing');
      const { job_id } = await client.queue({ model: 'late-waiting', prompt: 'late', deadline });
      await passDeadline(job_id);
      const job = await client.untilEnded(job_id);
      expect(job).toMatchObject({
        status: 'expired',
        attempts: [],
        error: { code: 'DEADLINE_EXCEEDED' },
      });
      expect((await client.cancel(job_id)).body).toMatchObject({ code: 'JOB_FINISHED' });
      expect((await client.job(ahead.job_id)).status).toBe('processing');
      expect(upstream.callsFor('late')).toEqual([]);
    });

    it('expires while it runs: its call is ended and the endpoint serves the next job', async () => {
      const { client, upstream } = beacon;
      upstream.next('US/late-running', hangs);
      const { job_id } = await client.queue({ model: 'late-running', prompt: 'slow', deadline });
      const call = await upstream.call('US/late-running');
      const next = await client.queue({ model: 'late-running', prompt: 'next' });
      await passDeadline(job_id);
      expect(await client.untilEnded(job_id)).toMatchObject({
        status: 'expired',
        error: { code: 'DEADLINE_EXCEEDED' },
      });
      await until('the call is over', () => call.hungUp);
      await client.untilJob(next.job_id, 'completed');
      expect(await client.job(job_id)).toMatchObject({
        status: 'expired',
        attempts: [{ status: 'cancelled', error_code: 'CALL_CANCELLED' }],
      });
    });
  });

  it('that fails for good is kept as a dead letter that says why', async () => {
    beacon.upstream.from('US/refused', crashes);
    const { job_id } = await beacon.client.queue({ model: 'refused', prompt: 'no', max_attempts: 2 });
    const job = await beacon.client.untilEnded(job_id);
    expect(job).toMatchObject({
      status: 'failed',
      retry_count: 1,
      result: null,
      error: { code: 'UPSTREAM_ERROR' },
      attempts: [
        { attempt: 1, status: 'failed', error_code: 'UPSTREAM_ERROR' },
        { attempt: 2, status: 'failed', error_code: 'UPSTREAM_ERROR' },
      ],
    });
    const { rows } = await beacon.database.query(
      'SELECT code, attempts FROM dead_letters WHERE job_id = $1',
      [job_id],
    );
    expect(rows).toEqual([{ code: 'UPSTREAM_ERROR', attempts: 2 }]);
  });
});
