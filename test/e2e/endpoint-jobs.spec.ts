import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { deploymentOf, startBeacon, until, type Beacon, type Behaviour, type UpstreamCall } from '#testing';

const SECRET = 'a-webhook-secret-of-length';
const BEFORE = 'the-webhook-secret-before';
const LONG_MS = 600_000;

/** A deployment's job routes for one call at a time: it stays pending until it is ended or answered. */
class JobRoutes {
  readonly spawns: UpstreamCall[] = [];
  polls = 0;
  deleted = false;
  private result: Readonly<Record<string, unknown>> | undefined;

  readonly behave: Behaviour = (call) => {
    if (call.method === 'POST') {
      this.spawns.push(call);
      call.respond(202, { status: 'pending', call_id: 'fc-1' });
    } else if (call.method === 'DELETE') {
      this.deleted = true;
      call.respond(200, { status: 'cancelled', call_id: 'fc-1' });
    } else {
      this.polls += 1;
      if (this.result === undefined) call.respond(202, { status: 'pending', call_id: 'fc-1' });
      else call.respond(200, this.result);
    }
  };

  finish(): void {
    this.result = { status: 'success', response: 'at last', region: 'US' };
  }
}

function jobPlace(url: string, model: string, pollMaxMs = 50) {
  return { region: 'US', jobs_url: `${url}/US/${model}/jobs`, poll_max_ms: pollMaxMs };
}

