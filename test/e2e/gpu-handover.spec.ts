import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { deploymentOf, startBeacon, type Beacon, type UpstreamCall } from '#testing';

/** Longer than any test waits: whatever changes hands here was handed over. */
const WINDOW_S = 3600;
const RELEASED = { status: 'released', containers: 0 };

/** One GPU for the models of each test, in a region of its own. */
function oneGpu(models: readonly string[]): (upstreamUrl: string) => string {
  return (upstreamUrl) => {
    const base = deploymentOf(
      Object.fromEntries(models.map((model) => [model, [{ region: 'US', scaledown_window_s: WINDOW_S }]])),
      { limits: { endpoints: models.length, gpus: 1 }, handover: { linger_ms: 50, turn_s: 1 } },
    );
    const configuration = JSON.parse(base(upstreamUrl)) as { endpoints: { url: string }[] };
    // A release arrives as a call of the endpoint `US/<model>-control`.
    const endpoints = configuration.endpoints.map((endpoint) => ({
      ...endpoint,
      autoscaler_url: `${endpoint.url}-control`,
    }));
    return JSON.stringify({ ...configuration, endpoints });
  };
}

describe('the only GPU', () => {
  let beacon: Beacon;
  const isOpen = (call: UpstreamCall): boolean => !call.answered && !call.hungUp;

  beforeAll(async () => {
    beacon = await startBeacon({ configuration: oneGpu(['first', 'second']) });
    for (const model of ['first', 'second']) {
      beacon.upstream.from(`US/${model}-control`, (call) => call.respond(200, RELEASED));
    }
  });
  afterAll(() => beacon.stop());

  const ask = (model: string, prompt: string) =>
    beacon.client.queue({ model, prompt, region_preference: 'US', region_policy: 'pin' });

  it('is released by the endpoint that has no work left, once another has some, and not before', async () => {
    const { client, upstream } = beacon;
    const { job_id: firstId } = await ask('first', 'a');
    await client.untilJob(firstId, 'completed');
    const { job_id: againId } = await ask('first', 'b');
    await client.untilJob(againId, 'completed');
    expect(upstream.callsOf('US/first-control')).toEqual([]);

    const { job_id: secondId } = await ask('second', 'c');
    await client.untilJob(secondId, 'completed');
    const releases = upstream.callsOf('US/first-control');
    expect(releases.map(({ method, url }) => `${method} ${url}`)).toEqual(['POST /US/first-control/release']);
    const sequence = upstream.calls.map(({ endpoint }) => endpoint);
    expect(sequence).toEqual(['US/first', 'US/first', 'US/first-control', 'US/second']);
  });

  it('stays where the platform says that something still runs there', async () => {
    const { client, upstream } = beacon;
    // However often it is asked meanwhile: on a busy machine what follows takes long.
    upstream.from('US/second-control', (call) => call.respond(200, { status: 'busy', containers: 1 }));
    const before = upstream.callsOf('US/second-control').length;
    const { job_id: waitingId } = await ask('first', 'waits');
    await upstream.call('US/second-control', before + 1);
    const { job_id: servedId } = await ask('second', 'goes on');
    await client.untilJob(servedId, 'completed');
    const waiting = await client.job(waitingId);
    expect(waiting).toMatchObject({
      status: 'queued',
      wait_reason: 'all 1 GPUs are in use; waiting for one to be released',
    });
    expect(upstream.callsFor('waits')).toEqual([]);
    await client.request(`/inference/${waitingId}`, { method: 'DELETE' });
    await client.untilJob(waitingId, 'cancelled');
    upstream.from('US/second-control', (call) => call.respond(200, RELEASED));
  });

  it('is taken from an endpoint with work after its turn, and comes back to it; both never call at once', async () => {
    const { client, upstream } = beacon;
    let together = 0;
    const noteOpen = (): void => {
      const open = upstream.calls.filter((one) => isOpen(one) && !one.endpoint.endsWith('-control'));
      if (new Set(open.map(({ endpoint }) => endpoint)).size > 1) together += 1;
    };
    const answerSlowly = (call: UpstreamCall): void => void setTimeout(() => call.answer(), 50);
    const backlog: ReturnType<typeof ask>[] = [];
    const addOne = () => backlog[backlog.push(ask('second', `backlog ${backlog.length}`)) - 1]!;
    let isFed = true;
    upstream.from('US/first', (call) => {
      noteOpen();
      answerSlowly(call);
    });
    // Each call brings a new job before it is answered: the endpoint has work for as long as the other one waits.
    upstream.from('US/second', (call) => {
      noteOpen();
      const answer = (): void => answerSlowly(call);
      if (isFed) addOne().then(answer, answer);
      else answer();
    });
    for (let count = 0; count < 10; count += 1) await addOne();
    const { job_id: otherId } = await ask('first', 'mine');
    await client.untilJob(otherId, 'completed');
    // It was served although the other one had more to do all the while.
    isFed = false;
    for (const { job_id } of await Promise.all(backlog)) await client.untilJob(job_id, 'completed');
    expect(together).toBe(0);
  });
});
