import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { subjects } from '#contracts';
import { startTestNats, until, type TestNats } from '#testing';
import { BrokerLife } from './broker-life.js';
import { connectNats, type NatsConnection } from './connection.js';
import { DurableConsumer, type Delivery } from './durable-consumer.js';
import { Topology } from './topology.js';

const ENDPOINT = 'e';
const REGION = 'LIFE';

describe('how often a ticket was delivered', () => {
  let nats: TestNats;
  let connection: NatsConnection;
  let topology: Topology;
  let consumer: DurableConsumer;
  const deliveries: Delivery[] = [];

  beforeAll(async () => {
    nats = await startTestNats();
    connection = await connectNats({
      ...{ url: nats.url, name: 'spec', onReconnect: () => undefined, onDisconnect: () => undefined },
    });
    topology = await Topology.open(connection);
    const life = new BrokerLife(connection, {
      read: () => topology.lifeBeganMs(),
      onUnknown: () => undefined,
    });
    consumer = new DurableConsumer(connection, {
      stream: subjects.dispatchStream(REGION),
      consumer: subjects.endpointConsumer(ENDPOINT),
      prefetch: 10,
      life,
      ensure: async () => {
        await life.ask();
        await topology.ensureStreams([REGION]);
        await topology.ensureEndpointConsumer(REGION, ENDPOINT, 10);
      },
      handle: (delivery) => deliveries.push(delivery),
      onInterrupted: () => undefined,
    });
    await until('the consumer is there', consumerInfo);
  });
  afterAll(async () => {
    await consumer.stop();
    await connection.close();
    await nats.close();
  });

  const consumerInfo = async () =>
    (await jetstreamManager(connection)).consumers.info(
      subjects.dispatchStream(REGION),
      subjects.endpointConsumer(ENDPOINT),
    );
  const publish = async (name: string): Promise<void> => {
    await jetstream(connection).publish(subjects.dispatchSubject(REGION, ENDPOINT, name), '{}');
  };
  const deliveriesOf = (name: string): Delivery[] =>
    deliveries.filter(({ message }) => message.subject.endsWith(`.${name}`));
  const delivered = (name: string, times = 1): Promise<Delivery> =>
    until(`${name} is delivered`, () => deliveriesOf(name)[times - 1]);

  const nameOf = ({ message }: Delivery): string => message.subject.split('.').at(-1) ?? '';
  /** A new ticket's, once the server is known; those before are acked. */
  const counted = (): Promise<Delivery> =>
    until('the server is known', async () => {
      const name = `new-${deliveries.length}`;
      await publish(name);
      const delivery = await delivered(name);
      if (delivery.count === 1) return delivery;
      delivery.message.ack();
      return undefined;
    });

  it('is known while the server runs', async () => {
    const first = await counted();
    first.message.nak();
    const second = await delivered(nameOf(first), 2);
    expect(second.count).toBe(2);
    second.message.ack();
  });

  it('is not, of what came in before the server was killed: it forgets what it gave to whom', async () => {
    // What is delivered within a tenth of a second of something else is written down later.
    for (const name of ['one', 'other', 'held']) await publish(name);
    for (const name of ['one', 'other']) (await delivered(name)).message.ack();
    await delivered('held');
    await nats.kill();
    await nats.restart();
    expect((await delivered('held', 2)).count).toBeUndefined();
    (await counted()).message.ack();
  });

  it('nor of what came in before its consumer was made again', async () => {
    await publish('kept');
    await delivered('kept');
    const manager = await jetstreamManager(connection);
    // The server may not be able to remove a folder that it writes to: it has forgotten the consumer by then.
    await manager.consumers
      .delete(subjects.dispatchStream(REGION), subjects.endpointConsumer(ENDPOINT))
      .catch(() => undefined);
    const again = await delivered('kept', 2);
    expect(again.message.info.deliveryCount).toBe(1);
    expect(again.count).toBeUndefined();
  });

  it('all processes tell alike since when the server runs', async () => {
    const ask = () => Promise.all(Array.from({ length: 5 }, () => topology.lifeBeganMs()));
    const [before, ...others] = await ask();
    expect(new Set(others)).toEqual(new Set([before]));
    await (await jetstreamManager(connection)).streams.delete(subjects.LIFE_STREAM);
    const [after, ...more] = await ask();
    expect(new Set(more)).toEqual(new Set([after]));
    expect(after).toBeGreaterThan(before!);
  });
});

describe('the life of a server', () => {
  const aLife = (read: () => Promise<number>) => {
    const connection = { info: { server_id: 'first' } } as NatsConnection;
    const faults: unknown[] = [];
    return {
      connection,
      faults,
      life: new BrokerLife(connection, { read, onUnknown: (error) => faults.push(error) }),
    };
  };

  it('is that of the one to which the connection leads', async () => {
    let beganMs = 1;
    const { connection, life } = aLife(() => Promise.resolve(beganMs));
    await life.ask();
    expect(life.beganMs).toBe(1);
    connection.info!.server_id = 'second';
    beganMs = 2;
    expect(life.beganMs).toBe(Infinity);
    await until('it is asked', () => life.beganMs === 2);
  });

  it('is not told by an answer of the one before', async () => {
    let answer: (beganMs: number) => void = () => undefined;
    const { connection, life } = aLife(() => new Promise((resolve) => (answer = resolve)));
    const asked = life.ask();
    connection.info!.server_id = 'second';
    answer(1);
    await asked;
    connection.info!.server_id = 'first';
    expect(life.beganMs).toBe(Infinity);
  });

  it('is unknown in a cluster: a ticket may lie on another of its servers', async () => {
    const { connection, life } = aLife(() => Promise.resolve(1));
    await life.ask();
    connection.info!.cluster = 'c1';
    expect(life.beganMs).toBe(Infinity);
  });

  it('is unknown where it cannot be asked', async () => {
    const { faults, life } = aLife(() => Promise.reject(new Error('no memory')));
    await life.ask();
    expect(life.beganMs).toBe(Infinity);
    expect(faults).toEqual([new Error('no memory')]);
  });
});