describe('an endpoint that takes jobs', () => {
  let beacon: Beacon;

  beforeAll(async () => {
    beacon = await startBeacon({
      webhookSecret: SECRET,
      webhookSecretPrevious: BEFORE,
      configuration: (url) =>
        deploymentOf({
          plain: [jobPlace(url, 'plain')],
          reported: [jobPlace(url, 'reported', LONG_MS)],
          cancelled: [jobPlace(url, 'cancelled')],
          orphaned: [jobPlace(url, 'orphaned')],
        })(url),
    });
  });
  afterAll(() => beacon.stop());

  const routesOf = (model: string): JobRoutes => {
    const routes = new JobRoutes();
    beacon.upstream.from(`US/${model}`, routes.behave);
    return routes;
  };
  const report = (body: unknown, secret: string | undefined): Promise<Response> =>
    fetch(`${beacon.url}/api/webhooks/modal/task-complete`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(secret === undefined ? {} : { 'x-webhook-secret': secret }),
      },
      body: JSON.stringify(body),
    });

  it('is given the job once and polled until it has the answer, which is one attempt', async () => {
    const routes = routesOf('plain');
    const { job_id: jobId } = await beacon.client.queue({ model: 'plain', prompt: 'why?' });
    await until('it is polled', () => routes.polls >= 3);
    routes.finish();
    const job = await beacon.client.untilJob(jobId, 'completed');
    expect(job).toMatchObject({ retry_count: 0, result: { response: 'at last', region: 'US' } });
    expect(job.attempts).toHaveLength(1);
    expect(routes.spawns.map(({ headers }) => headers['idempotency-key'])).toEqual([`${jobId}:1`]);
  });

  it('is asked at once when it reports the end of a job, however seldom it is polled', async () => {
    const routes = routesOf('reported');
    const { job_id: jobId } = await beacon.client.queue({ model: 'reported', prompt: 'why?' });
    await until('polls have become rare', () => routes.polls >= 4);
    routes.finish();
    const body = { key: `${jobId}:1`, call_id: 'fc-1', status: 'completed' };
    const said = await report(body, SECRET);
    expect(said.status).toBe(202);
    expect(await said.json()).toEqual({ accepted: true });
    const job = await beacon.client.untilJob(jobId, 'completed');
    // Again and again, also of an attempt that there never was: nothing changes.
    for (const repeated of [body, body, { key: `${jobId}:7`, status: 'failed' }, { task_id: jobId }]) {
      const again = await report(repeated, SECRET);
      expect([again.status, await again.json()]).toEqual([202, { accepted: true }]);
    }
    expect(await beacon.client.job(jobId)).toEqual(job);
    expect(routes.spawns).toHaveLength(1);
  });

  it('is asked at once when a job is reported by its id alone, with the secret that was before', async () => {
    const routes = routesOf('reported');
    const { job_id: jobId } = await beacon.client.queue({ model: 'reported', prompt: 'why not?' });
    await until('polls have become rare', () => routes.polls >= 4);
    // A report that says how it ended is believed nothing: the endpoint says that it goes on.
    const polls = routes.polls;
    expect((await report({ task_id: jobId, status: 'completed', response: 'made up' }, BEFORE)).status).toBe(
      202,
    );
    await until('it is asked', () => routes.polls > polls);
    expect((await beacon.client.job(jobId)).status).toBe('processing');
    routes.finish();
    await report({ task_id: jobId }, BEFORE);
    expect((await beacon.client.untilJob(jobId, 'completed')).result?.response).toBe('at last');
  });

  it('is told to end a job that is cancelled', async () => {
    const routes = routesOf('cancelled');
    const { job_id: jobId } = await beacon.client.queue({ model: 'cancelled', prompt: 'why?' });
    await until('it is polled', () => routes.polls >= 1);
    await beacon.client.request(`/inference/${jobId}`, { method: 'DELETE' });
    await beacon.client.untilJob(jobId, 'cancelled');
    expect(routes.deleted).toBe(true);
  });

  it('is not given the job again when its dispatcher vanishes: the successor polls', async () => {
    const routes = routesOf('orphaned');
    const { job_id: jobId } = await beacon.client.queue({ model: 'orphaned', prompt: 'why?' });
    await until('it is polled', () => routes.polls >= 1);
    await until('its address is stored', async () => (await beacon.noteOf(jobId))?.address !== undefined);
    beacon.dispatcher('US').link.cut();
    const successor = await beacon.startDispatcher('US');
    try {
      routes.finish();
      await beacon.client.untilJob(jobId, 'completed');
    } finally {
      beacon.dispatcher('US').link.heal();
      await successor.stop();
    }
    expect(routes.spawns).toHaveLength(1);
    expect(routes.deleted).toBe(false);
  });

  describe('whose report', () => {
    const KEY = '3f0e4dd0-6d2c-4b57-a0d5-0f8a8f4b2d10:1';

    it.each([
      ['no secret', undefined],
      ['a wrong secret', 'a-webhook-secret-of-lengtH'],
      ['an empty secret', ''],
    ])('comes with %s is refused', async (_title, secret) => {
      const answer = await report({ key: KEY }, secret);
      expect(answer.status).toBe(401);
      expect(await answer.json()).toMatchObject({
        code: 'CALLBACK_REFUSED',
        errors: [{ field: 'X-Webhook-Secret' }],
      });
    });

    it.each([
      ['names no key', { call_id: 'fc-1' }, 'key'],
      ['names a key of another form', { key: 'job-1' }, 'key'],
      ['is no object', [], 'body'],
    ])('%s is refused by a message that names the field', async (_title, body, field) => {
      const answer = await report(body, SECRET);
      expect(answer.status).toBe(400);
      expect(await answer.json()).toMatchObject({ code: 'VALIDATION_FAILED', errors: [{ field }] });
    });

    it('is too long is refused, and without the secret it is not even read', async () => {
      const long = { key: KEY, more: 'x'.repeat(20_000) };
      const answer = await report(long, SECRET);
      expect([answer.status, await answer.json()]).toEqual([
        413,
        expect.objectContaining({ code: 'BODY_TOO_LARGE' }),
      ]);
      expect((await report(long, undefined)).status).toBe(401);
    });

    it('is about a job that nobody waits for changes nothing', async () => {
      expect((await report({ key: KEY, more: 'fields' }, SECRET)).status).toBe(202);
      expect((await report({ task_id: KEY.slice(0, 36) }, SECRET)).status).toBe(202);
    });
  });
});
