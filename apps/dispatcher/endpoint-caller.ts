import { performance } from 'node:perf_hooks';
import { setImmediate as setImmediately } from 'node:timers/promises';
import { subjects, type Outcome, type OutcomeResult, type Ticket } from '#contracts';
import { HANDED_ON, callEndpoint } from '#endpoint-client';
import { publishJson } from '#messaging';
import { NO_SPAN, spanIdsOf, type Span } from '#observability';
import type { AttemptBook } from './attempt-book.js';
import type { CallAddressKeeper } from './call-address-keeper.js';
import { errorOf, idsOf, summaryOf } from './call-facts.js';
import type { Door } from './door.js';
import type { RegionEndpoint } from './region-endpoints.js';
import type { RunningCall } from './running-calls.js';
import type { WorkerServices } from './worker-services.js';

/** How a call ended, whichever epoch its ticket has by then. */
export type EndedCall = Pick<Outcome, 'result' | 'duration_ms' | 'reattached'> & {
  /** By the monotonic clock. */
  readonly endedAtMs: number;
};

/** What lies further apart is no gap between two calls, but want of work. */
const GAP_MAX_MS = 60_000;

/** Makes one endpoint's calls, and tells of them: log lines, the gap between two, a span each. */
export class EndpointCaller {
  /** By the monotonic clock; undefined: no call has ended, or its gap has been counted. */
  private lastEndedAtMs: number | undefined;

  constructor(
    private readonly services: WorkerServices,
    private readonly endpoint: RegionEndpoint,
    private readonly door: Door,
  ) {}

  /** Makes the call, or finds the one again that an earlier holder of the ticket has begun. */
  async call(
    call: RunningCall,
    book: AttemptBook,
    keeper: CallAddressKeeper,
    attempt: Span,
  ): Promise<EndedCall> {
    const { ticket } = call;
    const { dispatcherId, connection, http, logger } = this.services;
    const { credentials, limiter } = this.endpoint;
    // Its earlier holder may have begun the call: then it is found again, not made again.
    const { address } = book;
    if (address !== undefined) keeper.found(address);
    // A job's key makes the deployment give back the call that it has: spawned again, it is the same one.
    const isSame = book.isLastHere && (address !== undefined || this.endpoint.jobsUrl !== undefined);
    if (isSame) book.adopt();
    else await book.begin();
    if (call.abort.signal.aborted && !isSame && call.abort.signal.reason !== HANDED_ON) {
      await book.takeBack();
      return cancelledCall();
    }
    const startedAtMs = performance.now();
    call.startedAtMs = startedAtMs;
    this.measureGap(startedAtMs);
    // After the request has gone out: word of it wakes the router and its database, which would compete with it.
    setImmediate(() => {
      publishJson(connection, subjects.startedSubject(ticket.region), {
        job_id: ticket.job_id,
        epoch: call.ticket.epoch,
        dispatcher_id: dispatcherId,
        running_ms: Math.round(performance.now() - startedAtMs),
      });
    });
    logger.info(
      { event: 'call.started', ...idsOf(ticket), reattached: address !== undefined },
      'call started',
    );
    const span = this.traceCall(ticket, attempt);
    if (address !== undefined) span.event('call found again');
    const result = await callEndpoint(http.axios, this.endpoint, ticket, {
      credentials,
      limiter,
      cancelled: call.abort.signal,
      callAddress: address,
      onCallAddress: (found) => keeper.keep(found),
      onMadeAgain: () => {
        span.event('call made again');
        return book.begin();
      },
      onHop: () => span.event('303: still running'),
      traceparent: span.traceparent,
      onNotEnded: () => this.noteNotEnded(ticket),
      onCallId: (callId) => {
        span.set({ 'beacon.upstream_call.id': callId });
        this.noteCallId(ticket, callId);
      },
      nudge: call.nudge,
    });
    const endedAtMs = performance.now();
    const durationMs = endedAtMs - startedAtMs;
    endCall(span, result);
    call.startedAtMs = undefined;
    this.lastEndedAtMs = endedAtMs;
    // The next call's request goes out first: until then the endpoint, and its GPU, stand idle.
    if (this.door.passTurn()) await setImmediately();
    logger.info(
      { event: 'call.ended', ...idsOf(ticket), duration_ms: Math.round(durationMs), ...summaryOf(result) },
      'call ended',
    );
    return { result, duration_ms: durationMs, reattached: address !== undefined, endedAtMs };
  }

  private measureGap(startedAtMs: number): void {
    const gapMs = startedAtMs - (this.lastEndedAtMs ?? -Infinity);
    this.lastEndedAtMs = undefined;
    if (gapMs >= GAP_MAX_MS) return;
    this.services.metrics.observe('beacon_call_gap_seconds', { endpoint: this.endpoint.id }, gapMs / 1000);
  }

  private traceCall(ticket: Ticket, { traceparent: parent }: Span): Span {
    if (parent === undefined) return NO_SPAN;
    return this.services.tracing.span({
      name: 'call endpoint',
      kind: 'client',
      parent,
      attributes: { ...spanIdsOf(ticket), 'beacon.model': ticket.model },
    });
  }

  /** By this id the platform's own logs know the call; a call that never ends has no other trace there. */
  private noteCallId(ticket: Ticket, callId: string): void {
    this.services.logger.info(
      { event: 'call.known_upstream', ...idsOf(ticket), upstream_call_id: callId },
      'the platform named the call',
    );
  }

  private noteNotEnded(ticket: Ticket): void {
    this.services.metrics.count('beacon_calls_not_ended_total', { endpoint: this.endpoint.id });
    this.services.logger.warn(
      { event: 'call.not_ended', ...idsOf(ticket) },
      'a call may run on: the endpoint could not be told to end it',
    );
  }
}

/** Of a call that was not made, or is known to have been in vain. */
export function cancelledCall(): EndedCall {
  return { result: { kind: 'cancelled' }, duration_ms: 0, reattached: false, endedAtMs: performance.now() };
}

function endCall(span: Span, result: OutcomeResult): void {
  if (result.kind === 'succeeded') {
    span.set({ 'beacon.cold_start': result.cold_start });
    if (result.cold_start === true) span.event('cold start');
  } else if (result.kind === 'failed') {
    span.set({ 'http.response.status_code': result.http_status });
  }
  span.end(errorOf(result));
}
