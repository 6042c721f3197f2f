import { performance } from 'node:perf_hooks';
import type { OutcomeResult, Ticket } from '#contracts';
import { z } from 'zod';
import type { Endpoint } from './endpoint.js';
import { callHeaders, outcomeOf } from './held-call.js';
import { HopError, isUnreachable, type HopReply, type Hops } from './hops.js';
import { ResponseTooLargeError } from './http.js';
import type { Nudge } from './nudge.js';
import { failed, readAnswer, requestBody } from './protocols.js';

const FIRST_POLL_MS = 100;
const POLL_GROWTH = 1.5;
const POLL_MAX_MS = 5000;
/** A job goes on whether or not it can be asked about; a deployment that stays silent for longer is given up. */
const UNREADABLE_FOR_MS = 120_000;
const SPAWN_TRIES = 3;

const spawnedSchema = z.object({
  status: z.literal('pending'),
  call_id: z
    .string()
    .min(1)
    .max(256)
    .regex(/^[A-Za-z0-9._~-]+$/),
});

export interface JobCallOptions {
  /** Ended with the call: cancelled, or out of time. */
  readonly signal: AbortSignal;
  /** Stores where the job can be polled. Awaited before the first poll. */
  readonly onJobUrl: (jobUrl: string) => Promise<void>;
  readonly onCallId: (callId: string) => void;
  /** The deployment says that the job has ended. */
  readonly nudge: Nudge;
}

/** Whether a stored URL is that of a job of this endpoint. */
export function isJobUrl(endpoint: Endpoint, url: string): boolean {
  return endpoint.jobsUrl !== undefined && url.startsWith(`${endpoint.jobsUrl}/`);
}

/**
 * Makes a call as a job: spawned at once, polled until it has ended. No request is held open, so neither a cold
 * start nor a broken connection is in its way, and its key makes spawning again harmless.
 */
export class JobCall {
  private jobUrl: string | undefined;

  /**
   * @param hops end with the call
   * @param parting survive its end by a short while: a job that is not told to stop runs on and is paid for
   */
  constructor(
    private readonly hops: Hops,
    private readonly parting: Hops,
    private readonly endpoint: Endpoint,
    private readonly ticket: Ticket,
    private readonly options: JobCallOptions,
  ) {}

  /** @param jobUrl stored by an earlier holder of the ticket */
  async run(jobUrl: string | undefined): Promise<OutcomeResult> {
    this.jobUrl = jobUrl;
    if (jobUrl !== undefined) {
      const found = await this.poll(jobUrl);
      if (found !== 'unknown') return found;
    }
    const refused = await this.spawn();
    if (refused !== undefined) return refused;
    if (this.jobUrl === undefined) throw new HopError('a job was spawned without an address');
    const result = await this.poll(this.jobUrl);
    return result === 'unknown'
      ? failed('INPUT_LOST', 'the endpoint does not know the job that it had taken')
      : result;
  }

  /** Ends the job upstream. Does not throw: what cannot be reached cannot be told. */
  async end(): Promise<void> {
    if (this.jobUrl === undefined) return;
    await this.parting.delete(this.jobUrl).catch(() => undefined);
  }

  /** @returns the outcome where there is one at once */
  private async spawn(): Promise<OutcomeResult | undefined> {
    const { endpoint, ticket, options } = this;
    const reply = await this.post();
    if (reply.status === 200) return readAnswer(endpoint, ticket, reply.body, reply.callId);
    if (reply.status !== 202) return outcomeOf(endpoint, ticket, reply);
    const spawned = spawnedSchema.safeParse(parseJson(reply.body));
    if (!spawned.success)
      return failed('RESPONSE_INVALID', 'the endpoint answered 202 without the id of a call');
    const { call_id: callId } = spawned.data;
    options.onCallId(callId);
    this.jobUrl = `${endpoint.jobsUrl ?? ''}/${callId}`;
    await options.onJobUrl(this.jobUrl);
    return undefined;
  }

  /** The request outlives the call: an id that was never learnt is a job that cannot be ended. */
  private async post(): Promise<HopReply> {
    const { endpoint, ticket, options } = this;
    for (let tries = 1; ; tries += 1) {
      try {
        return await this.parting.post(
          endpoint.jobsUrl ?? '',
          requestBody(endpoint, ticket),
          callHeaders(ticket),
        );
      } catch (error) {
        const isFinal =
          error instanceof HopError || error instanceof ResponseTooLargeError || isUnreachable(error);
        if (tries >= SPAWN_TRIES || options.signal.aborted || isFinal) throw error;
      }
      await options.nudge.wait(FIRST_POLL_MS * tries, options.signal);
    }
  }

  private async poll(jobUrl: string): Promise<OutcomeResult | 'unknown'> {
    const { endpoint, ticket, options } = this;
    const longestMs = endpoint.pollMaxMs ?? POLL_MAX_MS;
    let unreadableSinceMs: number | undefined;
    for (let delayMs = FIRST_POLL_MS; ; delayMs = Math.min(longestMs, delayMs * POLL_GROWTH)) {
      const reply = await this.hops.get(jobUrl);
      if (reply.status === 404 && !reply.body.includes('modal-http:')) return 'unknown';
      if (reply.status === 410) return 'unknown';
      if (reply.status === 202) {
        unreadableSinceMs = undefined;
      } else if (!isPassing(reply.status)) {
        return withCallId(outcomeOf(endpoint, ticket, reply), jobUrl);
      } else {
        unreadableSinceMs ??= performance.now();
        if (performance.now() - unreadableSinceMs > UNREADABLE_FOR_MS) {
          return withCallId(outcomeOf(endpoint, ticket, reply), jobUrl);
        }
      }
      await options.nudge.wait(delayMs, options.signal);
      if (options.signal.aborted) throw new HopError('the call has ended');
    }
  }
}

/** Says something about the gateway at this moment, and nothing about the job. */
function isPassing(status: number): boolean {
  return status === 408 || status === 429 || status >= 500;
}

/** The id under which the work ran, not that of the request that read its result. */
function withCallId(outcome: OutcomeResult, jobUrl: string): OutcomeResult {
  if (outcome.kind === 'cancelled') return outcome;
  return { ...outcome, upstream_call_id: jobUrl.slice(jobUrl.lastIndexOf('/') + 1) };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
