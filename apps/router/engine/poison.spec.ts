import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { subjects } from '#contracts';
import { Topology, connectNats } from '#messaging';
import { deploymentOf, startBeacon, until, type Beacon, type TestDispatcher } from '#testing';

/** Three holders die; a ticket comes back after its ack wait, 6 s. */
const GIVEN_UP_WITHIN_MS = 60_000;

/** No ticket of the job is out, and no outcome waits. An outcome is stored before its ticket is gone. */
async function isWithoutMessages(beacon: Beacon, jobId: string): Promise<boolean> {
  const connection = await connectNats({
    ...{ url: beacon.nats.url, name: 'spec' },
    ...{ onReconnect: () => undefined, onDisconnect: () => undefined },
  });
  try {
    const topology = await Topology.open(connection);
    const ticket = subjects.dispatchSubject('US', 'US-killer', jobId);
    if (await topology.holds(subjects.dispatchStream('US'), ticket)) return false;
    return !(await topology.holds(subjects.OUTCOMES_STREAM, subjects.outcomeSubject('US', jobId, 1)));
  } finally {
    await connection.close();
  }
}

describe('a payload that kills the dispatcher that works on it', () => {
  let beacon: Beacon;

  beforeAll(async () => {
    beacon = await startBeacon({
      configuration: deploymentOf({ killer: ['US'], neighbour: ['US'] }),
      dispatchers: [],
    });
  }, 120_000);
  afterAll(() => beacon.stop());

  it('is given up after three, and a neighbour that died along with it twice is answered', async () => {
    const { client, upstream, database } = beacon;
    let dispatcher: TestDispatcher | undefined = await beacon.startDispatcher('US');
    const dead: TestDispatcher[] = [];
    let over = false;
    /** For each time it struck, whether a call of the neighbour was in flight in the same process. */
    const strikes: boolean[] = [];
    // What it would do to a process, it does to the process's line: to the rest of Beacon that is its death.
    upstream.from('US/killer', () => {
      strikes.push(inFlight);
      if (dispatcher === undefined) return;
      inFlight = false;
      dispatcher.link.cut();
      dead.push(dispatcher);
      dispatcher = undefined;
    });
    // The first two calls are long enough to be in flight when the other one strikes; so is the third, unless it is alone.
    let calls = 0;
    let inFlight = false;
    upstream.from('US/neighbour', (call) => {
      calls += 1;
      inFlight = true;
      if (calls <= 2) return;
      setTimeout(() => {
        inFlight = false;
        call.answer();
      }, 1000);
    });
    // Whoever died is started again, as a supervisor would.
    const supervised = (async () => {
      while (!over) {
        if (dispatcher === undefined) dispatcher = await beacon.startDispatcher('US');
        await until('a death', () => dispatcher === undefined || over, GIVEN_UP_WITHIN_MS);
      }
    })();
    try {
      const { job_id: neighbour } = await client.queue({ model: 'neighbour', prompt: 'harmless' });
      await client.untilJob(neighbour, 'processing');
      const { job_id: killer } = await client.queue({ model: 'killer', prompt: 'lethal', max_attempts: 100 });
      const given = await client.untilJob(killer, 'failed', GIVEN_UP_WITHIN_MS);
      expect(given.error).toMatchObject({ code: 'POISON_SUSPECTED' });
      expect(given.attempts).toMatchObject([{ attempt: 1, error_code: 'POISON_SUSPECTED' }]);
      expect(await client.untilJob(neighbour, 'completed', GIVEN_UP_WITHIN_MS)).toMatchObject({
        attempts: [{ attempt: 1, status: 'succeeded' }],
      });
      expect(strikes).toEqual([true, true, false]);
      expect(calls).toBe(3);
      const letter = await client.request(`/dead-letters/${killer}`);
      expect(letter.body).toMatchObject({ poison: true, code: 'POISON_SUSPECTED', state: 'open' });
      const { rows } = await database.query('SELECT 1 FROM slots');
      expect(rows).toEqual([]);

      // Each call has one entry, and nothing else has; word of the same calls from whoever asked last adds nothing.
      const entriesOf = (id: string) =>
        client
          .request<{ entries: object[] }>(`/ledger?kind=call&job_id=${id}`)
          .then(({ body }) => body.entries);
      const ofKiller = upstream.callsOf('US/killer').map((_call, index) => ({
        ...{ call_no: index + 1, outcome: 'orphaned', estimated: true, endpoint_id: 'US-killer' },
      }));
      expect(ofKiller).toHaveLength(3);
      expect(await entriesOf(killer)).toMatchObject(ofKiller);
      const ofNeighbour = ['orphaned', 'orphaned', 'succeeded'].map((outcome) => ({ outcome }));
      expect(await entriesOf(neighbour)).toMatchObject(ofNeighbour);
      expect(upstream.callsOf('US/neighbour')).toHaveLength(3);

      // And those that come later are served as if nothing had been.
      const { job_id: later } = await client.queue({ model: 'neighbour', prompt: 'later' });
      await client.untilJob(later, 'completed');
      await until('the last word of the killer is in', () => isWithoutMessages(beacon, killer), 30_000);
      expect(await entriesOf(killer)).toHaveLength(3);
      expect(await entriesOf(neighbour)).toHaveLength(3);
    } finally {
      over = true;
      await supervised;
      for (const one of dead) await one.stop();
    }
  }, 120_000);
});
