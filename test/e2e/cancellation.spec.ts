import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { deploymentOf, hangs, startBeacon, until, type Beacon } from '#testing';

describe('cancelling a job', () => {
  let beacon: Beacon;

  beforeAll(async () => {
    const models = ['waiting', 'running', 'staged', 'finished', 'racing', 'retrying'];
    beacon = await startBeacon({
      configuration: deploymentOf(Object.fromEntries(models.map((model) => [model, ['US']])), {
        retries: { max_attempts: 4, backoff_ms: 600_000, backoff_max_ms: 600_000 },
      }),
    });
  });
  afterAll(() => beacon.stop());

  it('that waits ends it at once, and it is never called', async () => {
    const { client, upstream } = beacon;
    const held: (() => void)[] = [];
    upstream.next('US/waiting', (call) => held.push(() => call.answer()));
    const running = await client.queue({ model: 'waiting', prompt: 'running' });
    await client.untilJob(running.job_id, 'processing');
    const waiting = await client.queue({ model: 'waiting', prompt: 'unwanted' });
    const last = await client.queue({ model: 'waiting', prompt: 'last' });

    const reply = await client.cancel(waiting.job_id);
    expect(reply).toMatchObject({ status: 202, body: { job_id: waiting.job_id, status: 'cancelled' } });
    expect(await client.job(waiting.job_id)).toMatchObject({
      status: 'cancelled',
      attempts: [],
      completed_at: expect.any(String),
    });
    held.forEach((release) => release());
    await client.untilJob(last.job_id, 'completed');
    expect(upstream.callsOf('US/waiting').map(({ prompt }) => prompt)).toEqual(['running', 'last']);
  });

  it('that runs closes its connection to the endpoint, and the next job goes', async () => {
    const { client, upstream } = beacon;
    upstream.next('US/running', hangs);
    const { job_id } = await client.queue({ model: 'running', prompt: 'stop me' });
    await client.untilJob(job_id, 'processing');
    const next = await client.queue({ model: 'running', prompt: 'next' });

    const reply = await client.cancel(job_id);
    expect(reply).toMatchObject({ status: 202, body: { status: 'cancelling' } });
    await until('the call is over', () => upstream.callsFor('stop me')[0]!.hungUp);
    expect(await client.untilEnded(job_id)).toMatchObject({
      status: 'cancelled',
      result: null,
      attempts: [{ status: 'cancelled', error_code: 'CALL_CANCELLED' }],
    });
    await client.untilJob(next.job_id, 'completed');
    expect(upstream.callsFor('stop me')).toHaveLength(1);
  });

  it('that is next at its endpoint ends it without a call', async () => {
    const { client, upstream } = beacon;
    const held: (() => void)[] = [];
    const warm = await client.queue({ model: 'staged', prompt: 'warm up' });
    await client.untilJob(warm.job_id, 'completed');
    upstream.next('US/staged', (call) => held.push(() => call.answer()));
    const running = await client.queue({ model: 'staged', prompt: 'in front' });
    await client.untilJob(running.job_id, 'processing');
    const { job_id } = await client.queue({ model: 'staged', prompt: 'at the door' });
    await until('it is next', async () => (await client.job(job_id)).queue_position === 0);

    expect((await client.cancel(job_id)).body).toMatchObject({ status: 'cancelling' });
    await client.untilJob(job_id, 'cancelled');
    held.forEach((release) => release());
    await client.untilJob(running.job_id, 'completed');
    expect(upstream.callsFor('at the door')).toEqual([]);
  });

  it('that waits for its next attempt ends it', async () => {
    const { client, upstream } = beacon;
    // Without Retry-After full jitter may make the retry due at once.
    upstream.next('US/retrying', (call) => call.respond(500, 'internal error', { 'retry-after': '600' }));
    const { job_id } = await client.queue({ model: 'retrying', prompt: 'again' });
    const job = await client.untilJob(job_id, 'retrying');
    expect(job.wait_reason).toMatch(/^retry after backoff, due in \d+ s$/);
    expect((await client.cancel(job_id)).body).toMatchObject({ status: 'cancelled' });
    expect(await client.job(job_id)).toMatchObject({
      status: 'cancelled',
      attempts: [{ status: 'failed' }],
    });
  });

  it('that has finished is refused', async () => {
    const { job_id } = await beacon.client.queue({ model: 'finished', prompt: 'done' });
    await beacon.client.untilJob(job_id, 'completed');
    const reply = await beacon.client.cancel(job_id);
    expect(reply).toMatchObject({ status: 409, body: { code: 'JOB_FINISHED' } });
    expect((await beacon.client.job(job_id)).status).toBe('completed');
  });

  it('twice is the same as once', async () => {
    const { client, upstream } = beacon;
    upstream.next('US/finished', hangs);
    const { job_id } = await client.queue({ model: 'finished', prompt: 'twice' });
    await client.untilJob(job_id, 'processing');
    const replies = await Promise.all([client.cancel(job_id), client.cancel(job_id)]);
    // The second may come when the first has already ended it.
    for (const { status } of replies) expect([202, 409]).toContain(status);
    expect(replies.map(({ status }) => status)).toContain(202);
    await client.untilJob(job_id, 'cancelled');
  });

  it('while its answer arrives leaves one terminal state, and the count of it', async () => {
    const { client, upstream } = beacon;
    const jobs = 12;
    const before = (await client.queues()).regions['US']!;
    const ended: string[] = [];
    for (let index = 0; index < jobs; index += 1) {
      const held: (() => void)[] = [];
      upstream.next('US/racing', (call) => held.push(() => call.answer()));
      const { job_id } = await client.queue({ model: 'racing', prompt: `race ${index}` });
      await client.untilJob(job_id, 'processing');
      const cancelling = client.cancel(job_id);
      held.forEach((release) => release());
      await cancelling;
      const job = await client.untilEnded(job_id);
      expect(job.result === null).toBe(job.status === 'cancelled');
      ended.push(job.status);
    }
    const after = (await client.queues()).regions['US']!;
    const counted = after.completed - before.completed + after.cancelled - before.cancelled;
    expect(ended.filter((status) => status !== 'completed' && status !== 'cancelled')).toEqual([]);
    expect(counted).toBe(jobs);
  });
});
