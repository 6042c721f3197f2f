import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { deploymentOf, startBeacon, until, type Beacon } from '#testing';

describe('a JetStream store that is lost', () => {
  let beacon: Beacon;

  beforeAll(async () => {
    beacon = await startBeacon({
      configuration: deploymentOf({ brief: ['US', 'EU'], long: ['US'] }),
    });
  });
  afterAll(() => beacon.stop());

  /** One job processing, one at the endpoint's door, the others queued. */
  const linedUp = async (
    model: string,
  ): Promise<{ jobs: string[]; release: () => void; most: () => number }> => {
    const { client, upstream } = beacon;
    const warm = await client.queue({ model, prompt: `${model} warm-up`, region_preference: 'US' });
    await client.untilJob(warm.job_id, 'completed');
    const held: (() => void)[] = [];
    let released = false;
    let inFlight = 0;
    let most = 0;
    upstream.from(`US/${model}`, (call) => {
      inFlight += 1;
      most = Math.max(most, inFlight);
      const answer = (): void => {
        inFlight -= 1;
        call.answer();
      };
      if (released) setImmediate(answer);
      else held.push(answer);
    });
    const jobs: string[] = [];
    for (let index = 0; index < 5; index += 1) {
      const prompt = `${model} ${index}`;
      jobs.push(
        (await client.queue({ model, prompt, region_preference: 'US', region_policy: 'pin' })).job_id,
      );
    }
    await client.untilJob(jobs[0]!, 'processing');
    await until('one is staged', async () => (await client.job(jobs[1]!)).queue_position === 0);
    return {
      jobs,
      release: () => {
        released = true;
        held.splice(0).forEach((answer) => answer());
      },
      most: () => most,
    };
  };
  const callsPerPrompt = (model: string): number[] =>
    Array.from({ length: 5 }, (_, index) => beacon.upstream.callsFor(`${model} ${index}`).length);
  const silentSlots = async (model: string): Promise<number> =>
    (
      await beacon.database.query(
        'SELECT 1 FROM slots WHERE endpoint_id = $1 AND lease_until < clock_timestamp()',
        [`US-${model}`],
      )
    ).rows.length;

  it('while jobs wait, are staged and run costs no job and no second call', async () => {
    const { jobs, release, most } = await linedUp('brief');
    await beacon.nats.loseStore();
    await beacon.nats.restart();
    // Jobs that arrive now are no exception.
    const late = await beacon.client.queue({ model: 'brief', prompt: 'late', region_preference: 'EU' });
    await beacon.client.untilJob(late.job_id, 'completed');
    release();
    for (const job of jobs) await beacon.client.untilJob(job, 'completed');
    expect(callsPerPrompt('brief')).toEqual([1, 1, 1, 1, 1]);
    expect(most()).toBe(1);
  });

  it('and away until every lease ran out still costs none, and the endpoint is never called twice at once', async () => {
    const { jobs, release, most } = await linedUp('long');
    await beacon.nats.loseStore();
    await until('its slots are silent', async () => (await silentSlots('long')) === 2);
    await beacon.nats.restart();
    await until('its slots have signs of life', async () => (await silentSlots('long')) === 0);
    release();
    for (const job of jobs) await beacon.client.untilJob(job, 'completed');
    expect(most()).toBe(1);
    expect(callsPerPrompt('long')).toEqual([1, 1, 1, 1, 1]);
  });
});
