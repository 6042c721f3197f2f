import { randomUUID } from 'node:crypto';
import { subjects } from '#contracts';
import { startTestNats, type TestNats } from '#testing';
import { Kvm } from '@nats-io/kv';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { CallStore } from './call-store.js';
import { connectNats, type NatsConnection } from './connection.js';

describe('the store of running calls', () => {
  let nats: TestNats;
  let connection: NatsConnection;

  beforeAll(async () => {
    nats = await startTestNats();
    connection = await connectNats({
      url: nats.url,
      name: 'spec',
      onReconnect: () => undefined,
      onDisconnect: () => undefined,
    });
  }, 300_000);
  afterAll(async () => {
    await connection.close();
    await nats.close();
  });

  it('gives the result URL of an attempt to whoever holds its ticket next', async () => {
    const jobId = randomUUID();
    await new CallStore(connection).put(jobId, 1, 'https://a.test/?token=1');
    await new CallStore(connection).put(jobId, 1, 'https://a.test/?token=2');
    expect(await new CallStore(connection).get(jobId, 1)).toBe('https://a.test/?token=2');
  });

  it('keeps attempts and jobs apart, and knows nothing of others', async () => {
    const store = new CallStore(connection);
    const jobId = randomUUID();
    await store.put(jobId, 1, 'https://a.test/1');
    expect(await store.get(jobId, 2)).toBeUndefined();
    expect(await store.get(randomUUID(), 1)).toBeUndefined();
  });

  it('forgets what has ended', async () => {
    const store = new CallStore(connection);
    const jobId = randomUUID();
    await store.put(jobId, 1, 'https://a.test/1');
    await store.forget(jobId, 1);
    expect(await store.get(jobId, 1)).toBeUndefined();
    await store.forget(jobId, 1);
  });

  it('goes on after its bucket was deleted', async () => {
    const store = new CallStore(connection);
    const jobId = randomUUID();
    await store.put(jobId, 1, 'https://a.test/lost');
    await (await new Kvm(connection).open(subjects.CALLS_BUCKET)).destroy();
    expect(await store.get(jobId, 1)).toBeUndefined();
    await (await new Kvm(connection).open(subjects.CALLS_BUCKET)).destroy();
    await store.put(jobId, 1, 'https://a.test/new');
    expect(await store.get(jobId, 1)).toBe('https://a.test/new');
  });
});
