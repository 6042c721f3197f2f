import { randomUUID } from 'node:crypto';
import { subjects, type Ticket } from '#contracts';
import { startTestNats, unhurried, until, type TestNats } from '#testing';
import { jetstream, jetstreamManager, type JetStreamManager } from '@nats-io/jetstream';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { connectNats, type NatsConnection } from './connection.js';
import { DurableConsumer, type JsMsg } from './durable-consumer.js';
import { OutcomePublisher } from './outcome-publisher.js';
import { TicketPublisher } from './ticket-publisher.js';
import { Topology } from './topology.js';

describe('JetStream', () => {
  let nats: TestNats;
  let connection: NatsConnection;
  let topology: Topology;
  let manager: JetStreamManager;
  const consumers: DurableConsumer[] = [];
  const connections: NatsConnection[] = [];

  const connect = async (): Promise<NatsConnection> => {
    const made = await connectNats({
      url: nats.url,
      name: 'spec',
      onReconnect: () => undefined,
      onDisconnect: () => undefined,
    });
    connections.push(made);
    return made;
  };

  beforeAll(async () => {
    nats = await startTestNats();
    connection = await connect();
    topology = await Topology.open(connection);
    manager = await jetstreamManager(connection);
  });
  afterEach(() => Promise.all(consumers.splice(0).map((consumer) => consumer.stop())));
  afterAll(async () => {
    await Promise.all(connections.map((each) => each.close()));
    await nats.close();
  });

  const aTicket = (region: string, endpointId: string, changes: Partial<Ticket> = {}): Ticket => ({
    v: 1,
    job_id: randomUUID(),
    attempt: 1,
    epoch: 1,
    endpoint_id: endpointId,
    region,
    model: 'm',
    staged: false,
    timeout_ms: 1000,
    request: { prompt: 'x', temperature: 0, max_tokens: 1 },
    ...changes,
  });
  const consume = (
    on: NatsConnection,
    region: string,
    endpointId: string,
    concurrency: number,
    received: JsMsg[] = [],
  ): { received: JsMsg[]; interruptions: unknown[] } => {
    const interruptions: unknown[] = [];
    consumers.push(
      new DurableConsumer(on, {
        stream: subjects.dispatchStream(region),
        consumer: subjects.endpointConsumer(endpointId),
        prefetch: concurrency + 1,
        ensure: async () => {
          await topology.ensureStreams([region]);
          await topology.ensureEndpointConsumer(region, endpointId, concurrency);
        },
        handle: ({ message }) => received.push(message),
        onInterrupted: (error) => interruptions.push(error),
      }),
    );
    return { received, interruptions };
  };

  it('is set up the same by any number of processes at any time', async () => {
    const setUp = async (): Promise<void> => {
      await topology.ensureStreams(['TWICE', 'ONCE.MORE']);
      await topology.ensureEndpointConsumer('TWICE', 'e.1', 2);
      await topology.ensureRecorderConsumer();
    };
    await setUp();
    const stream = subjects.dispatchStream('TWICE');
    const before = await manager.streams.info(stream);
    await Promise.all([setUp(), setUp(), setUp()]);
    expect((await manager.streams.info(stream)).config).toEqual(before.config);
    expect((await manager.consumers.list(stream).next()).map(({ name }) => name)).toEqual([
      subjects.endpointConsumer('e.1'),
    ]);
    expect(before.config).toMatchObject({ retention: 'workqueue', discard: 'new', storage: 'file' });
  });

  it('follows a changed concurrency on a consumer that exists', async () => {
    await topology.ensureStreams(['CHANGED']);
    for (const concurrency of [1, 4]) {
      await topology.ensureEndpointConsumer('CHANGED', 'e', concurrency);
      const { config } = await manager.consumers.info(
        subjects.dispatchStream('CHANGED'),
        subjects.endpointConsumer('e'),
      );
      expect(config).toMatchObject({ max_ack_pending: concurrency + 1, max_deliver: -1 });
    }
  });

  it('hands out as many tickets as calls may be in flight and one more, over all dispatchers', async () => {
    const concurrency = 2;
    const handedOut: JsMsg[] = [];
    for (const dispatcher of [connection, await connect()])
      consume(dispatcher, 'BOUNDED', 'e', concurrency, handedOut);
    await until('the consumer is made', () =>
      manager.consumers.info(subjects.dispatchStream('BOUNDED'), subjects.endpointConsumer('e')),
    );
    const publisher = new TicketPublisher(connection);
    for (let index = 0; index < 8; index += 1) await publisher.publish(aTicket('BOUNDED', 'e'));
    const info = () =>
      manager.consumers.info(subjects.dispatchStream('BOUNDED'), subjects.endpointConsumer('e'));

    /** Each by its latest delivery: one that is not acked comes again after a while, which a busy machine takes. */
    const tickets = (): JsMsg[] => [
      ...new Map(handedOut.map((message) => [message.subject, message])).values(),
    ];
    await until('all that may be handed out is', () => tickets().length === concurrency + 1);
    expect(await info()).toMatchObject({
      num_ack_pending: concurrency + 1,
      num_pending: 8 - concurrency - 1,
    });
    for (let acked = 1; acked <= 5; acked += 1) {
      tickets()[acked - 1]!.ack();
      await until('one follows each ack', () => tickets().length === concurrency + 1 + acked);
      expect((await info()).num_ack_pending).toBeLessThanOrEqual(concurrency + 1);
    }
    expect(tickets()).toHaveLength(8);
  });

  it('keeps the endpoints of a region apart, also where one name begins with the other', async () => {
    const one = consume(connection, 'APART', 'e', 1);
    const other = consume(connection, 'APART', 'e.1', 1);
    await topology.ensureStreams(['APART']);
    const publisher = new TicketPublisher(connection);
    await publisher.publish(aTicket('APART', 'e.1'));
    await publisher.publish(aTicket('APART', 'e'));
    await until('both came', () => one.received.length + other.received.length === 2);
    expect([one.received.length, other.received.length]).toEqual([1, 1]);
  });

  it('drops the second copy of a ticket, but not its next epoch', async () => {
    await topology.ensureStreams(['COPIES']);
    const publisher = new TicketPublisher(connection);
    const ticket = aTicket('COPIES', 'e');
    await publisher.publish(ticket);
    await publisher.publish(ticket);
    const count = async (): Promise<number> =>
      (await manager.streams.info(subjects.dispatchStream('COPIES'))).state.messages;
    expect(await count()).toBe(1);
    await publisher.publish({ ...ticket, epoch: 2 });
    expect(await count()).toBe(2);
  });

  it('says whether a ticket is still out, acked or not, and takes one back', async () => {
    const { received } = consume(connection, 'HELD', 'e', 1);
    await topology.ensureStreams(['HELD']);
    const publisher = new TicketPublisher(connection);
    const [acked, purged] = [aTicket('HELD', 'e'), aTicket('HELD', 'e')];
    const holds = (ticket: Ticket): Promise<boolean> =>
      topology.holds(subjects.dispatchStream('HELD'), subjects.dispatchSubject('HELD', 'e', ticket.job_id));
    await publisher.publish(acked);
    await publisher.publish(purged);
    await until('both were handed out', () => received.length === 2);
    expect([await holds(acked), await holds(purged)]).toEqual([true, true]);
    received[0]!.ack();
    await until('the ack took it out', async () => !(await holds(acked)));
    expect(await holds(purged)).toBe(true);
    await topology.purge(
      subjects.dispatchStream('HELD'),
      subjects.dispatchSubject('HELD', 'e', purged.job_id),
    );
    expect(await holds(purged)).toBe(false);
  });

  it('finds an outcome of a job whatever its ticket, and of no other job', async () => {
    await topology.ensureStreams(['FOUND']);
    const outcome = {
      ...({ v: 1, attempt: 1, epoch: 2, endpoint_id: 'e', region: 'FOUND' } as const),
      job_id: randomUUID(),
    };
    await new OutcomePublisher(unhurried(connection), 'spec').publish({
      ...{ ...outcome, duration_ms: 1, reattached: false },
      result: { kind: 'cancelled' },
    });
    const holds = (jobId: string): Promise<boolean> =>
      topology.holds(subjects.OUTCOMES_STREAM, subjects.outcomesOfJob('FOUND', jobId));
    expect([await holds(outcome.job_id), await holds(randomUUID())]).toEqual([true, false]);
    await topology.purge(subjects.OUTCOMES_STREAM, subjects.outcomesOfJob('FOUND', outcome.job_id));
    expect(await holds(outcome.job_id)).toBe(false);
  });

  it('that is not there holds nothing', async () => {
    const missing = ['DISPATCH_NOWHERE', 'beacon.dispatch.NOWHERE.e.x'] as const;
    expect(await topology.holds(...missing)).toBe(false);
    await topology.purge(...missing);
  });

  it.each(['stream', 'consumer'] as const)(
    'makes a %s that was deleted again, and delivery goes on',
    async (what) => {
      const region = `LOST_${what}`;
      const { received, interruptions } = consume(connection, region, 'e', 1);
      const publisher = new TicketPublisher(connection);
      const publish = (): Promise<void> =>
        until('a ticket is taken', async () => {
          await publisher.publish(aTicket(region, 'e'));
          return true;
        }).then(() => undefined);
      await publish();
      await until('the first came', () => received.length === 1);
      received[0]!.ack();
      const stream = subjects.dispatchStream(region);
      if (what === 'stream') await manager.streams.delete(stream);
      else await manager.consumers.delete(stream, subjects.endpointConsumer('e'));
      await publish();
      await until('the second came', () => received.length >= 2);
      expect(interruptions.length).toBeGreaterThan(0);
    },
  );

  it('goes on delivering after the server lost its store', async () => {
    const { received } = consume(connection, 'WIPED', 'e', 1);
    await until('the consumer is made', () =>
      manager.consumers.info(subjects.dispatchStream('WIPED'), subjects.endpointConsumer('e')),
    );
    await nats.loseStore();
    await nats.restart();
    const publisher = new TicketPublisher(connection);
    await until('a ticket is taken', async () => {
      await publisher.publish(aTicket('WIPED', 'e'));
      return true;
    });
    await until('it came', () => received.length > 0);
  });

  it('keeps the outcomes of two holders of one ticket, and one of each', async () => {
    await topology.ensureStreams(['BOTH']);
    const jobId = randomUUID();
    const outcome = {
      ...{ v: 1 as const, job_id: jobId, attempt: 1, epoch: 1, endpoint_id: 'e', region: 'BOTH' },
      ...{ duration_ms: 1, reattached: false, result: { kind: 'cancelled' as const } },
    };
    for (const holder of ['first', 'first', 'second'])
      await new OutcomePublisher(unhurried(connection), holder).publish(outcome);
    const { state } = await manager.streams.info(subjects.OUTCOMES_STREAM, {
      subjects_filter: subjects.outcomeSubject('BOTH', jobId, 1),
    });
    expect(Object.values(state.subjects ?? {})).toEqual([2]);
  });

  it('tells a publisher that it did not store what it has no stream for', async () => {
    await expect(new TicketPublisher(connection).publish(aTicket('NO_STREAM', 'e'))).rejects.toThrow();
    await expect(jetstream(connection).publish('beacon.nothing', 'x')).rejects.toThrow();
  });
});
