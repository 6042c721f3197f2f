import { performance } from 'node:perf_hooks';
import { setTimeout as wait } from 'node:timers/promises';
import type { OutcomeResult, Ticket } from '#contracts';
import { z } from 'zod';
import { isPlatformText } from './classify.js';
import type { Endpoint } from './endpoint.js';
import { HopError, LostError, isUnreachable, type HopReply, type Hops } from './hops.js';
import { ResponseTooLargeError } from './http.js';
import type { Nudge } from './nudge.js';
import { callHeaders, failed, outcomeOf, readAnswer, requestBody } from './protocols.js';

/** Between the first two polls; then ever longer. */
const FIRST_PAUSE_MS = 100;
const PAUSE_GROWTH = 1.5;
const POLL_MAX_MS = 5000;
/** The call goes on whether or not it can be asked about; a deployment that stays silent for longer is given up. */
const UNREADABLE_FOR_MS = 120_000;
const SPAWN_TRIES = 3;
const SPAWN_PAUSE_MS = 100;
const END_PAUSE_MS = 200;

/** What a poll may be refused with for good. Everything else says something about the gateway at this moment only. */
const FINAL_AT_A_POLL: ReadonlySet<string> = new Set([
  'ENDPOINT_CREDENTIALS_REJECTED',
  'ENDPOINT_STOPPED',
  'WORKSPACE_DISABLED',
  'REQUEST_REJECTED',
  'RESPONSE_INVALID',
]);

const spawnedSchema = z.object({
  status: z.literal('pending'),
  call_id: z
    .string()
    .min(1)
    .max(256)
    .regex(/^[A-Za-z0-9._~-]+$/),
});

export interface SpawnedCallOptions {
  /** Ended with the call: cancelled, or out of time. */
  readonly signal: AbortSignal;
  /** Stores where the call can be polled. Awaited before the first poll. */
  readonly onAddress: (address: string) => Promise<void>;
  /** Awaited before a call is spawned in place of one that the deployment no longer knows. */
  readonly onMadeAgain: () => Promise<void>;
  readonly onCallId: (callId: string) => void;
  /** The deployment says that the call has ended. */
  readonly nudge: Nudge;
}

/**
 * A call through an endpoint's job routes: spawned at once, polled until it has ended. No request is held open, so
 * neither a cold start nor a broken connection is in its way, and its key makes spawning again harmless.
 */
export class SpawnedCall {
  /** Whether the endpoint may still be working on it. */
  private mayRun = false;

  /**
   * @param hops end with the call
   * @param parting survive its end by a short while: a call that is not told to stop runs on and is paid for
   * @param address where an earlier holder of the ticket had stored that it can be polled
   */
  constructor(
    private readonly hops: Hops,
    private readonly parting: Hops,
    private readonly endpoint: Endpoint,
    private readonly ticket: Ticket,
    private readonly options: SpawnedCallOptions,
    private address: string | undefined,
  ) {}

  async run(): Promise<OutcomeResult> {
    if (this.address !== undefined) {
      this.mayRun = true;
      const found = await this.poll(this.address);
      if (found !== 'unknown') return found;
      if (this.endpoint.jobsUrl === undefined)
        return failed('INPUT_LOST', 'the endpoint no longer knows the call, and takes no jobs any more');
      await this.options.onMadeAgain();
    }
    const refused = await this.spawn();
    if (refused !== undefined) return refused;
    if (this.address === undefined) throw new HopError('a call was spawned without an address');
    const result = await this.poll(this.address);
    return result === 'unknown'
      ? failed('INPUT_LOST', 'the endpoint does not know the call that it had taken')
      : result;
  }

  /**
   * Ends the call upstream, where it may still run. Tries for as long as `parting` lives.
   * @returns whether it is certain to have ended
   */
  async end(signal: AbortSignal): Promise<boolean> {
    const { address } = this;
    if (!this.mayRun || address === undefined) return true;
    while (!signal.aborted) {
      try {
        const { status, body } = await this.parting.delete(address);
        if (status === 200 || status === 410 || (status === 404 && !isPlatformText(body))) return true;
        if (status < 500 && status !== 408 && status !== 429 && !isPlatformText(body)) return false;
      } catch {
        // A broken connection says nothing; the signal ends the loop.
      }
      await wait(END_PAUSE_MS, undefined, { signal }).catch(() => undefined);
    }
    return false;
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
    this.address = `${endpoint.jobsUrl ?? ''}/${callId}`;
    this.mayRun = true;
    options.onCallId(callId);
    await options.onAddress(this.address);
    return undefined;
  }

  /**
   * The request outlives the call: an id that was never learnt is a call that cannot be ended. A lost or doubtful
   * answer is asked for again, under the same key: the first request may have arrived.
   */
  private async post(): Promise<HopReply> {
    const { endpoint, ticket, options, parting } = this;
    let mayHaveArrived = false;
    for (let tries = 1; ; tries += 1) {
      const isLast = tries >= SPAWN_TRIES || options.signal.aborted;
      try {
        const reply = await parting.post(
          endpoint.jobsUrl ?? '',
          requestBody(endpoint, ticket),
          callHeaders(ticket),
        );
        if (isLast || !isDoubtful(reply.status)) return reply;
        mayHaveArrived = true;
      } catch (error) {
        const isFinal = error instanceof HopError || error instanceof ResponseTooLargeError;
        const neverSent = isUnreachable(error);
        if (isFinal || (neverSent && !mayHaveArrived)) throw error;
        if (isLast) throw new LostError('no answer to the spawn of a call, which may have been taken');
        mayHaveArrived = true;
      }
      await options.nudge.wait(SPAWN_PAUSE_MS * tries, options.signal);
    }
  }

  private async poll(address: string): Promise<OutcomeResult | 'unknown'> {
    const { endpoint, ticket, options } = this;
    const longestMs = endpoint.pollMaxMs ?? POLL_MAX_MS;
    let unreadableSinceMs: number | undefined;
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(longestMs, pauseMs * PAUSE_GROWTH)) {
      const reply = await this.hops.get(address);
      const isUnknown = reply.status === 410 || (reply.status === 404 && !isPlatformText(reply.body));
      // Only its own document, and word that there is none, mean that nothing runs any more.
      if (isUnknown || reply.status === 200) this.mayRun = false;
      if (isUnknown) return 'unknown';
      if (reply.status === 202) {
        unreadableSinceMs = undefined;
      } else {
        const outcome = withCallId(outcomeOf(endpoint, ticket, reply), address);
        if (reply.status === 200) return outcome;
        unreadableSinceMs ??= performance.now();
        const isFinal = outcome.kind === 'failed' && FINAL_AT_A_POLL.has(outcome.code);
        if (isFinal || performance.now() - unreadableSinceMs > UNREADABLE_FOR_MS) return outcome;
      }
      await options.nudge.wait(pauseMs, options.signal);
      if (options.signal.aborted) throw new HopError('the call has ended');
    }
  }
}

/** The gateway may have spawned the call before its own answer was lost. */
function isDoubtful(status: number): boolean {
  return status === 408 || status >= 500;
}

/** The id under which the work ran, not that of the request that read its result. */
function withCallId(outcome: OutcomeResult, address: string): OutcomeResult {
  if (outcome.kind === 'cancelled') return outcome;
  return { ...outcome, upstream_call_id: address.slice(address.lastIndexOf('/') + 1) };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
