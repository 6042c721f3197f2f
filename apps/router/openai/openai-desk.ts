import { setImmediate as nextTurn } from 'node:timers/promises';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Configuration } from '#config';
import {
  ProblemError,
  charterView,
  errorSentence,
  inferenceRequestSchema,
  openAiErrorOf,
  openAiErrorSchema,
  openAiFailureOf,
  parseRequest,
  placeOf,
  readDoorHeaders,
  type AnsweredJob,
  type DoorHeaders,
  type InferenceRequest,
  type JobBody,
  type JobPlace,
  type OpenAiError,
  type RequestLimits,
} from '#contracts';
import { isTerminal, type Caller, type TerminalState } from '#domain';
import type { Logger, Metrics } from '#observability';
import type { JobEntity } from '#persistence';
import type { z } from 'zod';
import { type CharterPolicy } from '../charter/charter-policy.js';
import { charterStream } from '../charter/charter-stream.js';
import type { Endpoints } from '../engine/endpoints.js';
import { isDatabaseAway } from '../http/problem-filter.js';
import { requestHash } from '../http/idempotency.js';
import { isThere, untilSent } from '../http/until-sent.js';
import { originOf, type AcceptedJob, type JobIntake } from '../jobs/intake.js';
import type { JobStatus } from '../jobs/job-status.js';
import type { JobWait } from '../jobs/job-wait.js';
import { fieldsAtDoor, inDoorsWords, type FieldNames } from './doors-words.js';
import { holdRequest, isFinalRefusal } from './held-request.js';
import { keptAlive, within } from './kept-alive.js';
import { keysOfJobs } from './keys-of-jobs.js';
import { namedModel } from './named-model.js';
import { OpenAiFailure } from './refusals.js';
import type { HeldRequest, UnkeyedRetries } from './unkeyed-retries.js';

const COMMENT = ': waiting\n\n';
const WHITESPACE = '\n';

export type AnsweredJobs = readonly [AnsweredJob, ...AnsweredJob[]];

/** A request as its controller has understood it. */
export interface Asked {
  readonly route: 'chat' | 'completions';
  /** As it was checked: another try of it is told by it. */
  readonly body: Readonly<Record<string, unknown>> & {
    readonly model: string;
    readonly stream?: boolean | null | undefined;
  };
  readonly jobs: (place: JobPlace) => readonly JobBody[];
  readonly answer: (jobs: AnsweredJobs) => object;
  readonly answerSchema: z.ZodType;
  readonly chunks: (jobs: AnsweredJobs) => readonly object[];
  readonly chunkSchema: z.ZodType;
}

export interface Exchange {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly caller: Caller;
}

/** How the jobs of a request have ended. */
type End =
  | { readonly kind: 'answered'; readonly jobs: AnsweredJobs }
  /** Another try would be told the same. */
  | { readonly kind: 'failed'; readonly told: OpenAiError }
  /** Another try may be told more. */
  | { readonly kind: 'interrupted'; readonly told: OpenAiError }
  /** There is nobody to tell. */
  | { readonly kind: 'left' };

type Kept = 'no' | 'comments' | 'whitespace';

export interface OpenAiDeskParts {
  readonly configuration: Configuration;
  readonly limits: RequestLimits;
  readonly endpoints: Endpoints;
  readonly intake: JobIntake;
  readonly jobWait: JobWait;
  readonly jobStatus: JobStatus;
  readonly retries: UnkeyedRetries;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

/**
 * Answers requests of OpenAI's clients by jobs: the same intake, queue and wait as `POST /inference`, and another way to
 * tell of it. Nobody waits without a sign of life, and nobody who tries again pays again.
 */
export class OpenAiDesk {
  private readonly jobSchema: ReturnType<typeof inferenceRequestSchema>;

  constructor(
    private readonly parts: OpenAiDeskParts,
    private readonly policy: CharterPolicy,
  ) {
    this.jobSchema = inferenceRequestSchema(parts.limits);
  }

