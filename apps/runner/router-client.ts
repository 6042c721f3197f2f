import { setTimeout as delay } from 'node:timers/promises';
import {
  jobStatusSchema,
  problemSchema,
  queuedResponseSchema,
  type JobStatusView,
  type ServiceHeaders,
} from '#contracts';
import { backoffMs } from '#domain';
import { createRouterClient, type BodyOf, type TypedRouterClient } from '#router-client';
import type { z } from 'zod';

/** The router cannot be reached or is not well. It may be restarting: the same request may succeed later. */
export class RouterUnavailableError extends Error {
  constructor(detail: string, options?: ErrorOptions) {
    super(`the router did not answer: ${detail}`, options);
    this.name = 'RouterUnavailableError';
  }
}

export type SubmitAnswer =
  | { readonly kind: 'queued'; readonly jobId: string }
  /** The router will never take this job. */
  | { readonly kind: 'refused'; readonly code: string };

/** The run that a job is for, and whose that is. */
export interface RunOrigin {
  readonly runId: string;
  readonly tenant: string;
  readonly keyId: string | null;
  /** W3C traceparent of the submission; left out: it is not traced. */
  readonly traceparent?: string;
}

function originHeaders({ runId, tenant, keyId, traceparent }: RunOrigin): Readonly<Record<string, string>> {
  return {
    'x-beacon-run-id': runId,
    'x-beacon-tenant': tenant,
    ...(keyId === null ? {} : { 'x-beacon-key-id': keyId }),
    ...(traceparent === undefined ? {} : { traceparent }),
  } satisfies ServiceHeaders & { readonly traceparent?: string };
}

/** Body of `POST /inference/queued`. */
export type QueuedJob = BodyOf<'/inference/queued', 'post'>;

/** What the runner needs of the router. */
export interface JobRouter {
  /** @throws RouterUnavailableError */
  submit(idempotencyKey: string, job: QueuedJob, run: RunOrigin): Promise<SubmitAnswer>;
  /** @returns undefined where there is no such job  @throws RouterUnavailableError */
  status(jobId: string): Promise<JobStatusView | undefined>;
  /** A job that has finished meanwhile stays as it is.  @throws RouterUnavailableError */
  cancel(jobId: string): Promise<void>;
}

export interface RouterClientOptions {
  readonly baseUrl: string;
  /** Left out: the router has no keys and belongs to one tenant. */
  readonly serviceToken?: string | undefined;
  readonly requestTimeoutMs?: number;
  /** Tries of one request. All requests made here are idempotent. */
  readonly tries?: number;
}

const REQUEST_TIMEOUT_MS = 10_000;
const TRIES = 4;
const BACKOFF = { backoffMs: 100, backoffMaxMs: 1000 };
/** Answers that say "later", not "no". */
const TRANSIENT = new Set([408, 425, 429]);

interface Answer {
  readonly status: number;
  /** As it came: nothing has looked at it yet. */
  readonly body: unknown;
}
/** Makes one try of a request. */
type Send = (common: { readonly signal: AbortSignal; readonly parseAs: 'text' }) => Promise<{
  readonly response: Response;
  readonly data?: unknown;
  readonly error?: unknown;
}>;

const queuedSchema = queuedResponseSchema.pick({ job_id: true });
/** Jobs by HTTP; every job a run makes is one that any other client could have made. */
export class RouterClient implements JobRouter {
  private readonly requestTimeoutMs: number;
  private readonly tries: number;
  private readonly client: TypedRouterClient;

  constructor({ baseUrl, serviceToken, ...options }: RouterClientOptions) {
    this.requestTimeoutMs = options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS;
    this.tries = options.tries ?? TRIES;
    this.client = createRouterClient({ baseUrl, key: serviceToken, isLean: true });
  }

  async submit(idempotencyKey: string, job: QueuedJob, run: RunOrigin): Promise<SubmitAnswer> {
    const { status, body } = await this.request((common) =>
      this.client.POST('/inference/queued', {
        ...common,
        params: { header: { 'Idempotency-Key': idempotencyKey } },
        headers: originHeaders(run),
        body: job,
      }),
    );
    if (status < 400) return { kind: 'queued', jobId: wellFormed(queuedSchema, body).job_id };
    const problem = problemSchema.safeParse(body);
    // Anything in between may well answer 4xx for the router (a proxy's 404): only the router's own word counts.
    if (!problem.success) throw new RouterUnavailableError(`status ${status} without a problem document`);
    return { kind: 'refused', code: problem.data.code };
  }

  async status(jobId: string): Promise<JobStatusView | undefined> {
    const { status, body } = await this.request((common) =>
      this.client.GET('/inference/status/{job_id}', { ...common, params: { path: { job_id: jobId } } }),
    );
    if (status < 400) return wellFormed(jobStatusSchema, body);
    if (status === 404 && saysJobUnknown(body)) return undefined;
    throw new RouterUnavailableError(`status ${status} for the status of a job`);
  }

  async cancel(jobId: string): Promise<void> {
    const { status, body } = await this.request((common) =>
      this.client.DELETE('/inference/{job_id}', { ...common, params: { path: { job_id: jobId } } }),
    );
    if (status < 400 || status === 409 || (status === 404 && saysJobUnknown(body))) return;
    throw new RouterUnavailableError(`status ${status} for the cancellation of a job`);
  }

  private async request(send: Send): Promise<Answer> {
    for (let attempt = 1; ; attempt += 1) {
      const answer = await this.tryOnce(send);
      if (!(answer instanceof RouterUnavailableError)) return answer;
      if (attempt >= this.tries) throw answer;
      await delay(backoffMs(attempt, BACKOFF, 0.5 + Math.random() / 2));
    }
  }

  private async tryOnce(send: Send): Promise<Answer | RouterUnavailableError> {
    try {
      const { response, data, error } = await send({
        signal: AbortSignal.timeout(this.requestTimeoutMs),
        // Types are the document's promise; what was really said is read by a schema.
        parseAs: 'text',
      });
      if (response.status >= 500 || TRANSIENT.has(response.status)) {
        return new RouterUnavailableError(`status ${response.status}`);
      }
      return { status: response.status, body: response.ok ? parseJson(data) : error };
    } catch (error) {
      return new RouterUnavailableError(error instanceof Error ? error.message : 'unknown fault', {
        cause: error,
      });
    }
  }
}

function parseJson(text: unknown): unknown {
  try {
    return typeof text === 'string' ? (JSON.parse(text) as unknown) : undefined;
  } catch {
    return undefined;
  }
}

function saysJobUnknown(body: unknown): boolean {
  const problem = problemSchema.safeParse(body);
  return problem.success && problem.data.code === 'JOB_NOT_FOUND';
}

function wellFormed<T extends z.ZodType>(schema: T, body: unknown): z.infer<T> {
  const parsed = schema.safeParse(body);
  if (!parsed.success) throw new RouterUnavailableError('its answer is not what the contract says');
  return parsed.data;
}
