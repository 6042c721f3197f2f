import { queueStatusSchema, type QueueStatusView, type RegionQueueView } from '#contracts';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { deploymentOf, startBeacon, until, type Beacon } from '#testing';

describe('GET /queue/status', () => {
  let beacon: Beacon;

  beforeAll(async () => {
    beacon = await startBeacon({
      configuration: deploymentOf(
        { waiting: ['US', 'EU'], limited: ['US', 'EU'], quiet: ['ASIA'] },
        { assumed: { call_s: 7, cold_start_s: 13 } },
      ),
    });
  });
  afterAll(() => beacon.stop());

  const queueOf = async (region: string): Promise<RegionQueueView> =>
    (await beacon.client.queues()).regions[region]!;
  const slowDown = { 'retry-after': '600' };

  it("has the contract's names for every region, also where nothing has happened", async () => {
    const { status, body } = await beacon.client.request<QueueStatusView>('/queue/status');
    expect(status).toBe(200);
    expect(queueStatusSchema.parse(body)).toEqual(body);
    expect(Object.keys(body.regions)).toEqual(['US', 'EU', 'ASIA']);
    expect(body).toMatchObject({
      global_retry_queue_size: 0,
      regions: {
        ASIA: {
          queue_size: 0,
          retry_queue_size: 0,
          processing: false,
          completed: 0,
          failed: 0,
          in_flight: 0,
          wait_reason: null,
          oldest_wait_seconds: null,
          dispatcher_alive: true,
          endpoints: [{ id: 'ASIA-quiet', state: 'cold', slots_in_use: 0, holds_gpu: false }],
        },
      },
    });
  });

  it('counts what waits, runs and has ended, per region and model', async () => {
    const { client, upstream } = beacon;
    const held: (() => void)[] = [];
    const before = await queueOf('US');
    upstream.next('US/waiting', (call) => held.push(() => call.answer({ cold_start: true })));
    const jobs: string[] = [];
    for (const prompt of ['one', 'two', 'three', 'four'])
      jobs.push(
        (await client.queue({ model: 'waiting', prompt, region_preference: 'US', region_policy: 'pin' }))
          .job_id,
      );
    await client.untilJob(jobs[0]!, 'processing');
    const busy = await queueOf('US');
    expect(busy).toMatchObject({
      queue_size: before.queue_size + 3,
      processing: true,
      in_flight: before.in_flight + 1,
      completed: before.completed,
      wait_reason: 'an endpoint is warming up',
      models: { waiting: { queued: 3, retrying: 0, processing: 1, median_execution_seconds: null } },
    });
    expect(busy.oldest_wait_seconds).toBeGreaterThanOrEqual(0);
    expect(busy.endpoints).toContainEqual(
      expect.objectContaining({ id: 'US-waiting', state: 'warming', slots_in_use: 1, holds_gpu: true }),
    );
    // Nothing has been learned of the model: what is configured is reckoned with.
    const waits = await Promise.all(jobs.slice(1).map((job) => client.job(job)));
    expect(waits.map(({ estimated_wait_seconds: seconds }) => seconds)).toEqual([20, 27, 34]);
    held.forEach((release) => release());
    for (const job of jobs) await client.untilJob(job, 'completed');

    const after = await queueOf('US');
    expect(after).toMatchObject({
      queue_size: before.queue_size,
      in_flight: before.in_flight,
      completed: before.completed + 4,
      models: {
        waiting: {
          queued: 0,
          processing: 0,
          median_execution_seconds: expect.any(Number),
          median_cold_start_seconds: expect.any(Number),
        },
      },
    });
    expect(after.endpoints).toContainEqual(expect.objectContaining({ id: 'US-waiting', state: 'warm' }));
  });

  it('counts a retry where it may run: in its region when it is pinned, else in the global queue', async () => {
    const { client, upstream } = beacon;
    for (const region of ['US', 'EU'])
      upstream.from(`${region}/limited`, (call) => call.respond(429, 'slow down', slowDown));
    const before = await client.queues();
    const pinned = await client.queue({
      model: 'limited',
      prompt: 'pinned',
      region_preference: 'EU',
      region_policy: 'pin',
    });
    await client.untilJob(pinned.job_id, 'retrying');
    expect((await queueOf('EU')).retry_queue_size).toBe(before.regions['EU']!.retry_queue_size + 1);

    const free = await client.queue({ model: 'limited', prompt: 'free', region_preference: 'US' });
    await until('both regions have refused it', async () => {
      const { attempts, status } = await client.job(free.job_id);
      return (
        attempts.length === 2 && status === 'retrying' && attempts.every(({ finished_at }) => finished_at)
      );
    });
    const queues = await client.queues();
    expect(queues.global_retry_queue_size).toBe(before.global_retry_queue_size + 1);
    expect(queues.regions['US']!.queue_size).toBe(before.regions['US']!.queue_size);
    expect(await client.job(free.job_id)).toMatchObject({
      wait_reason: expect.stringMatching(/^retry after backoff, due in \d+ s$/),
    });
    for (const { job_id } of [pinned, free]) await client.cancel(job_id);
    expect((await client.queues()).global_retry_queue_size).toBe(before.global_retry_queue_size);
  });

  it.each(['US', 'us', 'us-east', 'US-EAST'])('answers for one region, here called %s', async (name) => {
    const { status, body } = await beacon.client.request(`/queue/status/${name}`);
    expect(status).toBe(200);
    expect(body).toMatchObject({ region: 'US', queue_size: expect.any(Number) });
  });

  it('does not know other regions', async () => {
    const reply = await beacon.client.request('/queue/status/MARS');
    expect(reply).toMatchObject({ status: 404, body: { code: 'UNKNOWN_REGION' } });
    expect(reply.body['detail']).toContain('US, EU, ASIA');
  });

  it('agrees with GET /providers and GET /health', async () => {
    const { body } = await beacon.client.request('/providers');
    const { regions } = await beacon.client.queues();
    const ids = Object.values(regions).flatMap(({ endpoints }) => endpoints.map(({ id }) => id));
    expect((body['providers'] as { id: string }[]).map(({ id }) => id).sort()).toEqual(ids.sort());
    expect(await beacon.client.request('/health')).toMatchObject({
      status: 200,
      body: { status: 'healthy', providers_total: 5, providers_healthy: 5, regions: ['US', 'EU', 'ASIA'] },
    });
  });
});
