import { operationsSchema, orderedSchema, type OrderedView } from '#contracts';
import {
  answers,
  deploymentOf,
  hangs,
  startBeacon,
  until,
  type Beacon,
  type BeaconClient,
  type Reply,
} from '#testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

describe('what operators change while Beacon runs', () => {
  let beacon: Beacon;

  beforeAll(async () => {
    const both = ['US', 'EU'];
    beacon = await startBeacon({
      configuration: deploymentOf({
        ...Object.fromEntries(
          ['paused', 'staged', 'raced', 'restarted', 'ended', 'undone', 'patient', 'forced'].map((model) => [
            model,
            both,
          ]),
        ),
        regional: ['ASIA'],
        direct: ['US'],
        turns: ['US'],
        'us-only': ['US'],
        quick: ['US'],
      }),
      keys: {
        ops: { roles: ['operate', 'submit'], limits: { requests_per_s: 0 } },
        user: { roles: ['submit'] },
        other: { roles: ['submit'] },
      },
    });
  });
  afterAll(() => beacon.stop());

  const ops = () => beacon.client.as('ops');
  const order = async (path: string, json?: object): Promise<OrderedView> => {
    const reply = await ops().request(path, {
      method: 'POST',
      ...(json === undefined ? {} : { json }),
    });
    expect({ path, status: reply.status, body: reply.body }).toMatchObject({ status: 200 });
    return orderedSchema.parse(reply.body);
  };
  const change = (method: string, path: string, json?: object): Promise<Reply> =>
    ops().request(path === '' ? '/operations' : `/operations/${path}`, {
      method,
      ...(json === undefined ? {} : { json }),
    });
  const stateOf = async (region: string, id: string) =>
    (await ops().queues()).regions[region]!.endpoints.find((endpoint) => endpoint.id === id)!;
  const queue = async (model: string, prompt: string, more: object = {}): Promise<string> =>
    (await ops().queue({ model, prompt, region_preference: 'US', ...more })).job_id;
  const pinned = { region_policy: 'pin' };
  const warmUp = async (model: string): Promise<void> => {
    for (const region of ['US', 'EU']) {
      const job = { model, prompt: `warm ${model} ${region}`, region_preference: region, ...pinned };
      await ops().untilJob((await ops().queue(job)).job_id, 'completed');
    }
  };

  describe('the pause of an endpoint', () => {
    it('admits nothing there: pinned jobs wait and say so, others go elsewhere', async () => {
      const { change_id } = await order('/endpoints/US-paused/pause', { reason: 'cold GPUs' });
      const waiting = await queue('paused', 'stay', pinned);
      const moved = await ops().untilJob(await queue('paused', 'move'), 'completed');
      expect(moved.result).toMatchObject({ region: 'EU', substituted: true });
      expect(await ops().job(waiting)).toMatchObject({
        status: 'queued',
        wait_reason: 'every endpoint in region US is paused by an operator',
      });
      const view = await stateOf('US', 'US-paused');
      expect(view).toMatchObject({
        state: 'paused',
        paused: [{ target: 'endpoint', reason: 'cold GPUs', by: 'ops', change_id, until: null }],
      });
      const { body } = await ops().request<{ providers: object[] }>('/providers');
      expect(body.providers).toContainEqual(
        expect.objectContaining({ id: 'US-paused', paused: view.paused }),
      );
      expect(operationsSchema.parse((await change('GET', '')).body)).toMatchObject({
        pauses: [{ target: { kind: 'endpoint', id: 'US-paused' }, drained: true, by: 'ops', change_id }],
      });
      expect(beacon.upstream.callsOf('US/paused')).toEqual([]);

      await order('/endpoints/US-paused/resume');
      expect((await ops().untilJob(waiting, 'completed')).region).toBe('US');
      expect((await stateOf('US', 'US-paused')).paused).toEqual([]);
    });

    it('takes back what has not begun, lets end what has, and says when nothing is in flight', async () => {
      await warmUp('staged');
      beacon.upstream.next('US/staged', hangs);
      const running = await queue('staged', 'running', pinned);
      await ops().untilJob(running, 'processing');
      const staged = await queue('staged', 'staged');
      await until('it is staged', async () => (await stateOf('US', 'US-staged')).slots_in_use === 2);

      const drain = await order('/endpoints/US-staged/drain');
      expect(drain).toMatchObject({
        drained: false,
        endpoints: [{ id: 'US-staged', state: 'draining' }],
      });
      // A ticket that is on its way to its dispatcher is taken back a moment later.
      expect([0, 1]).toContain(drain['tickets_taken_back']);
      const moved = await ops().untilJob(staged, 'completed');
      expect(moved).toMatchObject({ retry_count: 0, attempts: [{ region: 'EU' }] });
      expect(beacon.upstream.callsFor('staged').map(({ endpoint }) => endpoint)).toEqual(['EU/staged']);
      expect((await ops().job(running)).status).toBe('processing');

      beacon.upstream.callsFor('running')[0]!.answer();
      await ops().untilJob(running, 'completed');
      expect((await change('GET', '')).body).toMatchObject({
        pauses: expect.arrayContaining([
          expect.objectContaining({ in_flight: 0, drained: true, drain: true }),
        ]),
      });
      expect((await stateOf('US', 'US-staged')).state).toBe('paused');
      await order('/endpoints/US-staged/resume');
    });

    it('holds in every router at once, and is not outrun by jobs that arrive with it', async () => {
      const other = await beacon.startAnotherRouter();
      const flood: ReturnType<BeaconClient['queue']>[] = [];
      const submit = () => {
        const index = flood.length;
        const client = index % 2 === 0 ? ops() : other.client.as('ops');
        const job = { model: 'raced', prompt: `raced ${index}`, region_preference: 'US', ...pinned };
        return flood[flood.push(client.queue(job)) - 1]!;
      };
      let isFlooding = true;
      beacon.upstream.from('US/raced', (call) => {
        const answer = () => void call.answer();
        // However late the pause takes hold, there is something left that it holds back.
        if (isFlooding) submit().then(answer, answer);
        else setTimeout(answer, 10);
      });
      for (let index = 0; index < 60; index += 1) void submit();
      const paused = await other.client.as('ops').request('/endpoints/US-raced/pause', { method: 'POST' });
      expect(paused.status).toBe(200);
      isFlooding = false;
      const jobs = await Promise.all(flood);
      await until('nothing is in flight', async () => (await stateOf('US', 'US-raced')).state === 'paused');
      const begun = beacon.upstream.callsOf('US/raced').length;
      // Both routers have work to do meanwhile, and do it.
      for (const client of [ops(), other.client.as('ops')])
        for (let round = 0; round < 3; round += 1) {
          const { job_id } = await client.queue({ model: 'quick', prompt: `round ${round}` });
          await client.untilJob(job_id, 'completed');
        }
      expect(beacon.upstream.callsOf('US/raced')).toHaveLength(begun);
      expect(begun).toBeLessThan(jobs.length);

      await order('/endpoints/US-raced/resume');
      for (const { job_id } of jobs) await other.client.as('ops').untilJob(job_id, 'completed');
      expect(beacon.upstream.callsOf('US/raced')).toHaveLength(jobs.length);
      await other.stop();
    });

    it('outlives the router', async () => {
      await order('/endpoints/US-restarted/pause', { reason: 'over night' });
      const waiting = await queue('restarted', 'after the night', pinned);
      await beacon.stopRouter();
      await beacon.startRouter();
      expect(await stateOf('US', 'US-restarted')).toMatchObject({ paused: [{ reason: 'over night' }] });
      await ops().untilJob(await queue('quick', 'it admits'), 'completed');
      expect((await ops().job(waiting)).status).toBe('queued');
      await order('/endpoints/US-restarted/resume');
      await ops().untilJob(waiting, 'completed');
    });

    it('ends by itself when its time is over, and the audit log has both', async () => {
      const paused = await order('/endpoints/US-ended/pause', { for_s: 600, reason: 'a moment' });
      expect(paused).toMatchObject({
        ...{ in_force: { reason: 'a moment', until: expect.any(String) } },
        endpoints: [{ id: 'US-ended', state: 'paused' }],
      });
      const waiting = await queue('ended', 'afterwards', pinned);
      // Its time is over once it was seen to be in force, however long a busy machine took for that.
      await beacon.database.query(
        `UPDATE controls_in_force SET until = clock_timestamp() WHERE kind = 'pause' AND target = 'endpoint:US-ended'`,
      );
      await ops().untilJob(waiting, 'completed');
      const { rows: acts } = await beacon.database.query(
        "SELECT * FROM audit_log WHERE target = 'endpoint:US-ended' ORDER BY entry_no DESC",
      );
      expect(acts).toMatchObject([
        { act: 'control.ended', actor: 'beacon' },
        { act: 'endpoint.paused', actor: 'ops', tenant: 'ops', detail: { reason: 'a moment' } },
      ]);
      const { body } = await ops().request<{ text: string }>('/metrics');
      expect(body.text).toMatch(
        /beacon_control_changes_total\{[^}]*kind="pause"[^}]*cause="ended"[^}]*\} \d/,
      );
    });
  });

  it('a region and its endpoints are paused apart: resuming the one leaves the other', async () => {
    await order('/endpoints/ASIA-regional/pause');
    expect(await order('/regions/apac/pause', { reason: 'outage' })).toMatchObject({
      target: { kind: 'region', id: 'ASIA' },
      endpoints: [{ id: 'ASIA-regional', state: 'paused' }],
    });
    expect((await ops().queues()).regions['ASIA']!.paused).toMatchObject({ reason: 'outage', by: 'ops' });
    await order('/regions/ASIA/resume');
    expect((await ops().queues()).regions['ASIA']!.paused).toBeNull();
    expect((await stateOf('ASIA', 'ASIA-regional')).state).toBe('paused');
    expect(await order('/regions/ASIA/resume')).toMatchObject({ change_id: null, in_force: null });
    await order('/endpoints/ASIA-regional/resume');
    expect((await stateOf('ASIA', 'ASIA-regional')).state).not.toBe('paused');
  });

  describe('direct mode', () => {
    it('puts what a caller waits for before all that waits, while it is on', async () => {
      beacon.upstream.from('US/direct', hangs);
      const first = await ops().queue({ model: 'direct', prompt: 'first' });
      await ops().untilJob(first.job_id, 'processing');
      const queued = [];
      for (const prompt of ['queued 1', 'queued 2'])
        queued.push(await ops().queue({ model: 'direct', prompt, priority: 'high' }));
      const answer = ops().request('/inference', {
        json: { model: 'direct', prompt: 'direct', priority: 'low' },
      });
      await until(
        'it is stored',
        async () => (await ops().queues()).regions['US']!.models['direct']!.queued === 3,
      );
      expect((await change('PUT', 'modes/direct', { reason: 'people wait' })).body).toMatchObject({
        kind: 'mode',
        in_force: { by: 'ops', reason: 'people wait' },
      });
      beacon.upstream.from('US/direct', answers);
      beacon.upstream.callsFor('first')[0]!.answer();
      expect(await answer).toMatchObject({ status: 200, body: { success: true } });
      for (const { job_id } of queued) await ops().untilJob(job_id, 'completed');
      const prompts = beacon.upstream.callsOf('US/direct').map(({ prompt }) => prompt);
      expect(prompts).toEqual(['first', 'direct', 'queued 1', 'queued 2']);
      expect((await change('DELETE', 'modes/direct')).status).toBe(200);
      expect((await change('GET', '')).body['modes']).toEqual([]);
    });

    it('gives tenants turns among what is awaited, and forgets whom nobody waits for any more', async () => {
      const held = (prompt: string) => beacon.upstream.callsOf('US/turns').filter((c) => c.prompt === prompt);
      const awaited = async (): Promise<number> => {
        const { rows } = await beacon.database.query<{ count: number }>(
          `SELECT count(*)::integer AS count FROM jobs WHERE model = 'turns' AND awaited AND state = 'queued'`,
        );
        return rows[0]!.count;
      };
      const untilAwaited = (count: number) =>
        until(`${count} are awaited`, async () => (await awaited()) === count);
      beacon.upstream.from('US/turns', hangs);
      const first = await ops().queue({ model: 'turns', prompt: 'first' });
      await ops().untilJob(first.job_id, 'processing');
      await order('/endpoints/US-turns/pause');
      await change('PUT', 'modes/direct');
      const ask = (key: string, prompt: string, more: object = {}) =>
        beacon.client.as(key).request('/inference', { json: { model: 'turns', prompt }, ...more });
      // All of these came before anything of the other tenant.
      const flood = Array.from({ length: 12 }, (_, index) => ask('user', `flood ${index}`));
      await untilAwaited(12);
      const leaving = new AbortController();
      const headers = { 'idempotency-key': 'leaves' };
      const left = ask('other', 'left', { headers, signal: leaving.signal }).catch(() => undefined);
      await untilAwaited(13);
      leaving.abort();
      await left;
      await untilAwaited(12);
      const few = ask('other', 'few');
      await untilAwaited(13);
      beacon.upstream.from('US/turns', answers);
      held('first')[0]!.answer();
      await ops().untilJob(first.job_id, 'completed');
      await order('/endpoints/US-turns/resume');
      expect(await few).toMatchObject({ status: 200 });
      for (const reply of await Promise.all(flood)) expect(reply.status).toBe(200);
      const prompts = beacon.upstream.callsOf('US/turns').map(({ prompt }) => String(prompt));
      expect(prompts.indexOf('few')).toBeLessThanOrEqual(2);
      await until('the one that was left was called', () => held('left').length === 1);
      const called = beacon.upstream.callsOf('US/turns').map(({ prompt }) => String(prompt));
      expect(called.indexOf('left')).toBe(called.length - 1);
      await change('DELETE', 'modes/direct');
    });
  });

  it('single-region mode sends everything to one region that is not pinned elsewhere, until it is taken back', async () => {
    const { body, status } = await change('PUT', 'modes/single-region', {
      region: 'eu-west',
      reason: 'US is ill',
    });
    expect({ status, body }).toMatchObject({
      status: 200,
      body: { in_force: { reason: 'US is ill' }, models_that_wait: expect.arrayContaining(['us-only']) },
    });
    expect((await ops().untilJob(await queue('forced', 'prefers the US'), 'completed')).region).toBe('EU');
    expect((await ops().untilJob(await queue('forced', 'pinned', pinned), 'completed')).region).toBe('US');
    // A failure there is tried again there.
    beacon.upstream.next('EU/forced', (call) => call.respond(500, 'ill'));
    const again = await ops().untilJob(await queue('forced', 'again'), 'completed');
    expect(again.attempts.map(({ region }) => region)).toEqual(['EU', 'EU']);
    const waiting = await queue('us-only', 'nowhere to go');
    expect(await ops().job(waiting)).toMatchObject({
      status: 'queued',
      wait_reason: 'single-region mode is on: it waits for an endpoint in EU',
    });
    expect((await change('POST', 'changes/latest/undo')).body).toMatchObject({
      target: 'single_region',
      in_force: null,
    });
    expect((await ops().untilJob(waiting, 'completed')).region).toBe('US');
  });

  describe('a setting', () => {
    it('holds for jobs that wait already, and returns to what is configured', async () => {
      await order('/endpoints/US-patient/pause');
      const waiting = await queue('patient', 'hangs', { ...pinned, max_attempts: 1 });
      const own = await queue('patient', 'own', { ...pinned, timeout_ms: 20_000 });
      const put = await change('PUT', 'settings/timeouts.execution_ms', { value: 150, reason: 'calls hang' });
      expect(put.body).toMatchObject({
        ...{ name: 'timeouts.execution_ms', configured: 300_000, in_force: 150, bound: 'free' },
        changed: { by: 'ops', reason: 'calls hang' },
      });
      beacon.upstream.next('US/patient', hangs);
      await order('/endpoints/US-patient/resume');
      expect(await ops().untilEnded(waiting)).toMatchObject({ error: { code: 'EXECUTION_TIMEOUT' } });
      await ops().untilJob(own, 'completed');
      expect((await change('GET', '')).body['settings']).toMatchObject([{ name: 'timeouts.execution_ms' }]);
      const back = await change('DELETE', 'settings/timeouts.execution_ms');
      expect(back.body).toMatchObject({ in_force: 300_000, changed: null });
    });

    it('bounds callers from the next request on, and is taken back', async () => {
      const user = beacon.client.as('user');
      const submit = (prompt: string) =>
        user.request('/inference/queued', {
          json: { model: 'patient', prompt, region_preference: 'US', ...pinned },
        });
      const refused = (detail: string) => ({
        status: 429,
        body: { detail: expect.stringContaining(detail) },
      });
      await order('/endpoints/US-patient/pause');
      await change('PUT', 'settings/limits.queued_jobs_per_key', { value: 1, reason: 'a flood' });
      expect((await submit('waits')).status).toBe(202);
      const full = await submit('too many');
      expect(full).toMatchObject(refused('limits.queued_jobs_per_key: key "user" may have 1 jobs waiting'));
      await change('POST', 'changes/latest/undo');
      expect((await submit('fits again')).status).toBe(202);

      await change('PUT', 'settings/limits.burst_per_key', { value: 1 });
      await change('PUT', 'settings/limits.requests_per_s_per_key', { value: 0.001 });
      await user.request('/queue/status');
      const hasty = await user.request('/queue/status');
      expect(hasty).toMatchObject(refused('"user" may make 0.001 requests per second, 1 at once'));
      await change('DELETE', 'settings/limits.requests_per_s_per_key');
      await change('DELETE', 'settings/limits.burst_per_key');
      await until('it may again', async () => (await user.request('/queue/status')).status === 200);
      await order('/endpoints/US-patient/resume');
    });

    it('is refused beyond its bounds, with the limit', async () => {
      const { gpus } = beacon.configuration.limits;
      for (const [name, value, detail] of [
        ['limits.gpus', gpus + 1, `at most ${gpus}`],
        ['retries.max_attempts', 0, 'must be at least 1'],
        ['retries.max_attempts', 1.5, 'must be a whole number'],
      ] as const)
        expect(await change('PUT', `settings/${name}`, { value })).toMatchObject({
          status: 400,
          body: { code: 'VALIDATION_FAILED', detail: expect.stringContaining(detail) },
        });
      expect(await change('PUT', 'settings/limits.body_bytes', { value: 1 })).toMatchObject({
        status: 404,
        body: { code: 'UNKNOWN_SETTING' },
      });
    });

    it('bounds GPUs from the moment it is lowered', async () => {
      const inUse = (await ops().queues()).gpus_in_use;
      expect(inUse).toBeGreaterThan(0);
      await change('PUT', 'settings/limits.gpus', { value: 1 });
      const waiting = await queue('undone', 'cold', pinned);
      expect(await ops().job(waiting)).toMatchObject({
        status: 'queued',
        wait_reason: 'all 1 GPUs are in use; waiting for one to be released',
      });
      expect((await ops().queues()).gpu_limit).toBe(1);
      await change('DELETE', 'settings/limits.gpus');
      await ops().untilJob(waiting, 'completed');
    });
  });

  describe('taking a change back', () => {
    it('restores what was before, of every kind, and is refused where a later change would be lost', async () => {
      const first = await order('/endpoints/US-undone/pause', { reason: 'first' });
      const second = await order('/endpoints/US-undone/drain', { reason: 'second', for_s: 600 });
      expect(await change('POST', `changes/${first.change_id}/undo`)).toMatchObject({
        status: 409,
        body: { code: 'CHANGE_SUPERSEDED', detail: expect.stringContaining(String(second.change_id)) },
      });
      const undone = await change('POST', `changes/${second.change_id}/undo`, { reason: 'too early' });
      expect(undone.body).toMatchObject({ in_force: { reason: 'first', until: null } });
      expect((await stateOf('US', 'US-undone')).paused).toMatchObject([{ reason: 'first' }]);
      // The undo is a change too.
      expect((await change('POST', `changes/${String(undone.body['change_id'])}/undo`)).body).toMatchObject({
        in_force: { reason: 'second' },
      });
      await order('/endpoints/US-undone/resume');

      await change('PUT', 'settings/breaker.failures', { value: 5 });
      await change('PUT', 'settings/breaker.failures', { value: 7 });
      await change('POST', 'changes/latest/undo');
      expect((await change('GET', '')).body['settings']).toMatchObject([{ in_force: 5 }]);
      await change('DELETE', 'settings/breaker.failures');

      const { body } = await change('GET', 'changes?limit=2');
      expect(body).toMatchObject({
        changes: [
          { kind: 'setting', cause: 'asked', before: { value: 5 }, after: null },
          {
            kind: 'setting',
            cause: 'undone',
            before: { value: 7 },
            after: { value: 5 },
            undoes: expect.any(Number),
          },
        ],
        next: expect.any(Number),
      });
    });

    it('of what is not there is refused', async () => {
      for (const id of ['999999', 'x', '0'])
        expect(await change('POST', `changes/${id}/undo`)).toMatchObject({
          status: 404,
          body: { code: 'CHANGE_NOT_FOUND' },
        });
    });
  });

  it.each<[string, string, number, string]>([
    ['POST', '/endpoints/nowhere/pause', 404, 'UNKNOWN_ENDPOINT'],
    ['POST', '/regions/MARS/drain', 404, 'UNKNOWN_REGION'],
    ['POST', '/endpoints/US-paused/warm', 409, 'NOT_CONTROLLABLE'],
    ['POST', '/regions/US/warm', 409, 'NOT_CONTROLLABLE'],
  ])('%s %s is refused: %d %s', async (method, path, status, code) => {
    expect(await ops().request(path, { method })).toMatchObject({ status, body: { code } });
  });

  it('needs the role "operate"', async () => {
    const user = beacon.client.as('user');
    for (const path of ['/endpoints/US-paused/pause', '/operations/changes/latest/undo'])
      expect((await user.request(path, { method: 'POST' })).status).toBe(403);
    expect((await user.request('/operations')).status).toBe(403);
  });
});
