import { randomUUID } from 'node:crypto';
import { fastify, type FastifyInstance } from 'fastify';

export interface StubJob {
  readonly id: string;
  readonly key: string;
  readonly model: string;
  readonly region: string;
  readonly questionId: string;
  readonly body: Readonly<Record<string, unknown>>;
  status: 'queued' | 'completed' | 'failed' | 'cancelled';
  answeredRegion: string;
  errorCode: string | null;
  /** When its call began: with its submission, unless the test says otherwise. */
  startedAt: Date;
}

export type StubVerdict =
  | { readonly kind: 'complete'; readonly region?: string }
  | { readonly kind: 'fail'; readonly code: string }
  /** Stays queued until the test says otherwise. */
  | { readonly kind: 'hold' };

/**
 * The router's job routes over real HTTP, with its idempotency, and none of its engine: each job ends as `verdict`
 * says, right after the answer to its submission.
 */
export class StubRouter {
  readonly jobs = new Map<string, StubJob>();
  /** In the order of their first submission. */
  readonly order: StubJob[] = [];
  readonly cancelled: string[] = [];
  submissions = 0;
  verdict: (job: StubJob) => StubVerdict = () => ({ kind: 'complete' });
  onEnded: (jobId: string) => void = () => undefined;
  /** Called before each request is worked on; what it returns is answered instead. */
  intercept: (method: string, url: string) => { status: number; body: unknown } | undefined = () => undefined;
  private readonly byKey = new Map<string, StubJob>();

  private constructor(
    private readonly server: FastifyInstance,
    readonly url: string,
  ) {}

  static async start(): Promise<StubRouter> {
    const server = fastify({ forceCloseConnections: true });
    let stub: StubRouter | undefined = undefined;
    const self = (): StubRouter => {
      if (stub === undefined) throw new Error('not started');
      return stub;
    };
    server.addHook('onRequest', async (request, reply) => {
      const instead = self().intercept(request.method, request.url);
      if (instead !== undefined) await reply.code(instead.status).send(instead.body);
    });
    server.post<{ Body: Record<string, unknown> }>('/inference/queued', (request, reply) => {
      const job = self().submit(String(request.headers['idempotency-key']), request.body);
      return reply.code(202).send({ success: true, job_id: job.id, status: 'queued' });
    });
    server.get<{ Params: { id: string } }>('/inference/status/:id', (request, reply) => {
      const job = self().jobs.get(request.params.id);
      return job === undefined
        ? reply.code(404).send(problem('JOB_NOT_FOUND', 404))
        : reply.send(statusOf(job));
    });
    server.delete<{ Params: { id: string } }>('/inference/:id', (request, reply) => {
      const job = self().jobs.get(request.params.id);
      if (job === undefined) return reply.code(404).send(problem('JOB_NOT_FOUND', 404));
      if (job.status !== 'queued') return reply.code(409).send(problem('JOB_FINISHED', 409));
      self().cancelled.push(job.id);
      self().end(job, 'cancelled');
      return reply.code(202).send({ job_id: job.id, status: 'cancelled' });
    });
    stub = new StubRouter(server, await server.listen({ host: '127.0.0.1', port: 0 }));
    return stub;
  }

  get inFlight(): StubJob[] {
    return this.order.filter(({ status }) => status === 'queued');
  }

  /** Ends a job that was held. */
  complete(job: StubJob): void {
    job.answeredRegion = job.region;
    this.end(job, 'completed');
  }

  /** Fails a job that was held. */
  fail(job: StubJob, code: string): void {
    job.errorCode = code;
    this.end(job, 'failed');
  }

  async close(): Promise<void> {
    await this.server.close();
  }

  private submit(key: string, body: Record<string, unknown>): StubJob {
    this.submissions += 1;
    const known = this.byKey.get(key);
    if (known !== undefined) return known;
    const metadata = body['metadata'] as Record<string, unknown>;
    const job: StubJob = {
      id: randomUUID(),
      key,
      model: String(body['model']),
      region: String(body['region_preference']),
      questionId: String(metadata['question_id']),
      body,
      status: 'queued',
      answeredRegion: '',
      errorCode: null,
      startedAt: new Date(),
    };
    this.byKey.set(key, job);
    this.jobs.set(job.id, job);
    this.order.push(job);
    const verdict = this.verdict(job);
    if (verdict.kind === 'hold') return job;
    setImmediate(() => {
      job.answeredRegion = verdict.kind === 'complete' ? (verdict.region ?? job.region) : '';
      job.errorCode = verdict.kind === 'fail' ? verdict.code : null;
      this.end(job, verdict.kind === 'fail' ? 'failed' : 'completed');
    });
    return job;
  }

  private end(job: StubJob, status: StubJob['status']): void {
    if (job.status !== 'queued') return;
    job.status = status;
    this.onEnded(job.id);
  }
}

function problem(code: string, status: number): Record<string, unknown> {
  return { type: 'about:blank', title: code, status, detail: code, code };
}

function statusOf(job: StubJob): Record<string, unknown> {
  const now = new Date().toISOString();
  const attempt = {
    attempt: 1,
    endpoint_id: `${job.region}-${job.model}`,
    region: job.region,
    status: job.status === 'completed' ? 'succeeded' : job.status,
    error_code: job.errorCode,
    started_at: job.startedAt.toISOString(),
    finished_at: now,
  };
  return {
    job_id: job.id,
    status: job.status,
    model: job.model,
    region: job.region,
    region_policy: job.body['region_policy'],
    priority: 'normal',
    queue_position: null,
    estimated_wait_seconds: null,
    wait_reason: null,
    retry_count: 0,
    attempts: [attempt],
    result:
      job.status === 'completed'
        ? {
            success: true,
            response: `answer to ${job.key}`,
            model: job.model,
            region: job.answeredRegion,
            substituted: job.answeredRegion !== job.region,
            inference_time: 0.5,
            tokens_generated: 7,
          }
        : null,
    error: job.errorCode === null ? null : { code: job.errorCode, message: 'failed' },
    metadata: job.body['metadata'],
    created_at: now,
    started_at: now,
    completed_at: now,
    duration: 0.5,
  };
}
