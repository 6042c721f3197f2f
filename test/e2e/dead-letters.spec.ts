import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { deploymentOf, startBeacon, until, type Beacon, type BeaconClient, type Behaviour } from '#testing';
import type {
  DeadLetterDetailView,
  DeadLetterListView,
  DeadLetterSummaryView,
  RedrivenManyView,
  RedrivenView,
} from '#contracts';

/** In the dispatcher's words; upstream's own are not repeated. */
const DETAIL = 'the endpoint answered with status "error"';
/** The model cannot work on the input: no second attempt. */
const chokes: Behaviour = (call) => call.respond(200, { status: 'error', error: 'choked' });
const crashes: Behaviour = (call) => call.respond(500, 'internal error');
const POST = { method: 'POST' } as const;

describe('dead letters', () => {
  let beacon: Beacon;

  beforeAll(async () => {
    beacon = await startBeacon({
      configuration: deploymentOf(
        {
          ...{ m: ['US'], again: ['US'], bulk: ['EU'], full: ['US'], twice: ['US'] },
          hidden_model: ['US'],
        },
        { tasks: { research: { owner: 'scout', model: 'hidden_model' } } },
      ),
      keys: {
        anna: { roles: ['submit'] },
        reader: { roles: ['read'], tenant: 'anna' },
        ben: { roles: ['submit'], limits: { queued_jobs: 1 } },
        ops: { roles: ['operate'] },
        admin: { roles: ['admin'] },
      },
    });
  });
  afterAll(() => beacon.stop());

  const as = (key: string): BeaconClient => beacon.client.as(key);
  const list = async (key: string, query = ''): Promise<DeadLetterListView> =>
    (await as(key).request<DeadLetterListView>(`/dead-letters?${query}`)).body;
  const show = async (key: string, id: string): Promise<DeadLetterDetailView> =>
    (await as(key).request<DeadLetterDetailView>(`/dead-letters/${id}`)).body;
  const redrive = (key: string, id: string) =>
    as(key).request<RedrivenView>(`/dead-letters/${id}/redrive`, POST);
  /** A job that fails for good. */
  const fail = async (key: string, model: string, more: object = {}): Promise<string> => {
    beacon.upstream.next(`${model === 'bulk' ? 'EU' : 'US'}/${model}`, chokes);
    const { job_id: id } = await as(key).queue({ model, prompt: `prompt ${Math.random()}`, ...more });
    await as(key).untilJob(id, 'failed');
    return id;
  };
  const audited = async (act: string): Promise<{ actor: string; target: string; detail: object }[]> =>
    (
      await beacon.database.query<{ actor: string; target: string; detail: object }>(
        'SELECT actor, target, detail FROM audit_log WHERE act = $1 ORDER BY entry_no',
        [act],
      )
    ).rows;

  it("say to their tenant what failed, to operations also where and in the endpoint's words, to others nothing", async () => {
    const id = await fail('anna', 'm', { metadata: { case: 7 } });
    const seen = await show('reader', id);
    expect(seen).toMatchObject({
      ...{ job_id: id, tenant: 'anna', code: 'MODEL_ERROR', model: 'm', region: 'US', state: 'open' },
      ...{ poison: false, attempt_count: 1, run_id: null, task_id: null, task_type: null },
      message: 'the model could not work on this input',
      attempts: [{ attempt: 1, region: 'US', error_code: 'MODEL_ERROR' }],
    });
    for (const name of ['endpoint_id', 'detail', 'http_status', 'resolved_by'])
      expect(JSON.stringify(seen)).not.toContain(`"${name}"`);
    const operated = await show('ops', id);
    expect(operated).toMatchObject({ endpoint_id: 'US-m', attempts: [{ endpoint_id: 'US-m' }] });
    expect(operated.detail).toContain(DETAIL);
    expect(operated.attempts[0]!.detail).toContain(DETAIL);
    expect(JSON.stringify([seen, operated])).not.toContain('prompt 0');
    expect((await as('ben').request(`/dead-letters/${id}`)).body['code']).toBe('JOB_NOT_FOUND');
    expect((await list('ben')).dead_letters).toEqual([]);
    expect((await list('ben', 'tenant=anna')).dead_letters).toEqual([]);
    expect((await list('ops', 'tenant=anna')).dead_letters.map(({ job_id }) => job_id)).toEqual([id]);
    const unknown = '00000000-0000-4000-8000-000000000000';
    for (const letter of [unknown, 'x']) {
      const reply = await as('ops').request(`/dead-letters/${letter}`);
      expect(reply).toMatchObject({ status: 404, body: { code: 'DEAD_LETTER_NOT_FOUND' } });
    }
  });

  it('are listed newest first, page by page, by whatever they are asked for', async () => {
    const ids = [];
    for (let index = 0; index < 3; index += 1) ids.push(await fail('anna', 'bulk'));
    const all = await list('anna', 'model=bulk');
    expect(all.dead_letters.map(({ job_id }) => job_id)).toEqual(ids.toReversed());
    expect(all).toMatchObject({ next_cursor: null, counts: { open: 3, redriven: 0, discarded: 0 } });
    const first = await list('anna', 'model=bulk&limit=2');
    const second = await list('anna', `model=bulk&limit=2&cursor=${first.next_cursor ?? ''}`);
    expect([...first.dead_letters, ...second.dead_letters]).toEqual(all.dead_letters);
    expect(second.next_cursor).toBeNull();
    const { failed_at: middle } = all.dead_letters[1]!;
    const found = async (key: string, query: string): Promise<number> =>
      (await list(key, `model=bulk&${query}`)).dead_letters.length;
    expect(await found('ops', 'region=eu-west&code=MODEL_ERROR&endpoint=EU-bulk&state=open')).toBe(3);
    expect(await found('anna', 'region=US')).toBe(0);
    expect(await found('anna', 'code=UPSTREAM_ERROR')).toBe(0);
    expect(await found('anna', 'state=discarded')).toBe(0);
    expect(await found('anna', 'poison=true')).toBe(0);
    expect(await found('anna', 'task_type=design')).toBe(0);
    expect(await found('ops', 'endpoint=US-bulk')).toBe(0);
    const at = encodeURIComponent(middle);
    expect((await found('anna', `since=${at}`)) + (await found('anna', `until=${at}`))).toBe(3);
    for (const query of ['state=gone', 'limit=0', 'cursor=x', 'colour=red', 'run_id=7', 'since=noon']) {
      const reply = await as('anna').request(`/dead-letters?${query}`);
      expect(reply).toMatchObject({ status: 400, body: { code: 'VALIDATION_FAILED' } });
    }
    expect((await as('anna').request('/dead-letters?endpoint=EU-bulk')).status).toBe(403);
    const summary = await as('ops').request<DeadLetterSummaryView>(
      '/dead-letters/summary?group_by=endpoint,code&model=bulk',
    );
    expect(summary.body).toMatchObject({
      group_by: ['endpoint', 'code'],
      groups: [{ endpoint: 'EU-bulk', code: 'MODEL_ERROR', model: null, region: null, open: 3, payloads: 3 }],
    });
    expect((await as('anna').request('/dead-letters/summary?group_by=endpoint')).status).toBe(403);
  });

  it('become new jobs, once at a time, that keep everything but their place in the queue', async () => {
    const { upstream } = beacon;
    const asked = {
      ...{ region_preference: 'US', region_policy: 'pin', priority: 'high', timeout_ms: 20_000 },
      ...{ metadata: { case: 1 }, webhook_url: 'https://example.com/hook', seed: 7, temperature: 0.5 },
    };
    const id = await fail('anna', 'again', asked);
    expect((await redrive('reader', id)).status).toBe(403);
    expect((await redrive('ben', id)).status).toBe(404);

    // Two at once: one job.
    upstream.next('US/again', chokes);
    const [one, other] = await Promise.all([redrive('anna', id), redrive('ops', id)]);
    expect([one.status, other.status]).toEqual([202, 202]);
    const second = one.body.redriven_as;
    expect(other.body.redriven_as).toBe(second);
    expect([one.body.already, other.body.already].sort()).toEqual([false, true]);
    await as('anna').untilJob(second, 'failed');
    const stored = async (jobId: string): Promise<Record<string, unknown>> => {
      const { rows } = await beacon.database.query<Record<string, unknown>>(
        `SELECT tenant, model, preferred_region, region_policy, priority, lane, timeout_ms, max_attempts, request,
                metadata, webhook_url, run_id, task_type FROM jobs WHERE id = $1`,
        [jobId],
      );
      return rows[0]!;
    };
    expect(await stored(second)).toEqual(await stored(id));
    expect((await as('anna').job(second)).redriven_from).toBe(id);
    expect(await show('anna', second)).toMatchObject({ redriven_from: id, state: 'open' });
    expect(await show('anna', id)).toMatchObject({ redriven_as: second, state: 'redriven' });

    // That one has failed too: the next asking makes another, and leads from letter to letter.
    const third = (await redrive('anna', id)).body;
    expect(third.already).toBe(false);
    expect(third.redriven_as).not.toBe(second);
    await as('anna').untilJob(third.redriven_as, 'completed');
    expect(await show('anna', second)).toMatchObject({ redriven_as: third.redriven_as });
    expect((await redrive('anna', id)).body).toEqual({
      ...{ job_id: id, redriven_as: third.redriven_as, already: true },
    });
    const acts = (await audited('dead_letter.redriven')).map(({ target }) => target);
    expect(acts).toEqual([id, second]);
    const discard = await as('anna').request(`/dead-letters/${id}/discard`, { json: { reason: 'x' } });
    expect(discard).toMatchObject({ status: 409, body: { code: 'DEAD_LETTER_REDRIVEN' } });
  });

  it('are discarded with a reason, and stay on record', async () => {
    const id = await fail('anna', 'm');
    const discard = (json: object) => as('anna').request(`/dead-letters/${id}/discard`, { json });
    expect((await discard({})).status).toBe(400);
    expect((await discard({ reason: '' })).status).toBe(400);
    const reply = await discard({ reason: 'a typo' });
    expect(reply).toMatchObject({ status: 200, body: { state: 'discarded', reason: 'a typo' } });
    expect((await discard({ reason: 'another' })).body['reason']).toBe('a typo');
    expect(await show('ops', id)).toMatchObject({
      state: 'discarded',
      resolved_by: 'anna',
      reason: 'a typo',
    });
    expect(await audited('dead_letter.discarded')).toEqual([
      { actor: 'anna', target: id, detail: { reason: 'a typo' } },
    ]);
    expect((await redrive('anna', id)).body).toMatchObject({ code: 'DEAD_LETTER_DISCARDED' });
    expect((await as('anna').job(id)).status).toBe('failed');
  });

  it('are redriven and discarded by filter, as many as are asked for, and what is passed over is said', async () => {
    const many = (key: string, verb: 'redrive' | 'discard', json: object) =>
      as(key).request<RedrivenManyView & { discarded: number }>(`/dead-letters/${verb}`, { json });
    const filter = { model: 'bulk', tenant: 'anna' };
    expect((await many('ben', 'redrive', { filter })).body).toMatchObject({ redriven: 0, skipped: [] });
    expect((await many('anna', 'redrive', { limit: 1001, filter })).status).toBe(400);
    expect((await many('anna', 'redrive', {})).status).toBe(400);
    const open = (await list('anna', 'model=bulk')).dead_letters.map(({ job_id }) => job_id).reverse();

    const first = (await many('ops', 'redrive', { filter, limit: 1 })).body;
    expect(first).toMatchObject({ redriven: 1, more: true, jobs: [{ job_id: open[0] }] });
    const made = first.jobs[0]!.redriven_as;
    await as('anna').untilJob(made, 'completed');
    const { rows } = await beacon.database.query('SELECT tenant, key_id FROM jobs WHERE id = $1', [made]);
    expect(rows).toEqual([{ tenant: 'anna', key_id: 'anna' }]);

    // One that belongs to a run, and one whose model is served nowhere any more.
    await beacon.database.query(`UPDATE dead_letters SET run_id = gen_random_uuid() WHERE job_id = $1`, [
      open[1],
    ]);
    await beacon.database.query(`UPDATE jobs SET model = 'gone' WHERE id = $1`, [open[2]]);
    const rest = (await many('anna', 'redrive', { filter })).body;
    expect(rest).toMatchObject({
      ...{ redriven: 0, more: false, skipped_by_reason: { JOB_OF_RUN: 1, UNKNOWN_MODEL: 1 } },
      skipped: [
        { job_id: open[1], reason: 'JOB_OF_RUN' },
        { job_id: open[2], reason: 'UNKNOWN_MODEL' },
      ],
    });
    const refused = await redrive('anna', open[1]!);
    expect(refused).toMatchObject({ status: 409, body: { code: 'JOB_OF_RUN' } });
    expect(refused.body).toHaveProperty('detail', expect.stringMatching(/POST \/runs\/.*\/retry-failed/));
    expect((await redrive('anna', open[2]!)).body).toMatchObject({ code: 'UNKNOWN_MODEL' });

    const given = (await many('anna', 'discard', { filter, reason: 'old', limit: 1 })).body;
    expect(given).toEqual({ discarded: 1, more: true });
    expect((await many('anna', 'discard', { filter, reason: 'old' })).body).toEqual({
      ...{ discarded: 1, more: false },
    });
    expect((await list('anna', 'model=bulk')).counts).toMatchObject({ open: 0, redriven: 1, discarded: 2 });
  });

  it('of tasks go by the name and the type of the task, and tell customers no model, whatever they ask', async () => {
    interface Task extends Record<string, unknown> {
      readonly task_id: string;
    }
    const task = async (id: string): Promise<Task> => (await as('anna').request<Task>(`/tasks/${id}`)).body;
    const ended = (id: string): Promise<Task> =>
      until('the task has ended', async () => {
        const read = await task(id);
        return read['completed_at'] === null ? undefined : read;
      });
    const name = 'ticket-7';
    const prompt = 'the prompt of a task';
    beacon.upstream.next('US/hidden_model', chokes);
    await as('anna').request('/api/modal/execute-task', {
      json: { task_type: 'research', task_id: name, prompt },
    });
    expect(await ended(name)).toMatchObject({ status: 'failed', redriven_from: null, redriven_as: null });
    // A job with the same model and the same words: nothing may tell that the task has them in common.
    const sameJob = await fail('anna', 'hidden_model', { prompt });

    const [letter, ...others] = (await list('anna', 'task_type=research')).dead_letters;
    expect(others).toEqual([]);
    const id = letter!.job_id;
    expect(letter).toMatchObject({
      ...{ task_id: name, task_type: 'research', model: null, payload_sha256: null, state: 'open' },
    });
    expect(JSON.stringify(await show('reader', id))).not.toContain('hidden_model');
    const byModel = await list('anna', 'model=hidden_model');
    expect(byModel.dead_letters.map(({ job_id }) => job_id)).toEqual([sameJob]);
    expect(byModel.counts.open).toBe(1);
    const groupsOf = async (key: string): Promise<object[]> => {
      const path = `/dead-letters/summary?group_by=code,model&since=${encodeURIComponent(letter!.failed_at)}`;
      return (await as(key).request<DeadLetterSummaryView>(path)).body.groups;
    };
    expect(await groupsOf('anna')).toEqual([
      expect.objectContaining({ model: 'hidden_model', open: 1, payloads: 1 }),
      expect.objectContaining({ model: null, open: 1, payloads: 1 }),
    ]);
    expect(await groupsOf('ops')).toEqual([expect.objectContaining({ model: 'hidden_model', open: 2 })]);
    expect(await show('ops', id)).toMatchObject({ task_id: name, model: 'hidden_model' });

    const byFilter = { filter: { model: 'hidden_model', task_type: 'research' } };
    const none = await as('anna').request('/dead-letters/redrive', { json: byFilter });
    expect(none.body).toMatchObject({ redriven: 0, skipped: [] });
    await beacon.database.query(`UPDATE jobs SET model = 'hidden_model_2' WHERE id = $1`, [id]);
    const gone = await redrive('anna', id);
    expect(gone.body).toMatchObject({ code: 'UNKNOWN_MODEL' });
    expect(JSON.stringify(gone.body)).not.toContain('hidden_model');
    await beacon.database.query(`UPDATE jobs SET model = 'hidden_model' WHERE id = $1`, [id]);

    // Its successor is a task too, under a name of its own; each says which the other is.
    const { redriven_as: next } = (await redrive('anna', id)).body;
    expect(await ended(next)).toMatchObject({
      ...{ task_id: next, status: 'completed', task_type: 'research', redriven_from: name },
    });
    expect(await task(name)).toMatchObject({ status: 'failed', redriven_as: next });
    expect((await as('anna').request(`/inference/status/${next}`)).status).toBe(404);

    // Erasing one takes both: it is the same prompt.
    expect((await as('anna').request(`/inference/${next}/erase`, POST)).body).toMatchObject({
      also_erased: [id],
    });
    for (const erased of [name, next])
      expect(await task(erased)).toMatchObject({ result: null, erased_at: expect.any(String) });
    await as('anna').request(`/dead-letters/${sameJob}/discard`, { json: { reason: 'done' } });
  });

  it('become no more jobs than the key may have queued', async () => {
    const ids = [await fail('ben', 'full'), await fail('ben', 'full'), await fail('ben', 'full')];
    beacon.upstream.from('US/full', () => undefined);
    const reply = await as('ben').request<RedrivenManyView>('/dead-letters/redrive', {
      json: { filter: { model: 'full' } },
    });
    expect(reply.body).toMatchObject({ redriven: 1, skipped_by_reason: { QUEUE_FULL: 2 } });
    const { redriven_as: first } = reply.body.jobs[0]!;
    // It is being answered: there is room for the second one, and then none for the third.
    await as('ben').untilJob(first, 'processing');
    const second = (await redrive('ben', ids[1]!)).body.redriven_as;
    expect(await redrive('ben', ids[2]!)).toMatchObject({ status: 429, body: { code: 'QUEUE_FULL' } });
    expect((await redrive('ops', ids[2]!)).status).toBe(202);
    for (const id of [first, second]) await as('ben').cancel(id);
  });

  it('and all other jobs are erased by their tenant or by operations, and a whole tenant by an admin alone', async () => {
    const id = await fail('anna', 'm');
    const path = `/inference/${id}/erase`;
    expect((await as('reader').request(path, POST)).status).toBe(403);
    expect((await as('ben').request(path, POST)).status).toBe(404);
    expect((await as('anna').request(path, POST)).status).toBe(200);
    expect((await as('ops').request(path, POST)).status).toBe(200);
    expect((await show('anna', id)).erased_at).not.toBeNull();
    const erase = (key: string, tenant: string) =>
      as(key).request(`/tenants/${tenant}/erase`, { json: { confirm: tenant } });
    for (const key of ['anna', 'ops']) expect((await erase(key, 'anna')).status).toBe(403);
    expect(await erase('admin', 'nobody')).toMatchObject({
      ...{ status: 200, body: { jobs: 0, runs: 0, complete: true } },
    });
  });

  it('of one request that fails again and again are marked as poison, and left alone by filters that do not say so', async () => {
    const prompt = 'the same each time';
    beacon.upstream.from('US/twice', (call) => (call.prompt === prompt ? chokes : crashes)(call));
    const ids = [];
    for (let index = 0; index < 3; index += 1) {
      const { job_id: id } = await as('anna').queue({ model: 'twice', prompt });
      await as('anna').untilJob(id, 'failed');
      ids.push(id);
      const marked = (await list('anna', 'model=twice&poison=true')).dead_letters.length;
      expect(marked).toBe(index === 2 ? 3 : 0);
    }
    // The control: a fault of the endpoint says nothing about the request.
    for (let index = 0; index < 3; index += 1) {
      const { job_id: id } = await as('anna').queue({ model: 'twice', prompt: 'other', max_attempts: 1 });
      await as('anna').untilJob(id, 'failed');
    }
    expect((await list('anna', 'model=twice')).counts).toMatchObject({ open: 6, poison: 3 });
    const summary = await as('anna').request<DeadLetterSummaryView>(
      '/dead-letters/summary?group_by=code&model=twice',
    );
    expect(summary.body.groups).toEqual([
      expect.objectContaining({ code: 'MODEL_ERROR', open: 3, poison: 3, payloads: 1 }),
      expect.objectContaining({ code: 'UPSTREAM_ERROR', open: 3, poison: 0, payloads: 1 }),
    ]);
    const reply = await as('anna').request<RedrivenManyView>('/dead-letters/redrive', {
      json: { filter: { model: 'twice', code: 'MODEL_ERROR' } },
    });
    expect(reply.body).toMatchObject({ redriven: 0, skipped_by_reason: { POISON: 3 } });

    const { body } = await as('ops').request<{ text: string }>('/metrics');
    for (const line of [
      /^beacon_dead_letters\{.*region="US".*\} [1-9]/m,
      /^beacon_dead_letters_poison\{.*region="US".*\} 3$/m,
      /^beacon_dead_letters_oldest_seconds\{.*region="US".*\} \d/m,
      /^beacon_dead_letters_created_total\{.*code="MODEL_ERROR".*\} [1-9]/m,
      /^beacon_dead_letters_redriven_total\{.*\} [1-9]/m,
      /^beacon_dead_letters_discarded_total\{.*\} [1-9]/m,
    ])
      expect(body.text).toMatch(line);
  });
});
