import { randomUUID } from 'node:crypto';
import { subjects, type StoredAttempt } from '#contracts';
import { startTestNats, unhurried, type TestNats } from '#testing';
import { jetstreamManager } from '@nats-io/jetstream';
import { Kvm } from '@nats-io/kv';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { CallStore } from './call-store.js';
import { connectNats, type NatsConnection } from './connection.js';

describe('the store of running calls', () => {
  let nats: TestNats;
  let connection: NatsConnection;

  beforeAll(async () => {
    nats = await startTestNats();
    connection = unhurried(
      await connectNats({
        url: nats.url,
        name: 'spec',
        onReconnect: () => undefined,
        onDisconnect: () => undefined,
      }),
    );
  });
  afterAll(async () => {
    await connection.close();
    await nats.close();
  });

  const at = (address: string): StoredAttempt => ({
    v: 1,
    calls: [{ id: randomUUID(), endpoint_id: 'e' }],
    address,
  });

  it('gives the calls of an attempt, and where to find the last one, to whoever holds its ticket next', async () => {
    const jobId = randomUUID();
    await new CallStore(connection).put(jobId, 1, at('https://a.test/?token=1'));
    const latest = at('https://a.test/?token=2');
    await new CallStore(connection).put(jobId, 1, latest);
    expect((await new CallStore(connection).get(jobId, 1))?.attempt).toEqual(latest);
  });

  it('understands what an older dispatcher stored: the address alone', async () => {
    const jobId = randomUUID();
    const store = new CallStore(connection);
    await store.prepare();
    const bucket = await new Kvm(connection).open(subjects.CALLS_BUCKET);
    await bucket.put(subjects.callKey(jobId, 1), 'https://a.test/old');
    expect((await store.get(jobId, 1))?.attempt).toEqual({ v: 1, calls: [], address: 'https://a.test/old' });
  });

  it('keeps attempts and jobs apart, and knows nothing of others', async () => {
    const store = new CallStore(connection);
    const jobId = randomUUID();
    await store.put(jobId, 1, at('https://a.test/1'));
    expect(await store.get(jobId, 2)).toBeUndefined();
    expect(await store.get(randomUUID(), 1)).toBeUndefined();
  });

  it('forgets what has ended, and not what somebody else has begun meanwhile', async () => {
    const store = new CallStore(connection);
    const jobId = randomUUID();
    const mine = await store.put(jobId, 1, at('https://a.test/1'));
    const others = await store.put(jobId, 1, at('https://a.test/2'));
    await expect(store.forget(jobId, 1, mine)).rejects.toThrow();
    expect((await store.get(jobId, 1))?.attempt.address).toBe('https://a.test/2');
    await store.forget(jobId, 1, others);
    expect(await store.get(jobId, 1)).toBeUndefined();
    const manager = await jetstreamManager(connection);
    const subject = `$KV.${subjects.CALLS_BUCKET}.${subjects.callKey(jobId, 1)}`;
    const { state } = await manager.streams.info(`KV_${subjects.CALLS_BUCKET}`, { subjects_filter: subject });
    // Not even a marker is left.
    expect(state.subjects ?? {}).toEqual({});
  });

  it('forgets nothing of another attempt, also where its bucket was wiped and counts from one again', async () => {
    const store = new CallStore(connection);
    const [ended, others] = [randomUUID(), randomUUID()];
    const bucket = () => new Kvm(connection).open(subjects.CALLS_BUCKET);
    await store.prepare();
    await (await bucket()).destroy();
    const revision = await new CallStore(connection).put(ended, 1, at('https://a.test/ended'));
    await (await bucket()).destroy();
    expect(await new CallStore(connection).put(others, 1, at('https://a.test/others'))).toBe(revision);
    await expect(store.forget(ended, 1, revision)).rejects.toThrow('not there');
    expect((await store.get(others, 1))?.attempt.address).toBe('https://a.test/others');
  });

  it('goes on after its bucket was deleted', async () => {
    const store = new CallStore(connection);
    const jobId = randomUUID();
    await store.put(jobId, 1, at('https://a.test/lost'));
    await (await new Kvm(connection).open(subjects.CALLS_BUCKET)).destroy();
    expect(await store.get(jobId, 1)).toBeUndefined();
    await (await new Kvm(connection).open(subjects.CALLS_BUCKET)).destroy();
    await store.put(jobId, 1, at('https://a.test/new'));
    expect((await store.get(jobId, 1))?.attempt.address).toBe('https://a.test/new');
  });
});
