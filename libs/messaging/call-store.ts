import { Kvm, type KV } from '@nats-io/kv';
import type { NatsConnection } from '@nats-io/transport-node';
import { subjects } from '#contracts';

const KEEP_MS = 24 * 3600 * 1000;
/** A put that was on its way when the connection broke is never answered; the next one may be. */
const PUT_TIMEOUT_MS = 1000;
const decoder = new TextDecoder();

/**
 * Where a running call can be found again: the result URL of a 303, or the address of a spawned call. Keyed by job and
 * attempt: a ticket that
 * is issued again for the same attempt finds the same call. Written before anything is asked there, read by whoever
 * receives the ticket next. The address is a credential: it is never logged.
 */
export class CallStore {
  private bucket: Promise<KV> | undefined;

  constructor(private readonly connection: NatsConnection) {}

  async put(jobId: string, attempt: number, address: string): Promise<void> {
    await this.withBucket((bucket) =>
      bucket.put(subjects.callKey(jobId, attempt), address, { timeout: PUT_TIMEOUT_MS }),
    );
  }

  async get(jobId: string, attempt: number): Promise<string | undefined> {
    const entry = await this.withBucket((bucket) => bucket.get(subjects.callKey(jobId, attempt)));
    return entry === null || entry.operation !== 'PUT' ? undefined : decoder.decode(entry.value);
  }

  async forget(jobId: string, attempt: number): Promise<void> {
    await this.withBucket((bucket) => bucket.purge(subjects.callKey(jobId, attempt)));
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
