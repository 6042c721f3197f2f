import { forbiddenFieldsIn, type JobStatusView, type QueueStatusView, type QueuedResponse } from '#contracts';
import type { Role } from '#domain';
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
    /** Roles of the keys that are known: what customers are answered is held against the charter. */
    private readonly rolesOf: (key: string) => readonly Role[] | undefined = () => undefined,
  ) {}

  /** The same API, asked with a key. */
  as(key: string): BeaconClient {
    return new BeaconClient(this.url, key, this.rolesOf);
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
    this.refuseLeaks(path, response.headers, text);
    const body = (contentType.includes('json') && text !== '' ? JSON.parse(text) : { text }) as T;
    return { status: response.status, contentType, headers: response.headers, body };
  }

  /** So every spec that asks with a customer's key is a leak test. The API's own description names what it likes. */
  private refuseLeaks(path: string, headers: Headers, text: string): void {
    const roles = this.key === undefined ? undefined : this.rolesOf(this.key);
    if (roles === undefined || roles.some((role) => role !== 'submit' && role !== 'read')) return;
    if (/^\/(docs|openapi\.json)/.test(path)) return;
    const leaked = [
      ...forbiddenFieldsIn(text),
      ...[...headers.keys()].filter((name) => /endpoint|cost|provider|gpu|workspace/.test(name)),
    ];
    if (leaked.length > 0) throw new Error(`${path} tells a customer ${leaked.join(', ')}`);
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
