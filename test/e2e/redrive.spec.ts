import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { deploymentOf, startBeacon, type Beacon, type BeaconClient, type Behaviour } from '#testing';
import type { RedrivenManyView, RedrivenView } from '#contracts';

/** The model cannot work on the input: no second attempt. */
const chokes: Behaviour = (call) => call.respond(200, { status: 'error', error: 'choked' });
const POST = { method: 'POST' } as const;

/** What refuses a job that is posted. Outcomes are read from the rows: answers to customers are another spec's. */
describe('redriving is held to what holds for posting', () => {
  let beacon: Beacon;

  beforeAll(async () => {
    beacon = await startBeacon({
      configuration: deploymentOf(
        { m: ['US'], full: ['US'], both: ['US', 'EU'], hidden: ['US', 'EU'] },
        {
          limits: { queued_jobs_per_key: 3, queued_jobs_per_region: 4 },
          tasks: { design: { owner: 'd', model: 'hidden' } },
        },
      ),
      keys: {
        anna: { roles: ['submit'] },
        carl: { roles: ['submit'] },
        broke: { roles: ['submit'], tenant: 'anna', limits: { budget_micro_usd_per_day: 0 } },
        confined: {
          ...{ roles: ['submit'], tenant: 'anna' },
          limits: { models: ['both'], regions: ['EU'], priorities: ['normal'] },
        },
        ops: { roles: ['operate'], limits: { regions: ['EU'], budget_micro_usd_per_day: 0 } },
      },
    });
  });
  afterAll(() => beacon.stop());

  const as = (key: string): BeaconClient => beacon.client.as(key);
  const redrive = (key: string, id: string) =>
    as(key).request<RedrivenView>(`/dead-letters/${id}/redrive`, POST);
  const redriveAll = (key: string, model: string) =>
    as(key).request<RedrivenManyView>('/dead-letters/redrive', { json: { filter: { model } } });
  const fail = async (key: string, model: string): Promise<string> => {
    beacon.upstream.next(`US/${model}`, chokes);
    const { job_id: id } = await as(key).queue({ model, prompt: `${key}'s`, region_preference: 'US' });
    await as('ops').untilJob(id, 'failed');
    return id;
  };
  const row = async (sql: string, id: string): Promise<Record<string, unknown>> => {
    const { rows } = await beacon.database.query<Record<string, unknown>>(sql, [id]);
    expect(rows).toHaveLength(1);
    return rows[0]!;
  };
  const letter = (id: string) => row('SELECT state, redriven_as FROM dead_letters WHERE job_id = $1', id);
  const OPEN = { state: 'open', redriven_as: null };

  it('no more jobs of a key or in a region than may wait, and whoever is refused is told when to come back', async () => {
    const [own, annas] = [await fail('carl', 'full'), await fail('anna', 'm')];
    beacon.upstream.from('US/full', () => undefined);
    const jobs: string[] = [];
    for (let index = 0; index < 4; index += 1) {
      jobs.push((await as('carl').queue({ model: 'full', prompt: 'x' })).job_id);
      if (index === 0) await as('ops').untilJob(jobs[0]!, 'processing');
    }
    for (const key of ['carl', 'ops']) {
      const refused = await redrive(key, own);
      expect(refused).toMatchObject({
        status: 429,
        body: {
          code: 'QUEUE_FULL',
          detail: expect.stringMatching(
            /^limits\.queued_jobs_per_key: key "carl" may have 3 jobs waiting and has 3; try again in \d+ s/,
          ),
        },
      });
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    }
    const { job_id: fourth } = await as('anna').queue({ model: 'full', prompt: 'the fourth in US' });
    expect((await redrive('anna', annas)).body).toMatchObject({
      code: 'QUEUE_FULL',
      detail: expect.stringMatching(/^limits\.queued_jobs_per_region: region US may have 4 jobs waiting/),
    });
    expect((await redriveAll('ops', 'm')).body).toMatchObject({
      ...{ redriven: 0, skipped: [{ job_id: annas, reason: 'QUEUE_FULL' }] },
    });
    for (const id of [own, annas]) expect(await letter(id)).toEqual(OPEN);

    for (const id of jobs) await as('carl').cancel(id);
    await as('anna').cancel(fourth);
    for (const id of [...jobs, fourth]) await as('ops').untilJob(id, 'cancelled');
    const { jobs: made } = (await redriveAll('ops', 'm')).body;
    expect(made).toMatchObject([{ job_id: annas }]);
    await as('ops').untilJob(made[0]!.redriven_as, 'completed');
  });

  it('none of a key that has cost what it may today; operations act within the budgets of others', async () => {
    const id = await fail('anna', 'm');
    const refused = await redrive('broke', id);
    expect(refused).toMatchObject({ status: 429, body: { code: 'BUDGET_EXHAUSTED' } });
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    await redriveAll('broke', 'm');
    expect(await letter(id)).toEqual(OPEN);
    const { redriven_as: made } = (await redrive('ops', id)).body;
    await as('ops').untilJob(made, 'completed');
    expect(await row('SELECT key_id, home_region FROM jobs WHERE id = $1', made)).toEqual({
      ...{ key_id: 'anna', home_region: 'US' },
    });
    // What was done already is said, whatever it would cost now.
    expect((await redrive('broke', id)).status).not.toBe(429);
  });

  it('those of a key that is confined stay in its regions, whatever the job that failed was allowed', async () => {
    for (const region of ['US', 'EU']) beacon.upstream.from(`${region}/both`, chokes);
    const failBoth = async (more: object): Promise<string> => {
      const { job_id: id } = await as('anna').queue({ model: 'both', prompt: JSON.stringify(more), ...more });
      await as('ops').untilJob(id, 'failed');
      return id;
    };
    const inUs = await failBoth({ region_preference: 'US', region_policy: 'prefer' });
    const high = await failBoth({ region_preference: 'EU', priority: 'high' });
    const free = [await failBoth({ region_preference: 'EU', region_policy: 'prefer' }), await failBoth({})];
    const told = async (id: string) => (await redrive('confined', id)).body;
    expect(await told(inUs)).toMatchObject({
      ...{ code: 'FORBIDDEN', detail: 'region_preference: this key does not allow "US"; allowed: EU' },
    });
    expect(await told(high)).toMatchObject({ detail: expect.stringMatching(/^priority: .*"high"/) });
    await redriveAll('confined', 'both');
    for (const id of [inUs, high]) expect(await letter(id)).toEqual(OPEN);
    for (const id of free) {
      const { redriven_as: made } = await letter(id);
      const sql = `SELECT key_id, home_region, preferred_region, region_policy FROM jobs WHERE id = $1`;
      expect(await row(sql, String(made))).toEqual({
        ...{ key_id: 'confined', home_region: 'EU', preferred_region: 'EU', region_policy: 'pin' },
      });
    }
  });

  it('a task becomes another task, whose refusal does not tell its model', async () => {
    for (const region of ['US', 'EU']) beacon.upstream.from(`${region}/hidden`, chokes);
    await as('anna').request('/api/modal/execute-task', {
      json: { task_type: 'design', prompt: 'x', task_id: 'ticket-7' },
    });
    const { id } = await row('SELECT id FROM jobs WHERE task_id = $1', 'ticket-7');
    await as('ops').untilJob(String(id), 'failed');
    const refused = await redrive('confined', String(id));
    expect(refused).toMatchObject({ status: 403, body: { code: 'FORBIDDEN' } });
    expect(JSON.stringify(refused.body)).not.toContain('hidden');
    for (const region of ['US', 'EU']) beacon.upstream.from(`${region}/hidden`, (call) => call.answer());
    const { redriven_as: made } = (await redrive('ops', String(id))).body;
    await as('ops').untilJob(made, 'completed');
    const task = async (name: string) => (await as('anna').request(`/tasks/${name}`)).body;
    expect(await task('ticket-7')).toMatchObject({ task_id: 'ticket-7', status: 'failed' });
    expect(await task(made)).toMatchObject({ task_id: made, status: 'completed', task_type: 'design' });
  });
});
