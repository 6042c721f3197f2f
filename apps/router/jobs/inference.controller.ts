import { Body, Controller, Delete, Get, Headers, HttpCode, Inject, Param, Post, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import type { Configuration } from '#config';
import {
  ProblemError,
  inferenceRequestSchema,
  parseRequest,
  type InferenceRequest,
  type CharterView,
  type InferenceResponse,
  type JobStatusView,
  type QueuedResponse,
  type RequestLimits,
  type charterCancelSchema,
  type charterInferenceSchema,
  type charterJobStatusSchema,
  type charterQueuedSchema,
} from '#contracts';
import { isTerminal, type Caller } from '#domain';
import type { JobEntity } from '#persistence';
import { From } from '../access/caller.js';
import { CharterPolicy } from '../charter/charter-policy.js';
import { charterCancel, charterQueued } from '../charter/job-face.js';
import { parseIdempotencyKey } from '../http/idempotency.js';
import { ConfigurationToken, RequestLimitsToken } from '../http/tokens.js';
import { clientGone, untilSent } from '../http/until-sent.js';
import { QueueView } from '../queue/queue-view.js';
import { Cancellation } from './cancellation.js';
import { JobIntake, originOf } from './intake.js';
import { jobNotFound } from './job-not-found.js';
import { JobStatus, roundSeconds } from './job-status.js';
import { JobWait } from './job-wait.js';
import { refuseWebhookUrl } from '../webhooks/webhook-url.js';

@Controller()
export class InferenceController {
  private readonly bodySchema: ReturnType<typeof inferenceRequestSchema>;

  constructor(
    @Inject(JobIntake) private readonly intake: JobIntake,
    @Inject(JobStatus) private readonly jobStatus: JobStatus,
    @Inject(JobWait) private readonly jobWait: JobWait,
    @Inject(Cancellation) private readonly cancellation: Cancellation,
    @Inject(QueueView) private readonly queueView: QueueView,
    @Inject(CharterPolicy) private readonly policy: CharterPolicy,
    @Inject(RequestLimitsToken) limits: RequestLimits,
    @Inject(ConfigurationToken) private readonly configuration: Configuration,
  ) {
    this.bodySchema = inferenceRequestSchema(limits);
  }

  @Post('inference/queued')
  @HttpCode(202)
  async queue(
    @Body() body: unknown,
    @Headers('idempotency-key') key: string | undefined,
    @From() caller: Caller,
    @Headers('x-beacon-run-id') runId?: string,
  ): Promise<QueuedResponse | CharterView<typeof charterQueuedSchema>> {
    const queued = await this.accept(body, key, caller, runId);
    return this.policy.reply(
      caller,
      () => queued,
      () => charterQueued(queued),
    );
  }

  private async accept(
    body: unknown,
    key: string | undefined,
    caller: Caller,
    runId: string | undefined,
  ): Promise<QueuedResponse> {
    const request = this.parse(body);
    const origin = originOf(caller, caller.kind === 'service' ? { runId: runId ?? null } : {});
    const accepted = await this.intake.accept(request, parseIdempotencyKey(key, caller), origin);
    if (accepted.replayed) {
      const job = await this.jobStatus.read(accepted.jobId);
      return {
        success: true,
        job_id: job.job_id,
        status: job.status,
        queue_position: job.queue_position ?? 0,
        estimated_wait_seconds: job.estimated_wait_seconds ?? 0,
        region: job.region,
        message: 'this idempotency key is known: here is the job it made',
        warnings: [],
      };
    }
    // The job is committed: whatever fails from here on must not read as a refusal.
    const { position, estimateMs } = await this.queueView
      .placeOfNew(accepted.lane, accepted.model, request.priority, caller.tenant)
      .catch(() => ({ position: 1, estimateMs: undefined }));
    return {
      success: true,
      job_id: accepted.jobId,
      status: 'queued',
      queue_position: position,
      estimated_wait_seconds: roundSeconds(estimateMs ?? 0),
      region: accepted.homeRegion,
      message:
        estimateMs === undefined
          ? 'accepted; no endpoint is able to take it now, it waits until one is'
          : `accepted; follow it at /inference/status/${accepted.jobId}`,
      warnings: [],
    };
  }

  @Get('inference/status/:job_id')
  status(
    @Param('job_id') jobId: string,
    @From() caller: Caller,
  ): Promise<JobStatusView | CharterView<typeof charterJobStatusSchema>> {
    return this.policy.reply(
      caller,
      () => this.jobStatus.read(jobId),
      () => this.jobStatus.readCharter(jobId),
    );
  }

  @Delete('inference/:job_id')
  @HttpCode(202)
  async cancel(
    @Param('job_id') jobId: string,
    @From() caller: Caller,
  ): Promise<
    { job_id: string; status: 'cancelling' | 'cancelled' } | CharterView<typeof charterCancelSchema>
  > {
    const { id, taskType } = await this.jobStatus.find(jobId);
    // A task is known to customers by its own id alone.
    if (taskType !== null && !this.policy.faceOf(caller).operations) throw jobNotFound(jobId);
    const status = await this.cancellation.cancel(id);
    return this.policy.reply(
      caller,
      () => ({ job_id: id, status }),
      () => charterCancel(id, status),
    );
  }

  @Post('inference')
  @HttpCode(200)
  infer(
    @Body() body: unknown,
    @Headers('idempotency-key') key: string | undefined,
    @From() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<InferenceAnswer> {
    return this.inferAndWait(body, key, caller, reply);
  }

  @Post('v1/inference')
  @HttpCode(200)
  inferV1(
    @Body() body: unknown,
    @Headers('idempotency-key') key: string | undefined,
    @From() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<InferenceAnswer> {
    return this.inferAndWait(body, key, caller, reply);
  }

  private parse(body: unknown): InferenceRequest {
    const request = parseRequest(this.bodySchema, body);
    refuseWebhookUrl(request.webhook_url, this.configuration);
    return request;
  }

  /**
   * A caller that hangs up no longer wants the answer, and a GPU must not go on for nobody: its job is
   * cancelled. With an idempotency key it may come back for the same job, so that one goes on.
   */
  private async inferAndWait(
    body: unknown,
    key: string | undefined,
    caller: Caller,
    reply: FastifyReply,
  ): Promise<InferenceAnswer> {
    const parsed = this.parse(body);
    const idempotencyKey = parseIdempotencyKey(key, caller);
    const hungUp = new AbortController();
    void untilSent(reply, () => hungUp.abort());
    if (hungUp.signal.aborted && idempotencyKey === undefined) throw clientGone();
    const { jobId, replayed } = await this.intake.accept(parsed, idempotencyKey, {
      ...originOf(caller),
      awaited: true,
    });
    const job = await this.jobWait.untilEnded(jobId, hungUp.signal, replayed);
    if (!isTerminal(job.state)) {
      if (hungUp.signal.aborted && idempotencyKey === undefined) {
        await this.cancellation.cancel(jobId).catch(() => undefined);
      }
      throw new ProblemError('SHUTTING_DOWN', `the wait was given up; ask for /inference/status/${jobId}`);
    }
    if (job.result?.response === null) {
      throw new ProblemError('CONTENT_ERASED', `job ${jobId} was answered, and its answer has been erased`);
    }
    return this.policy.reply(
      caller,
      () => inferenceOf(job),
      () => this.jobStatus.readCharterInference(jobId),
    );
  }
}

type InferenceAnswer = InferenceResponse | CharterView<typeof charterInferenceSchema>;

function inferenceOf({ id, result, state, errorCode, errorDetail, metadata }: JobEntity): InferenceResponse {
  return {
    success: result !== null,
    response: result?.response ?? null,
    error:
      result !== null
        ? null
        : {
            code: errorCode ?? state.toUpperCase(),
            message: errorDetail ?? `the job is ${state}`,
          },
    provider_used: result?.endpoint_id ?? null,
    inference_time: result?.inference_time_s ?? null,
    cost_estimate: null,
    region: result?.region ?? null,
    job_id: id,
    metadata,
  };
}
