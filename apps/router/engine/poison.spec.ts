import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { subjects } from '#contracts';
import { Topology, connectNats } from '#messaging';
import { deploymentOf, startBeacon, until, type Beacon, type TestDispatcher } from '#testing';

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
  });
  afterAll(() => beacon.stop());

  it('is given up after three, and a neighbour that died along with it twice is answered', async () => {
    const { client, upstream, database } = beacon;
    let dispatcher: TestDispatcher | undefined = await beacon.startDispatcher('US');
    const dead: TestDispatcher[] = [];
    let over = false;
    const ids = { killer: '', neighbour: '' };
    const isNoted = async (id: string, calls: number): Promise<boolean> =>
      (await beacon.noteOf(id))?.calls.length === calls;
    /** For each time it struck, whether a call of the neighbour was in flight in the same process. */
    const strikes: boolean[] = [];
    // What it would do to a process, it does to the process's line: to the rest of Beacon that is its death.
    const strike = async (): Promise<void> => {
      const ordinal = strikes.length + 1;
      let isAccompanied = inFlight;
      const killed = await until('somebody is there to be killed, and has written its call down', async () =>
        (await isNoted(ids.killer, ordinal)) ? dispatcher : undefined,
      );
      // A death before a router has heard of the call speaks against nobody.
      await client.untilJob(ids.killer, 'processing');
      // The first two die with the neighbour, whichever of the two calls comes first.
      if (ordinal <= 2) {
        await until('the neighbour is called', async () => inFlight && isNoted(ids.neighbour, ordinal));
        isAccompanied = true;
      }
      strikes.push(isAccompanied);
      inFlight = false;
      killed.link.cut();
      dead.push(killed);
      dispatcher = undefined;
    };
    const faults: unknown[] = [];
    upstream.from('US/killer', () => void strike().catch((error: unknown) => faults.push(error)));
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
        await until('a death', () => dispatcher === undefined || over);
      }
    })();
    try {
      const { job_id: neighbour } = await client.queue({ model: 'neighbour', prompt: 'harmless' });
      ids.neighbour = neighbour;
      await client.untilJob(neighbour, 'processing');
      const { job_id: killer } = await client.queue({ model: 'killer', prompt: 'lethal', max_attempts: 100 });
      ids.killer = killer;
      const given = await client.untilJob(killer, 'failed');
      expect(faults).toEqual([]);
      expect(given.error).toMatchObject({ code: 'POISON_SUSPECTED' });
      expect(given.attempts).toMatchObject([{ attempt: 1, error_code: 'POISON_SUSPECTED' }]);
      expect(await client.untilJob(neighbour, 'completed')).toMatchObject({
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
      await until('the last word of the killer is in', () => isWithoutMessages(beacon, killer));
      expect(await entriesOf(killer)).toHaveLength(3);
      expect(await entriesOf(neighbour)).toHaveLength(3);
    } finally {
      over = true;
      await supervised;
      for (const one of dead) await one.stop();
    }
  });
});
