import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { TicketCheck } from '#contracts';
import {
  deploymentOf,
  hangs,
  neverSilent,
  startBeacon,
  until,
  type Beacon,
  type TestDispatcher,
  type UpstreamCall,
} from '#testing';

describe('a ticket that NATS gives out again while its holder works on it', () => {
  let beacon: Beacon;
  let asked: readonly TicketCheck[];
  const asksAbout = (jobId: string): number =>
    asked.filter(({ job_id: id, may_be_held: mayBeHeld }) => id === jobId && mayBeHeld === true).length;

  beforeAll(async () => {
    beacon = await startBeacon({ configuration: deploymentOf({ answered: ['US'], cancelled: ['US'] }) });
    await neverSilent(beacon.database);
    asked = beacon.hearTicketChecks();
  });
  afterAll(() => beacon.stop());

  /** A call that hangs at one dispatcher, whose ticket another one is given. */
  const heldTwice = async (
    model: string,
  ): Promise<{ jobId: string; call: UpstreamCall; other: TestDispatcher }> => {
    beacon.upstream.next(`US/${model}`, hangs);
    const { job_id: jobId } = await beacon.client.queue({ model, prompt: model });
    await beacon.client.untilJob(jobId, 'processing');
    const call = await beacon.upstream.call(`US/${model}`);
    await until('it is written down', async () => (await beacon.noteOf(jobId))?.calls.length === 1);
    const other = await beacon.startDispatcher('US');
    beacon.dispatcher('US').link.cut();
    await beacon.forgetDeliveries('US', `US-${model}`);
    await until('the other one asks', () => asksAbout(jobId) > 0);
    return { jobId, call, other };
  };
  const entries = async (jobId: string): Promise<unknown[]> =>
    (
      await beacon.database.query('SELECT outcome FROM ledger_entries WHERE job_id = $1 AND kind = $2', [
        jobId,
        'call',
      ])
    ).rows;

  it("is called once, and its answer is the job's", async () => {
    const { jobId, call, other } = await heldTwice('answered');
    call.answer({ response: 'paid once' });
    beacon.dispatcher('US').link.heal();
    expect(await beacon.client.untilJob(jobId, 'completed')).toMatchObject({
      result: { response: 'paid once' },
    });
    await other.stop();
    expect(beacon.upstream.callsFor('answered')).toHaveLength(1);
    expect(await entries(jobId)).toEqual([{ outcome: 'succeeded' }]);
  });

  it('is cancelled by its holder: nobody else says how its call ended', async () => {
    const { jobId, other } = await heldTwice('cancelled');
    await beacon.client.cancel(jobId);
    const before = asksAbout(jobId);
    await until('the other one asks again', () => asksAbout(jobId) > before + 1);
    expect(await entries(jobId)).toEqual([]);
    beacon.dispatcher('US').link.heal();
    await beacon.client.untilJob(jobId, 'cancelled');
    await until('its end is known', async () => (await entries(jobId)).length > 0);
    await other.stop();
    expect(beacon.upstream.callsFor('cancelled')).toHaveLength(1);
    expect(await entries(jobId)).toEqual([{ outcome: 'cancelled' }]);
  });
});