  async serve(asked: Asked, exchange: Exchange): Promise<void> {
    const { request, reply, caller } = exchange;
    const headers = readDoorHeaders(request.headers, this.parts.limits);
    const fields = fieldsAtDoor(asked.body, headers);
    const jobs = this.jobsOf(asked, headers, fields, caller);
    const hungUp = new AbortController();
    const sent = untilSent(reply, () => hungUp.abort());
    const likeness = { route: asked.route, body: asked.body, jobs };
    const hash = requestHash(likeness).toString('hex');
    const { retries } = this.parts;
    const held = await holdRequest(retries, request, caller, likeness, jobs.length, hungUp.signal);
    let accepted: readonly AcceptedJob[];
    try {
      accepted = await this.accept(jobs, held.idempotencyKey, hash, caller);
    } catch (error) {
      // Of several, some may have been accepted: what nobody comes back for is cancelled.
      await (jobs.length === 1 && isFinalRefusal(error) ? held.settle() : held.release());
      throw inDoorsWords(fields, error);
    }
    void reply.header('x-beacon-job-id', accepted.map(({ jobId }) => jobId).join(', '));
    const ended = this.endOf(accepted, exchange, hungUp.signal);
    void this.follow(accepted, ended, sent, held);
    const { kept, refusal } = await this.tell(asked, headers, ended, exchange);
    const { kind } = await ended;
    this.parts.metrics.count('beacon_openai_answers_total', { route: asked.route, kept, outcome: kind });
    if (refusal !== undefined) throw refusal;
  }

  private jobsOf(
    asked: Asked,
    headers: DoorHeaders,
    fields: FieldNames,
    { limits }: Caller,
  ): InferenceRequest[] {
    const { endpoints } = this.parts;
    const resolveRegion = (name: string): string | undefined => endpoints.resolveRegion(name);
    const named = namedModel(asked.body.model, endpoints, limits);
    const bodies = asked.jobs(placeOf(named, headers, resolveRegion));
    try {
      return bodies.map((body) => parseRequest(this.jobSchema, body));
    } catch (error) {
      throw inDoorsWords(fields, error);
    }
  }

  /** All of them: where one is refused, the client finds the others when it comes back with the key, or nobody does. */
  private async accept(
    jobs: readonly InferenceRequest[],
    key: string,
    hash: string,
    caller: Caller,
  ): Promise<readonly AcceptedJob[]> {
    const keys = keysOfJobs(key, jobs.length);
    const origin = originOf(caller, { awaited: true, requestHash: hash });
    const results = await Promise.allSettled(
      jobs.map((job, index) => this.parts.intake.accept(job, keys[index], origin)),
    );
    const refused = results.find(({ status }) => status === 'rejected');
    const accepted = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    if (refused?.status !== 'rejected') return accepted;
    throw refused.reason;
  }

  /** Never rejects. */
  private async endOf(
    accepted: readonly AcceptedJob[],
    { caller, reply }: Exchange,
    hungUp: AbortSignal,
  ): Promise<End> {
    try {
      const ended = await Promise.all(
        accepted.map(({ jobId, replayed }) => this.parts.jobWait.untilEnded(jobId, hungUp, replayed)),
      );
      const open = ended.find(({ state }) => !isTerminal(state));
      if (open !== undefined) {
        if (hungUp.aborted) return { kind: 'left' };
        throw new ProblemError(
          'SHUTTING_DOWN',
          `the wait was given up; try again, or ask for /inference/status/${open.id}`,
        );
      }
      const jobs = await Promise.all(ended.map((job) => this.read(job, caller)));
      // Its next try is to find the answer, for which it has paid.
      if (!(await isThere(reply))) return { kind: 'left' };
      const failed = jobs.find((job) => 'told' in job);
      if (failed !== undefined) return { kind: 'failed', told: failed.told };
      const [first, ...others] = jobs.flatMap((job) => ('told' in job ? [] : [job]));
      if (first === undefined) throw new Error('a request without jobs');
      return { kind: 'answered', jobs: [first, ...others] };
    } catch (error) {
      return { kind: 'interrupted', told: openAiErrorOf(this.problemOf(error)) };
    }
  }

  private problemOf(error: unknown): ProblemError {
    if (error instanceof ProblemError) return error;
    this.parts.logger.error(
      { event: 'openai.answer_failed', err: error },
      'the end of a job could not be told',
    );
    return isDatabaseAway(error)
      ? new ProblemError('DATABASE_UNAVAILABLE', 'the database cannot be reached; try again')
      : new ProblemError('INTERNAL_ERROR', 'the fault has been logged');
  }

  /** A job that has ended, as the caller may know it. */
  private async read(job: JobEntity, caller: Caller): Promise<AnsweredJob | { readonly told: OpenAiError }> {
    const isInternal = this.policy.faceOf(caller).operations;
    const { id, state, errorCode, result, createdAt, attempt } = isInternal
      ? job
      : await this.parts.jobStatus.findCharter(job.id);
    if (result === null) {
      const detail = isInternal ? job.errorDetail : null;
      const error =
        errorCode === null ? null : { code: errorCode, message: detail ?? errorSentence(errorCode) };
      return { told: openAiFailureOf({ state: state as TerminalState, error }) };
    }
    const { response } = result;
    if (response === null) {
      const message = `job ${id} was answered, and its answer has been erased`;
      return { told: openAiErrorOf(new ProblemError('CONTENT_ERASED', message)) };
    }
    return { id, createdAt, attempt, result: { ...result, response } };
  }

