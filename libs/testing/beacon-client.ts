import {
  forbiddenFieldsIn,
  keySelfSchema,
  type JobStatusView,
  type QueueStatusView,
  type QueuedResponse,
} from '#contracts';
import { hasRole, type Role } from '#domain';
import { until } from './until.js';

export interface Reply<T = Record<string, unknown>> {
  readonly status: number;
  readonly contentType: string;
  readonly headers: Headers;
  readonly body: T;
}

export interface RequestOptions {
  readonly method?: string;
  /** Sent as JSON. */
  readonly json?: unknown;
  /** Sent as it is. */
  readonly raw?: string | Uint8Array<ArrayBuffer>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

const ENDED = ['completed', 'failed', 'cancelled', 'expired'];

/** Beacon's HTTP API as a client uses it. */
export class BeaconClient {
  constructor(
    private readonly url: string,
    private readonly key?: string,
    /** Of keys, as they become known. */
    private readonly roles = new Map<string, readonly Role[]>(),
  ) {}

  /** The same API, asked with a key. */
  as(key: string): BeaconClient {
    return new BeaconClient(this.url, key, this.roles);
  }

  async request<T = Record<string, unknown>>(path: string, options: RequestOptions = {}): Promise<Reply<T>> {
    const { json, raw, headers, signal } = options;
    const content = raw ?? (json === undefined ? undefined : JSON.stringify(json));
    const response = await fetch(`${this.url}${path}`, {
      method: options.method ?? (content === undefined ? 'GET' : 'POST'),
      headers: {
        ...(json === undefined ? {} : { 'content-type': 'application/json' }),
        ...(this.key === undefined ? {} : { authorization: `Bearer ${this.key}` }),
        ...headers,
      },
      ...(content === undefined ? {} : { body: content }),
      ...(signal === undefined ? {} : { signal }),
    });
    const contentType = response.headers.get('content-type') ?? '';
    const text = await response.text();
    await this.refuseLeaks(path, response.headers, text);
    const body = (contentType.includes('json') && text !== '' ? JSON.parse(text) : { text }) as T;
    return { status: response.status, contentType, headers: response.headers, body };
  }

  /**
   * So every spec that asks with a customer's key is a leak test. The API's own description names what it likes, and the
   * ledger is for whoever may read it.
   */
  private async refuseLeaks(path: string, headers: Headers, text: string): Promise<void> {
    if (/^\/(docs|openapi\.json|ledger)/.test(path)) return;
    const leaked = [
      ...forbiddenFieldsIn(text),
      ...[...headers.keys()].filter((name) => /endpoint|cost|provider|gpu|workspace/.test(name)),
    ];
    if (leaked.length === 0) return;
    const roles = await this.ownRoles();
    if (roles === null || hasRole({ roles }, 'operate')) return;
    throw new Error(`${path} tells a customer ${leaked.join(', ')}`);
  }

  /** @returns null: without a key, where none is needed, and whoever asks operates Beacon */
  private async ownRoles(): Promise<readonly Role[] | null> {
    const { key } = this;
    if (key === undefined) return null;
    const known = this.roles.get(key);
    if (known !== undefined) return known;
    const reply = await fetch(`${this.url}/keys/self`, { headers: { authorization: `Bearer ${key}` } });
    const text = await reply.text();
    // Revoked, or one that never was: whoever holds it may be told no more than a customer.
    if (reply.status === 401 || reply.status === 403) return [];
    if (reply.status !== 200) throw new Error(`the roles of a key are not told: ${reply.status} ${text}`);
    const { roles } = keySelfSchema.parse(JSON.parse(text));
    this.roles.set(key, roles);
    return roles;
  }

  /** Queues a job that must be accepted. */
  async queue(json: unknown, headers: Readonly<Record<string, string>> = {}): Promise<QueuedResponse> {
    const reply = await this.request<QueuedResponse>('/inference/queued', { json, headers });
    if (reply.status !== 202) throw new Error(`not accepted: ${JSON.stringify(reply.body)}`);
    return reply.body;
  }

  async job(jobId: string): Promise<JobStatusView> {
    const reply = await this.request<JobStatusView>(`/inference/status/${jobId}`);
    if (reply.status !== 200) throw new Error(`no status: ${JSON.stringify(reply.body)}`);
    return reply.body;
  }

  cancel(jobId: string): Promise<Reply> {
    return this.request(`/inference/${jobId}`, { method: 'DELETE' });
  }

  /** Waits until a job reads as `status`. */
  untilJob(jobId: string, status: string, timeoutMs?: number): Promise<JobStatusView> {
    return until(
      `job is ${status}`,
      async () => {
        const job = await this.job(jobId);
        if (job.status !== status) throw new Error(`it reads ${JSON.stringify(job)}`);
        return job;
      },
      timeoutMs,
    );
  }

  /** Waits until a job has ended, one way or the other. */
  untilEnded(jobId: string, timeoutMs?: number): Promise<JobStatusView> {
    return until(
      'job has ended',
      async () => {
        const job = await this.job(jobId);
        if (!ENDED.includes(job.status)) throw new Error(`it reads ${JSON.stringify(job)}`);
        return job;
      },
      timeoutMs,
    );
  }

  async queues(): Promise<QueueStatusView> {
    return (await this.request<QueueStatusView>('/queue/status')).body;
  }
}
