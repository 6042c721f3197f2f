import { subjects, type Outcome } from '#contracts';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  deploymentOf,
  hangs,
  startBeacon,
  until,
  type Beacon,
  type TestDispatcher,
  type UpstreamCall,
} from '#testing';

describe('a dispatcher that vanishes in mid-call', () => {
  let beacon: Beacon;

  beforeAll(async () => {
    beacon = await startBeacon({
      configuration: deploymentOf({ again: ['US'], found: ['US'], recorded: ['US'], waiting: ['US'] }),
    });
  });
  afterAll(() => beacon.stop());

  /** The job whose call hangs at a dispatcher that is then cut off. */
  const callThatLosesItsDispatcher = async (
    model: string,
  ): Promise<{ jobId: string; call: UpstreamCall }> => {
    beacon.upstream.next(`US/${model}`, hangs);
    const { job_id: jobId } = await beacon.client.queue({ model, prompt: `ask ${model}` });
    await beacon.client.untilJob(jobId, 'processing');
    const call = await beacon.upstream.call(`US/${model}`);
    await until('it is written down', async () => (await beacon.noteOf(jobId))?.calls.length === 1);
    beacon.dispatcher('US').link.cut();
    return { jobId, call };
  };
  /** Runs `work` beside a second dispatcher; then the first is back and the second leaves. */
  const withSuccessor = async (work: () => Promise<void>): Promise<void> => {
    let successor: TestDispatcher | undefined;
    try {
      successor = await beacon.startDispatcher('US');
      await work();
    } finally {
      beacon.dispatcher('US').link.heal();
      await successor?.stop();
    }
  };
  const posts = (model: string): readonly UpstreamCall[] =>
    beacon.upstream.callsOf(`US/${model}`).filter(({ method }) => method === 'POST');
  const ticketOf = (model: string, jobId: string): [string, string] => [
    subjects.dispatchStream('US'),
    subjects.dispatchSubject('US', `US-${model}`, jobId),
  ];
  const strays = async (jobId: string): Promise<number> =>
    (await beacon.database.query('SELECT 1 FROM stray_outcomes WHERE job_id = $1', [jobId])).rows.length;
  const reattached = async (jobId: string): Promise<unknown> =>
    (
      await beacon.database.query('SELECT attempt, epoch, reattached FROM attempts WHERE job_id = $1', [
        jobId,
      ])
    ).rows;
  const anOutcome = (model: string, jobId: string): Outcome => ({
    v: 1,
    job_id: jobId,
    attempt: 1,
    epoch: 1,
    endpoint_id: `US-${model}`,
    region: 'US',
    duration_ms: 12,
    reattached: false,
    result: { kind: 'succeeded', response: 'the answer that was paid for', model, region: 'US' },
  });

  it('is replaced: the call is made again under the same key, and what the first reports is kept as cost', async () => {
    const { jobId, call } = await callThatLosesItsDispatcher('again');
    await withSuccessor(async () => {
      const job = await beacon.client.untilJob(jobId, 'completed');
      expect(job.attempts).toHaveLength(1);
      expect(await strays(jobId)).toBe(0);
    });
    expect(posts('again').map(({ headers }) => headers['idempotency-key'])).toEqual([
      `${jobId}:1`,
      `${jobId}:1`,
    ]);
    const before = await beacon.client.job(jobId);
    call.answer({ response: 'too late' });
    await until('the second outcome is kept', async () => (await strays(jobId)) === 1);
    expect(await beacon.client.job(jobId)).toEqual({ ...before, duration: expect.any(Number) });
  });

  it('with a result URL in the store leaves nothing to pay twice: its successor finds the call again', async () => {
    const { upstream, client } = beacon;
    const token = '/US/found?__modal_attempt_token=secret';
    upstream.next(
      'US/found',
      (call) => call.respond(303, '', { location: token }),
      hangs,
      (call) => call.answer({ model: 'found' }),
    );
    const { job_id: jobId } = await client.queue({ model: 'found', prompt: 'long' });
    const [, waiting] = await until('the result is waited for', () => {
      const calls = upstream.callsOf('US/found');
      return calls.length === 2 ? calls : undefined;
    });
    expect(waiting).toMatchObject({ method: 'GET', url: token });
    await until('its address is stored', async () => (await beacon.noteOf(jobId))?.address !== undefined);
    beacon.dispatcher('US').link.cut();
    await withSuccessor(async () => {
      await client.untilJob(jobId, 'completed');
    });
    expect(posts('found')).toHaveLength(1);
    expect(await reattached(jobId)).toEqual([{ attempt: 1, epoch: 1, reattached: true }]);
  });

  it('after its outcome was recorded leads to no call, and a copy of the outcome changes nothing', async () => {
    const { jobId } = await callThatLosesItsDispatcher('recorded');
    const outcome = anOutcome('recorded', jobId);
    await beacon.publishOutcome(outcome);
    const job = await beacon.client.untilJob(jobId, 'completed');
    expect(job.result!.response).toBe('the answer that was paid for');
    await withSuccessor(async () => {
      const [stream, subject] = ticketOf('recorded', jobId);
      await until('the ticket is acked', async () => !(await beacon.topology.holds(stream, subject)));
    });
    expect(posts('recorded')).toHaveLength(1);

    // The same call reported once more, as after a lost ack; then another call's outcome, as the control.
    await beacon.publishOutcome(outcome, 'another publisher');
    await beacon.publishOutcome({ ...outcome, duration_ms: 99 }, 'a third publisher');
    await until('the other call is kept', async () => (await strays(jobId)) > 0);
    expect(await strays(jobId)).toBe(1);
    expect(await beacon.client.job(jobId)).toEqual(job);
  });

  it('after its outcome was published leads to no call, even while no router could record it', async () => {
    const { jobId } = await callThatLosesItsDispatcher('waiting');
    await beacon.stopRouter();
    await beacon.publishOutcome(anOutcome('waiting', jobId));
    await withSuccessor(async () => {
      const [stream, subject] = ticketOf('waiting', jobId);
      await until('the ticket is acked', async () => !(await beacon.topology.holds(stream, subject)));
      await beacon.startRouter();
    });
    const job = await beacon.client.untilJob(jobId, 'completed');
    expect(job.result!.response).toBe('the answer that was paid for');
    expect(posts('waiting')).toHaveLength(1);
  });
});
