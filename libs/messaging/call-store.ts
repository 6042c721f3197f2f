import { jetstreamManager, type JetStreamManager } from '@nats-io/jetstream';
import { Kvm, type KV } from '@nats-io/kv';
import type { NatsConnection } from '@nats-io/transport-node';
import { storedAttemptSchema, subjects, type StoredAttempt } from '#contracts';
import { decodeJson, encodeJson } from './json.js';

const KEEP_MS = 24 * 3600 * 1000;
/** A put that was on its way when the connection broke is never answered; the next one may be. */
const PUT_TIMEOUT_MS = 1000;
const decoder = new TextDecoder();

export interface FoundAttempt {
  readonly attempt: StoredAttempt;
  /** Says whether anybody has written since. */
  readonly revision: number;
}

/**
 * Which calls were begun for an attempt, and where the last of them can be found again: the result URL of a 303, or the
 * address of a spawned call. Keyed by job and attempt: a ticket that is issued again for the same attempt finds the same
 * calls. Written before a call is made and before anything is asked at its address, read by whoever receives the ticket
 * next. The address is a credential: it is never logged.
 */
export class CallStore {
  private bucket: Promise<KV> | undefined;
  private manager: Promise<JetStreamManager> | undefined;

  constructor(private readonly connection: NatsConnection) {}

  /** Opens the bucket before it is needed. @throws where there is no JetStream yet; the first use opens it then */
  async prepare(): Promise<void> {
    await this.withBucket(() => Promise.resolve());
  }

  /** @returns the revision that was written */
  async put(jobId: string, attempt: number, stored: StoredAttempt): Promise<number> {
    return this.withBucket((bucket) =>
      bucket.put(subjects.callKey(jobId, attempt), encodeJson(stored), { timeout: PUT_TIMEOUT_MS }),
    );
  }

  async get(jobId: string, attempt: number): Promise<FoundAttempt | undefined> {
    const entry = await this.withBucket((bucket) => bucket.get(subjects.callKey(jobId, attempt)));
    if (entry === null || entry.operation !== 'PUT') return undefined;
    const { revision, value } = entry;
    const stored = decodeJson(storedAttemptSchema, value);
    // An older dispatcher stored the address alone.
    return { revision, attempt: stored ?? { v: 1, calls: [], address: decoder.decode(value) } };
  }

  /**
   * Takes one revision out. A later one stays: it is about a call which has not ended yet. By its key as well, because a
   * bucket that was wiped counts from one again, for other calls. Not by the bucket's own purge, which would leave a marker
   * for every call that was ever made.
   * @throws where the revision is not there any more
   */
  async forget(jobId: string, attempt: number, revision: number): Promise<void> {
    this.manager ??= jetstreamManager(this.connection, { checkAPI: false });
    const { streams } = await this.manager;
    const bucket = subjects.CALLS_BUCKET;
    const filter = `$KV.${bucket}.${subjects.callKey(jobId, attempt)}`;
    const { purged } = await streams.purge(`KV_${bucket}`, { filter, seq: revision + 1 });
    if (purged === 0) throw new Error('what was to be forgotten is not there any more');
  }

  /**
   * Opens the bucket once. A bucket whose stream was wiped fails: it is made again, and used again at once, because
   * a URL that is not stored costs a second call after a crash.
   */
  private async withBucket<T>(use: (bucket: KV) => Promise<T>): Promise<T> {
    const wasOpen = this.bucket !== undefined;
    this.bucket ??= new Kvm(this.connection).create(subjects.CALLS_BUCKET, { history: 1, ttl: KEEP_MS });
    try {
      return await use(await this.bucket);
    } catch (error) {
      this.bucket = undefined;
      if (!wasOpen) throw error;
    }
    return this.withBucket(use);
  }
}
