import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  jobWebhookSchema,
  taskWebhookSchema,
  webhookDeliveryListSchema,
  type WebhookDeliveryDetailsView,
  type WebhookDeliveryListView,
  type WebhookDeliveryView,
} from '#contracts';
import { crashes, deploymentOf, hangs, startBeacon, until, type Beacon, type BeaconClient } from '#testing';

const URL_OF_RECEIVER = 'https://hooks.example.org/told?token=THE_TOKEN';
/** Nothing of these may be told. */
const PROMPT = 'MARKER_PROMPT';
const ANSWER = 'MARKER_ANSWER';
const FAULT = 'MARKER_FAULT';
const METADATA = { order: 17, 'an "odd" key': ['ü', null] };

describe('the webhooks of jobs', () => {
  let beacon: Beacon;
  let client: BeaconClient;

  beforeAll(async () => {
    beacon = await startBeacon({
      configuration: deploymentOf(
        {
          ...{ fine: ['US'], failing: ['US'], hanging: ['US'], moving: ['US', 'EU'], unserved: ['ASIA'] },
          ...{ tasks: ['US'], shared: ['US'] },
        },
        { webhooks: { allowed_hosts: ['hooks.internal:9000'] } },
      ),
      // Nobody serves ASIA: what is asked of it waits.
      dispatchers: ['US', 'EU'],
      keys: {
        anna: { roles: ['submit'] },
        anna2: { roles: ['read'], tenant: 'anna' },
        ben: { roles: ['submit'] },
        ops: { roles: ['operate'] },
      },
    });
    client = beacon.client.as('anna');
  });
  afterAll(() => beacon.stop());

  const submit = async (model: string, more: Readonly<Record<string, unknown>> = {}): Promise<string> =>
    (
      await client.queue({
        ...{ model, prompt: PROMPT, webhook_url: URL_OF_RECEIVER, metadata: METADATA },
        ...more,
      })
    ).job_id;
  const list = async (query: string, key = 'anna'): Promise<WebhookDeliveryView[]> => {
    const reply = await beacon.client
      .as(key)
      .request<WebhookDeliveryListView>(`/webhook-deliveries?${query}`);
    return webhookDeliveryListSchema.parse(reply.body).deliveries;
  };
  const bodiesOf = async (jobId: string): Promise<Record<string, unknown>[]> => {
    const found = await list(`job_id=${jobId}`);
    return Promise.all(
      found.map(async ({ event_id: id }) => {
        const path = `/webhook-deliveries/${id}`;
        return (await client.request<WebhookDeliveryDetailsView>(path)).body.body;
      }),
    );
  };
  /** What was queued for one job, as it is sent: one event that is exactly as documented, with nothing besides. */
  const toldOf = async (jobId: string) => {
    const [body, ...more] = await bodiesOf(jobId);
    expect(more).toEqual([]);
    const { rows } = await beacon.database.query<{ body: string }>(
      `SELECT body FROM webhook_deliveries WHERE job_id = $1`,
      [jobId],
    );
    for (const marker of [PROMPT, ANSWER, FAULT, beacon.upstream.url, 'US-', 'EU-', 'endpoint', 'cost'])
      expect(rows[0]?.body).not.toContain(marker);
    return jobWebhookSchema.parse(body);
  };

  it('tell of an answer', async () => {
    beacon.upstream.next('US/fine', (call) => call.answer({ response: ANSWER }));
    const jobId = await submit('fine', { region_preference: 'US', region_policy: 'pin' });
    const job = await client.untilJob(jobId, 'completed');
    expect(job.result?.response).toBe(ANSWER);
    const { type, timestamp, data } = await toldOf(jobId);
    expect({ type, timestamp }).toEqual({ type: 'job.completed', timestamp: job.completed_at });
    expect(data).toEqual({
      ...{ job_id: jobId, sequence: 1, status: 'completed', region: 'US', substituted: false },
      ...{ retry_count: 0, execution_time_s: expect.any(Number), error_code: null, metadata: METADATA },
      path: `/inference/status/${jobId}`,
    });
    expect((await client.request(data.path)).status).toBe(200);
  });

  it('tell of a substitute, and of how often it was tried', async () => {
    beacon.upstream.from('US/moving', crashes);
    const jobId = await submit('moving', { region_preference: 'US', region_policy: 'prefer' });
    await client.untilJob(jobId, 'completed');
    expect((await toldOf(jobId)).data).toMatchObject({ region: 'EU', substituted: true, retry_count: 1 });
  });

  it('tell of a failure by its code, never by what the endpoint said', async () => {
    beacon.upstream.from('US/failing', (call) => call.respond(200, { status: 'error', error: FAULT }));
    const jobId = await submit('failing', { metadata: undefined });
    const job = await client.untilJob(jobId, 'failed');
    const { type, data } = await toldOf(jobId);
    expect(type).toBe('job.failed');
    expect(data).toMatchObject({
      status: 'failed',
      error_code: job.error?.code,
      metadata: null,
      region: 'US',
    });
  });

  it('tell of cancellations, of jobs that wait and of jobs that run', async () => {
    beacon.upstream.from('US/hanging', hangs);
    const running = await submit('hanging');
    await client.untilJob(running, 'processing');
    const waiting = await submit('hanging');
    for (const jobId of [waiting, running]) {
      await client.cancel(jobId);
      await client.untilJob(jobId, 'cancelled');
      const { type, data } = await toldOf(jobId);
      expect(type).toBe('job.cancelled');
      expect(data).toMatchObject({ status: 'cancelled', error_code: null, region: 'US', retry_count: 0 });
    }
  });

  it('tell of a deadline that has passed', async () => {
    const jobId = await submit('unserved', { deadline: new Date(Date.now() + 3_600_000).toISOString() });
    await beacon.database.query('UPDATE jobs SET deadline = clock_timestamp() WHERE id = $1', [jobId]);
    await client.untilJob(jobId, 'expired');
    const { type, data } = await toldOf(jobId);
    expect(type).toBe('job.expired');
    expect(data).toMatchObject({
      status: 'expired',
      error_code: 'DEADLINE_EXCEEDED',
      execution_time_s: null,
    });
  });

  it('of a task tell what a customer may see, and nothing else', async () => {
    const held: (() => void)[] = [];
    beacon.upstream.next('US/tasks', (call) => held.push(() => call.answer({ response: ANSWER })));
    const jobId = await submit('tasks');
    await client.untilJob(jobId, 'processing');
    await beacon.database.query(`UPDATE jobs SET task_type = 'research' WHERE id = $1`, [jobId]);
    held.forEach((release) => release());
    // Since it is a task's, it is no job to customers.
    await beacon.client.as('ops').untilJob(jobId, 'completed');
    const [body] = await bodiesOf(jobId);
    expect(taskWebhookSchema.parse(body)).toMatchObject({
      type: 'task.completed',
      data: {
        ...{ task_id: jobId, sequence: 1, task_type: 'research', status: 'completed' },
        ...{ execution_time_s: expect.any(Number), path: `/tasks/${jobId}` },
      },
    });
    expect(Object.keys(body!['data'] as object)).toHaveLength(6);
  });

  it('are queued with the end or not at all, once for each end, and only where there is a webhook_url', async () => {
    const { job_id: silent } = await client.queue({ model: 'fine', prompt: 'silent' });
    await client.untilJob(silent, 'completed');
    expect(await list(`job_id=${silent}`)).toEqual([]);
    const jobId = await submit('unserved');
    const end = (state: string) =>
      beacon.database.query(
        `UPDATE jobs SET state = $2, completed_at = now(), error_code = 'MODEL_ERROR' WHERE id = $1`,
        [jobId, state],
      );
    const rolledBack = beacon.database.transaction(async (transaction) => {
      await transaction.query(`UPDATE jobs SET state = 'failed' WHERE id = $1`, [jobId]);
      throw new Error('rolled back');
    });
    await expect(rolledBack).rejects.toThrow('rolled back');
    expect(await list(`job_id=${jobId}`)).toEqual([]);
    for (const state of ['failed', 'failed', 'queued', 'cancelled']) await end(state);
    const bodies = (await bodiesOf(jobId)).map((body) => jobWebhookSchema.parse(body));
    expect(bodies.map(({ type, data }) => `${type} ${data.sequence}`)).toEqual([
      'job.cancelled 2',
      'job.failed 1',
    ]);
  });

  it.each([
    'http://169.254.169.254/latest/meta-data',
    'http://2130706433/',
    'http://[::ffff:10.0.0.1]/',
    'http://localhost:8080/',
    'http://hooks.internal@10.0.0.1/',
    'ftp://example.org/',
  ])('go nowhere they should not: %s is refused with the job', async (url) => {
    for (const path of ['/inference/queued', '/inference', '/v1/inference']) {
      const reply = await client.request(path, { json: { model: 'fine', prompt: 'x', webhook_url: url } });
      expect(reply).toMatchObject({ status: 400, body: { errors: [{ field: 'webhook_url' }] } });
    }
  });

  it('go where the operator allows', async () => {
    const json = { model: 'fine', prompt: 'x', webhook_url: 'http://hooks.internal:9000/x' };
    expect(await client.request('/inference/queued', { json })).toMatchObject({
      status: 202,
      body: { warnings: [] },
    });
  });

  describe('once they are queued', () => {
    let eventId: string;
    let jobId: string;
    beforeAll(async () => {
      jobId = await submit('shared');
      await client.untilJob(jobId, 'completed');
      eventId = (await list(`job_id=${jobId}`))[0]!.event_id;
    });
    const give = (status: string) =>
      beacon.database.query(
        `UPDATE webhook_deliveries
            SET status = $2, tries = 17, last_error_code = 'RECEIVER_ERROR', finished_at = now() WHERE event_id = $1`,
        [eventId, status],
      );
    const redeliver = (key: string, body: object = {}) =>
      beacon.client.as(key).request('/webhook-deliveries/redeliver', { json: body });

    it('are read by their tenant and by operations, and are not there for anybody else', async () => {
      const path = `/webhook-deliveries/${eventId}`;
      for (const key of ['anna', 'anna2', 'ops']) {
        const { status, body } = await beacon.client.as(key).request<WebhookDeliveryDetailsView>(path);
        expect(status).toBe(200);
        expect(body).toMatchObject({
          ...{
            status: 'pending',
            event_id: eventId,
            event_type: 'job.completed',
            job_id: jobId,
            run_id: null,
          },
          ...{ tries: 0, receiver: 'hooks.example.org', url: 'https://hooks.example.org/told' },
          ...{ last_error_code: null, finished_at: null, sequence: 1 },
        });
        expect(JSON.stringify(body)).not.toContain('THE_TOKEN');
        expect(await list(`job_id=${jobId}`, key)).toHaveLength(1);
      }
      expect((await beacon.client.as('ben').request(path)).status).toBe(404);
      const again = { method: 'POST' };
      expect((await beacon.client.as('ben').request(`${path}/redeliver`, again)).status).toBe(404);
      expect((await beacon.client.as('anna2').request(`${path}/redeliver`, again)).status).toBe(403);
      expect(await list(`job_id=${jobId}`, 'ben')).toEqual([]);
      expect(await list('', 'ben')).toEqual([]);
    });

    it('are found by status, type, job and run, page by page, newest first', async () => {
      const all = await list('limit=200');
      expect(all.length).toBeGreaterThan(6);
      expect(await list('event_type=job.failed')).toHaveLength(2);
      expect(await list('status=failed')).toEqual([]);
      expect(await list(`run_id=${jobId}`)).toEqual([]);
      const paged: string[] = [];
      let cursor: string | null = '';
      while (cursor !== null) {
        const from: string = cursor === '' ? '' : `&cursor=${cursor}`;
        const page: WebhookDeliveryListView = (
          await client.request<WebhookDeliveryListView>(`/webhook-deliveries?limit=3${from}`)
        ).body;
        paged.push(...page.deliveries.map(({ event_id: id }) => id));
        cursor = page.next_cursor;
      }
      expect(paged).toEqual(all.map(({ event_id: id }) => id));
      for (const wrong of ['status=lost', 'limit=0', 'job_id=x', 'cursor=x', 'unknown=1', 'event_type=x'])
        expect((await client.request(`/webhook-deliveries?${wrong}`)).status).toBe(400);
      for (const id of ['x', '00000000-0000-4000-8000-000000000000'])
        expect(await client.request(`/webhook-deliveries/${id}`)).toMatchObject({
          status: 404,
          body: { code: 'WEBHOOK_NOT_FOUND' },
        });
    });

    it('are sent again, one with its id or many by filter, which is written down', async () => {
      const path = `/webhook-deliveries/${eventId}/redeliver`;
      for (const status of ['failed', 'delivered']) {
        await give(status);
        expect(await client.request(path, { method: 'POST' })).toMatchObject({
          status: 202,
          body: { event_id: eventId, status: 'pending', finished_at: null, next_try_at: expect.any(String) },
        });
      }
      await give('failed');
      expect((await redeliver('ben')).body).toEqual({ redelivered: 0, more: false });
      expect((await redeliver('anna', { event_type: 'job.failed' })).body).toMatchObject({ redelivered: 0 });
      expect(await redeliver('anna', { job_id: jobId, limit: 1 })).toMatchObject({
        status: 202,
        body: { redelivered: 1, more: true },
      });
      expect((await redeliver('anna')).body).toEqual({ redelivered: 0, more: false });
      expect((await redeliver('anna', { status: 'lost' })).status).toBe(400);
      expect((await redeliver('anna2')).status).toBe(403);
      const { rows } = await beacon.database.query<{ act: string; actor: string; target: string }>(
        `SELECT act, actor, target FROM audit_log WHERE act LIKE 'webhook%' ORDER BY entry_no`,
      );
      const one = { act: 'webhook.redelivered', actor: 'anna', target: eventId };
      expect(rows).toEqual([one, one, { act: 'webhooks.redelivered', actor: 'anna', target: '*' }]);
      await until('it is counted', async () =>
        /beacon_webhook_redeliveries_total\{[^}]*\} 3/.test(
          String((await beacon.client.as('ops').request('/metrics')).body['text']),
        ),
      );
    });
  });
});