  /** @returns how the client is kept waiting, and what it is told instead where nothing has been sent yet */
  private async tell(
    asked: Asked,
    headers: DoorHeaders,
    ended: Promise<End>,
    { reply }: Exchange,
  ): Promise<{ readonly kept: Kept; readonly refusal?: OpenAiFailure }> {
    const { keep_alive_after_ms: afterMs, keep_alive_every_ms: everyMs } = this.parts.configuration.http;
    if (asked.body.stream === true) {
      void reply
        .type('text/event-stream; charset=utf-8')
        .header('x-accel-buffering', 'no')
        .send(charterStream(keptAlive(ended, COMMENT, everyMs, (end) => eventsOf(asked, end))));
      return { kept: 'comments' };
    }
    const isKept = headers['x-beacon-keep-alive'] !== 'off';
    const end = isKept ? await within(ended, afterMs) : await ended;
    void reply.type('application/json; charset=utf-8').header('x-accel-buffering', 'no');
    if (end === undefined) {
      void reply.send(charterStream(keptAlive(ended, WHITESPACE, everyMs, (late) => lateBody(asked, late))));
      return { kept: 'whitespace' };
    }
    switch (end.kind) {
      case 'answered':
        tellFacts(reply, end.jobs);
        void reply.send(charterStream([bodyOf(asked, end.jobs)]));
        return { kept: 'no' };
      case 'failed':
      case 'interrupted':
        return { kept: 'no', refusal: new OpenAiFailure(end.told) };
      case 'left':
        reply.raw.destroy();
        return { kept: 'no' };
    }
  }

  /** Notes that a client has its answer, or has gone without it. */
  private async follow(
    accepted: readonly AcceptedJob[],
    ended: Promise<End>,
    sent: Promise<boolean>,
    held: HeldRequest,
  ): Promise<void> {
    const isSent = await sent;
    const { kind } = await ended;
    await (isSent && (kind === 'answered' || kind === 'failed') ? held.settle() : held.release());
    if (kind !== 'left') return;
    this.parts.logger.info(
      { event: 'openai.client_left', job_ids: accepted.map(({ jobId }) => jobId) },
      'a client went away before its answer',
    );
  }
}

function bodyOf(asked: Asked, jobs: AnsweredJobs): string {
  return JSON.stringify(charterView(asked.answerSchema, asked.answer(jobs)));
}

function* eventsOf(asked: Asked, end: End): Generator<string> {
  switch (end.kind) {
    case 'answered':
      for (const chunk of asked.chunks(end.jobs))
        yield `data: ${JSON.stringify(charterView(asked.chunkSchema, chunk))}\n\n`;
      yield 'data: [DONE]\n\n';
      return;
    case 'failed':
    case 'interrupted':
      yield `data: ${errorText(end.told)}\n\n`;
      return;
    case 'left':
      return;
  }
}

/**
 * The rest of a body whose status has been 200 all along. An error there would be taken for an answer, so the body is
 * not ended but broken off: every client sees a failed request. One that tries again is told with the right status.
 */
async function* lateBody(asked: Asked, end: End): AsyncGenerator<string, void, undefined> {
  switch (end.kind) {
    case 'answered':
      yield bodyOf(asked, end.jobs);
      return;
    case 'failed':
    case 'interrupted':
      yield errorText(end.told);
      await nextTurn();
      throw new OpenAiFailure(end.told);
    case 'left':
      return;
  }
}

function errorText({ body }: OpenAiError): string {
  return JSON.stringify(charterView(openAiErrorSchema, body));
}

/** What the body says in `beacon`, for those who look at headers. */
function tellFacts(reply: FastifyReply, jobs: AnsweredJobs): void {
  const list = (of: (job: AnsweredJob) => string): string => jobs.map(of).join(', ');
  void reply
    .header(
      'x-beacon-region',
      list(({ result }) => result.region),
    )
    .header(
      'x-beacon-attempt',
      list(({ attempt }) => String(attempt)),
    )
    .header(
      'x-beacon-substituted',
      list(({ result }) => String(result.substituted)),
    );
}
