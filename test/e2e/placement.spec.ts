import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  answers,
  crashes,
  deploymentOf,
  hangs,
  startBeacon,
  until,
  type Beacon,
  type UpstreamCall,
} from '#testing';

const EVERYWHERE = ['US', 'EU', 'ASIA'];

describe('where and when jobs run', () => {
  let beacon: Beacon;

  beforeAll(async () => {
    const everywhere = [
      'pinned',
      'preferred',
      'moved',
      'anywhere',
      'mismatched',
      'hanging',
      'dark',
      'shared',
    ];
    const usOnly = ['priorities', 'retried-first', 'patient', 'elsewhere', 'busy'];
    beacon = await startBeacon({
      configuration: deploymentOf(
        {
          ...Object.fromEntries(everywhere.map((model) => [model, EVERYWHERE])),
          ...Object.fromEntries(usOnly.map((model) => [model, ['US']])),
          double: [{ region: 'US', concurrency: 2 }],
        },
        {
          breaker: { failures: 2, open_ms: 50, open_max_ms: 100 },
          priorities: { normal_ageing_s: 60, low_ageing_s: 120 },
        },
      ),
    });
  });
  afterAll(() => beacon.stop());

  const regionsCalled = (model: string): string[] =>
    beacon.upstream.calls
      .filter(({ endpoint }) => endpoint.endsWith(`/${model}`))
      .map(({ endpoint }) => endpoint.split('/')[0]!);

  describe('a pinned job', () => {
    it('never leaves its region, even where it fails there to the end', async () => {
      beacon.upstream.from('EU/pinned', crashes);
      const { job_id } = await beacon.client.queue({
        model: 'pinned',
        prompt: 'stay',
        region_preference: 'EU',
        region_policy: 'pin',
        max_attempts: 3,
      });
      const job = await beacon.client.untilEnded(job_id);
      expect(job).toMatchObject({
        status: 'failed',
        region: 'EU',
        error: { code: 'UPSTREAM_ERROR' },
        attempts: [{ region: 'EU' }, { region: 'EU' }, { region: 'EU' }],
      });
      expect(regionsCalled('pinned')).toEqual(['EU', 'EU', 'EU']);
      // The control: without the pin the same failure sends it elsewhere.
      const free = await beacon.client.queue({ model: 'pinned', prompt: 'go', region_preference: 'EU' });
      expect((await beacon.client.untilJob(free.job_id, 'completed')).region).not.toBe('EU');
    });

    it("is not answered by an endpoint that attests another region's name", async () => {
      beacon.upstream.from('ASIA/mismatched', (call) => call.answer({ region: 'us-east' }));
      const { job_id } = await beacon.client.queue({
        model: 'mismatched',
        prompt: 'where',
        region_preference: 'apac',
        region_policy: 'pin',
        max_attempts: 1,
      });
      expect(await beacon.client.untilEnded(job_id)).toMatchObject({
        status: 'failed',
        result: null,
        error: { code: 'REGION_MISMATCH' },
      });
    });
  });

  describe('a job that prefers a region', () => {
    it('runs there while it is well', async () => {
      const { job_id } = await beacon.client.queue({
        model: 'preferred',
        prompt: 'home',
        region_preference: 'ASIA',
      });
      const job = await beacon.client.untilJob(job_id, 'completed');
      expect(job.result).toMatchObject({ region: 'ASIA', substituted: false });
      expect(regionsCalled('preferred')).toEqual(['ASIA']);
    });

    it('fails over to another region at once, whatever Retry-After says, and the answer is marked', async () => {
      beacon.upstream.next('US/moved', (call) => call.respond(429, 'slow down', { 'retry-after': '3600' }));
      const { job_id } = await beacon.client.queue({
        model: 'moved',
        prompt: 'move',
        region_preference: 'US',
      });
      const job = await beacon.client.untilJob(job_id, 'completed');
      expect(job).toMatchObject({
        region_policy: 'prefer',
        retry_count: 1,
        attempts: [
          { region: 'US', status: 'failed', error_code: 'RATE_LIMITED' },
          { status: 'succeeded', error_code: null },
        ],
        result: { substituted: true },
      });
      expect(job.result!.region).not.toBe('US');
    });

    it('goes elsewhere by itself while nothing in its region is well', async () => {
      const { client, upstream } = beacon;
      upstream.from('US/dark', crashes);
      for (const prompt of ['one', 'two']) {
        const { job_id } = await client.queue({
          model: 'dark',
          prompt,
          region_preference: 'US',
          region_policy: 'pin',
          max_attempts: 1,
        });
        await client.untilEnded(job_id);
      }
      await until('the breaker is open', async () =>
        (await client.queues()).regions['US']!.endpoints.some(
          ({ id, state }) => id === 'US-dark' && state === 'down',
        ),
      );
      const { job_id } = await client.queue({ model: 'dark', prompt: 'three', region_preference: 'US' });
      const job = await client.untilJob(job_id, 'completed');
      expect(job.result).toMatchObject({ substituted: true });
    });
  });

  it('a job for any region goes where an endpoint is free', async () => {
    const { client, upstream } = beacon;
    upstream.next('US/anywhere', hangs);
    const busy = await client.queue({
      model: 'anywhere',
      prompt: 'busy',
      region_preference: 'US',
      region_policy: 'pin',
    });
    await client.untilJob(busy.job_id, 'processing');
    const { job_id } = await client.queue({
      model: 'anywhere',
      prompt: 'free',
      region_preference: 'US',
      region_policy: 'any',
    });
    const job = await client.untilJob(job_id, 'completed');
    expect(job.region).not.toBe('US');
    expect((await client.job(busy.job_id)).status).toBe('processing');
  });

  it('a busy endpoint holds nothing back for another', async () => {
    const { client, upstream } = beacon;
    upstream.from('US/busy', hangs);
    for (const prompt of ['b1', 'b2', 'b3']) await client.queue({ model: 'busy', prompt, priority: 'high' });
    const { job_id } = await client.queue({ model: 'elsewhere', prompt: 'quick', priority: 'low' });
    await client.untilJob(job_id, 'completed');
  });

  it('an endpoint never has more calls in flight than its concurrency', async () => {
    const { client, upstream } = beacon;
    const inFlight = new Set<UpstreamCall>();
    let most = 0;
    let isHeld = true;
    const answer = (call: UpstreamCall): void => {
      inFlight.delete(call);
      call.answer();
    };
    upstream.from('US/double', (call) => {
      inFlight.add(call);
      most = Math.max(most, inFlight.size);
      // The one that wakes the endpoint goes alone.
      if (!isHeld || upstream.callsOf('US/double').length === 1) setImmediate(answer, call);
    });
    const jobs = await Promise.all(
      Array.from({ length: 40 }, (_, index) => client.queue({ model: 'double', prompt: `d${index}` })),
    );
    await until('two are called side by side', () => inFlight.size === 2);
    // What would go to it beside them has gone by the time in which another endpoint has answered.
    const { job_id: elsewhere } = await client.queue({ model: 'elsewhere', prompt: 'meanwhile' });
    await client.untilJob(elsewhere, 'completed');
    expect(inFlight.size).toBe(2);
    isHeld = false;
    for (const call of [...inFlight]) answer(call);
    for (const { job_id } of jobs) await client.untilJob(job_id, 'completed');
    expect(most).toBe(2);
    expect(upstream.callsOf('US/double')).toHaveLength(40);
  });

  describe('the order', () => {
    it('is by priority, and first come first served within one', async () => {
      const { client, upstream } = beacon;
      const held: (() => void)[] = [];
      upstream.next('US/priorities', (call) => held.push(() => call.answer()));
      const first = await client.queue({ model: 'priorities', prompt: 'pilot' });
      await client.untilJob(first.job_id, 'processing');
      await upstream.call('US/priorities');
      const jobs: string[] = [];
      for (const [prompt, priority] of [
        ['low 1', 'low'],
        ['normal 1', 'normal'],
        ['normal 2', 'normal'],
        ['high 1', 'high'],
        ['high 2', 'high'],
      ])
        jobs.push((await client.queue({ model: 'priorities', prompt, priority })).job_id);
      expect((await client.job(jobs[0]!)).queue_position).toBe(5);
      expect((await client.job(jobs[3]!)).queue_position).toBe(1);
      held.forEach((release) => release());
      await client.untilJob(jobs[0]!, 'completed');
      expect(upstream.callsOf('US/priorities').map(({ prompt }) => prompt)).toEqual([
        'pilot',
        'high 1',
        'high 2',
        'normal 1',
        'normal 2',
        'low 1',
      ]);
    });

    it('puts a retry before fresh jobs of any priority', async () => {
      const { client, upstream, database } = beacon;
      const held: (() => void)[] = [];
      upstream.next(
        'US/retried-first',
        // Without Retry-After full jitter may make the retry due at once, before anything else could begin.
        (call) => held.push(() => call.respond(500, 'internal error', { 'retry-after': '600' })),
        (call) => held.push(() => call.answer()),
      );
      const low = await client.queue({ model: 'retried-first', prompt: 'low', priority: 'low' });
      await client.untilJob(low.job_id, 'processing');
      await upstream.call('US/retried-first');
      const high: string[] = [];
      for (const prompt of ['high 1', 'high 2', 'high 3'])
        high.push((await client.queue({ model: 'retried-first', prompt, priority: 'high' })).job_id);
      held.shift()!();
      // While it waits for its time the endpoint is not left idle.
      await client.untilJob(high[0]!, 'processing');
      await upstream.call('US/retried-first', 2);
      await database.query('UPDATE jobs SET not_before = clock_timestamp() WHERE id = $1', [low.job_id]);
      expect(await client.job(low.job_id)).toMatchObject({ status: 'retrying', queue_position: 1 });
      expect((await client.job(high[1]!)).queue_position).toBe(2);
      held.shift()!();
      await client.untilJob(high[2]!, 'completed');
      expect(upstream.callsOf('US/retried-first').map(({ prompt }) => prompt)).toEqual([
        'low',
        'high 1',
        'low',
        'high 2',
        'high 3',
      ]);
    });
  });

  describe('the execution timeout', () => {
    it('does not count the wait in the queue', async () => {
      const { client, upstream } = beacon;
      const held: (() => void)[] = [];
      upstream.next('US/patient', (call) => held.push(() => call.answer()));
      const ahead = await client.queue({ model: 'patient', prompt: 'ahead' });
      await client.untilJob(ahead.job_id, 'processing');
      const { job_id } = await client.queue({ model: 'patient', prompt: 'patient', timeout_ms: 8000 });
      await until('it has waited for longer', async () => (await client.job(job_id)).duration > 8.2);
      held.forEach((release) => release());
      expect(await client.untilEnded(job_id)).toMatchObject({ status: 'completed', retry_count: 0 });
    });

    it('ends a hanging call upstream, and the job is answered elsewhere', async () => {
      const { client, upstream } = beacon;
      upstream.from('US/hanging', hangs);
      upstream.from('EU/hanging', answers);
      const { job_id } = await client.queue({
        model: 'hanging',
        prompt: 'hang',
        region_preference: 'US',
        timeout_ms: 6000,
      });
      const call = await upstream.call('US/hanging');
      const job = await client.untilJob(job_id, 'completed');
      expect(job).toMatchObject({
        attempts: [{ region: 'US', error_code: 'EXECUTION_TIMEOUT' }, { status: 'succeeded' }],
        result: { substituted: true },
      });
      await until('the hanging call is over', () => call.hungUp);
    });
  });
});
