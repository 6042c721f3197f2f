import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { deploymentOf, startBeacon, type Beacon } from '#testing';

describe('with keys', () => {
  let beacon: Beacon;

  beforeAll(async () => {
    beacon = await startBeacon({
      configuration: deploymentOf({ m: ['US'] }),
      keys: {
        anna: { roles: ['submit'] },
        anna2: { roles: ['read'], tenant: 'anna' },
        ben: { roles: ['submit'] },
        ops: { roles: ['operate'] },
      },
    });
  });
  afterAll(() => beacon.stop());

  const as = (key: string) => beacon.client.as(key);

  it('nobody gets in without one', async () => {
    const reply = await beacon.client.request('/queue/status');
    expect(reply).toMatchObject({ status: 401, body: { code: 'UNAUTHENTICATED' } });
    expect(reply.headers.get('www-authenticate')).toBe('Bearer');
    expect((await beacon.client.request('/health/live')).status).toBe(200);
  });

  it('a role that is missing is named', async () => {
    const reply = await as('anna2').request('/inference/queued', { json: { model: 'm', prompt: 'x' } });
    expect(reply).toMatchObject({
      status: 403,
      body: { code: 'FORBIDDEN', detail: expect.stringContaining('submit') },
    });
  });

  it('a job is seen and cancelled by its tenant and by operations, and is not there for anybody else', async () => {
    const { job_id: id } = await as('anna').queue({ model: 'm', prompt: 'x' });
    for (const key of ['anna', 'anna2', 'ops']) expect((await as(key).job(id)).job_id).toBe(id);
    const foreign = await as('ben').request(`/inference/status/${id}`);
    const unknown = '00000000-0000-4000-8000-000000000000';
    const missing = await as('ben').request(`/inference/status/${unknown}`);
    expect(foreign.status).toBe(404);
    const told = JSON.stringify(missing.body).replaceAll(unknown, id);
    expect(JSON.parse(told)).toEqual(foreign.body);
    expect((await as('ben').cancel(id)).status).toBe(404);
    expect((await as('anna2').cancel(id)).status).toBe(403);
    await as('anna').untilEnded(id);
  });

  it('operations cancel what is not theirs, and that is written down', async () => {
    const { job_id: id } = await as('anna').queue({ model: 'm', prompt: 'x' });
    expect([202, 409]).toContain((await as('ops').cancel(id)).status);
    const { rows } = await beacon.database.query(
      `SELECT actor, act, detail FROM audit_log WHERE target = $1`,
      [id],
    );
    expect(rows).toEqual([
      {
        ...{ actor: 'ops', act: 'tenant.steered' },
        detail: { route: 'DELETE /inference/{job_id}', tenant: 'anna' },
      },
    ]);
    await as('anna').untilEnded(id);
  });

  it('an idempotency key of one tenant means nothing to another', async () => {
    const headers = { 'idempotency-key': 'same' };
    const first = await as('anna').queue({ model: 'm', prompt: 'x' }, headers);
    const other = await as('ben').queue({ model: 'm', prompt: 'other' }, headers);
    expect(other.job_id).not.toBe(first.job_id);
    expect((await as('anna').queue({ model: 'm', prompt: 'x' }, headers)).job_id).toBe(first.job_id);
    const taken = await as('ben').request('/inference/queued', {
      json: { model: 'm', prompt: 'x' },
      headers: { 'idempotency-key': 'run:7c9e:1:1' },
    });
    expect(taken).toMatchObject({ status: 400, body: { code: 'VALIDATION_FAILED' } });
  });

  it('a run is listed and read by its tenant and by operations alone', async () => {
    const run = { name: 'r', questions: [{ id: 'q', text: 'x' }], models: ['m'], regions: ['US'] };
    const made = await as('anna').request<{ run_id: string }>('/runs', { json: run });
    expect(made.status).toBe(202);
    const { run_id: id } = made.body;
    const listed = async (key: string) =>
      (await as(key).request<{ runs: { run_id: string }[] }>('/runs')).body.runs.map(({ run_id }) => run_id);
    expect(await listed('anna2')).toEqual([id]);
    expect(await listed('ops')).toEqual([id]);
    expect(await listed('ben')).toEqual([]);
    expect((await as('ben').request(`/runs/${id}`)).status).toBe(404);
    expect((await as('ben').request(`/runs/${id}/cancel`, { method: 'POST' })).status).toBe(404);
    expect((await as('ops').request(`/runs/${id}`)).status).toBe(200);
  });
});
