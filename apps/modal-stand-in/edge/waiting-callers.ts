import type { Clock, Timer } from '../clock/clock.js';
import type { StandInConfiguration } from '../configuration/configuration.js';
import type { Call } from '../simulation/call.js';
import type { EventSink } from '../simulation/simulation-event.js';
import { answerOf } from './answer-of.js';
import { AnswerStream, streamedReply } from './answer-stream.js';
import { modalReply, type Exchange, type StreamSink } from './exchange.js';
import type { ResultLinks } from './result-links.js';
import type { RoutingHop } from './routing-hop.js';

interface Waiter {
  readonly exchange: Exchange;
  /** To the 303; none once a stream is open. */
  timer: Timer | undefined;
  sink: StreamSink | undefined;
}

/** Callers of one call. */
interface Audience {
  readonly waiters: Set<Waiter>;
  /** It was answered 303: the result URL must survive the caller. */
  wasRedirected: boolean;
  /** Counts down while nobody waits: to cancelling the call, or to forgetting its result. */
  absence: Timer | undefined;
  /** Rule 17: from the start of a streamed call's run. */
  stream: AnswerStream | undefined;
}

export interface WaitingCallersParts {
  readonly clock: Clock;
  readonly configuration: StandInConfiguration;
  readonly links: ResultLinks;
  readonly hop: RoutingHop;
  readonly emit: EventSink;
  readonly cancel: (call: Call) => void;
}

/** Who waits for which call: rules 12 to 15 (303 and the result URL), 18 and 20 (callers who go away). */
export class WaitingCallers {
  readonly #audiences = new Map<Call, Audience>();

  constructor(private readonly parts: WaitingCallersParts) {}

  /** The caller who made the call. */
  open(call: Call, exchange: Exchange): void {
    const audience: Audience = {
      waiters: new Set(),
      wasRedirected: false,
      absence: undefined,
      stream: undefined,
    };
    this.#audiences.set(call, audience);
    if (call.isStreamed) {
      call.onStart = () => this.#startStream(call, audience);
      call.onReturn = () => this.#breakStream(call, audience);
    }
    this.#wait(call, audience, exchange);
  }

  /** Rule 13: a GET of the result URL joins the same call; it never starts another. */
  join(call: Call, exchange: Exchange): void {
    const audience = this.#audiences.get(call);
    if (audience === undefined) return exchange.reply(modalReply('missing_request'));
    this.parts.emit({ kind: 'result_requested', call });
    if (call.state === 'ended') return this.#deliver(call, [exchange], false);
    audience.absence?.cancel();
    audience.absence = undefined;
    this.#wait(call, audience, exchange);
  }

  /** The call ended: everyone who waits hears of it. */
  ended(call: Call): void {
    const audience = this.#audiences.get(call);
    if (audience === undefined) return;
    const exchanges: Exchange[] = [];
    for (const { exchange, timer, sink } of audience.waiters) {
      timer?.cancel();
      if (sink === undefined) exchanges.push(exchange);
    }
    audience.waiters.clear();
    audience.stream?.finish();
    audience.absence?.cancel();
    audience.absence = undefined;
    if (audience.wasRedirected && call.end?.kind !== 'cancelled') this.#keep(call, audience);
    else this.#forget(call);
    this.#deliver(call, exchanges, true);
  }

  /** The endpoint became unreachable: its connections break. */
  drop(isAffected: (call: Call) => boolean): void {
    for (const [call, { waiters }] of this.#audiences) {
      if (!isAffected(call)) continue;
      for (const waiter of [...waiters]) {
        waiter.exchange.reply({ kind: 'reset' });
        this.#left(call, waiter);
      }
    }
  }

  #wait(call: Call, audience: Audience, exchange: Exchange): void {
    const { clock, configuration } = this.parts;
    const waiter: Waiter = { exchange, timer: undefined, sink: undefined };
    audience.waiters.add(waiter);
    if (audience.stream !== undefined) this.#stream(call, audience.stream, waiter);
    else {
      waiter.timer = clock.schedule(configuration.http_timeout_s * 1000, () =>
        this.#redirect(call, audience, waiter),
      );
    }
    exchange.onHangUp(() => this.#left(call, waiter));
  }

  /** Rule 17. A fault that replaces the answer's status leaves nothing to stream: headers must wait for it. */
  #startStream(call: Call, audience: Audience): void {
    if (call.plan.answer?.kind === 'status') return;
    const { clock, configuration } = this.parts;
    const stream = new AnswerStream(clock, call, configuration.stream_pieces);
    audience.stream = stream;
    for (const waiter of audience.waiters) this.#stream(call, stream, waiter);
  }

  #stream(call: Call, stream: AnswerStream, waiter: Waiter): void {
    waiter.timer?.cancel();
    waiter.timer = undefined;
    waiter.sink = this.parts.hop.stream(waiter.exchange.openStream(call.id), call.endpoint);
    stream.attach(waiter.sink);
  }

  /** Its container died and the input runs again; what was streamed cannot be taken back, so the callers lose it. */
  #breakStream(call: Call, audience: Audience): void {
    if (audience.stream === undefined) return;
    audience.stream.cut();
    audience.stream = undefined;
    audience.waiters.clear();
    this.#noteAbsence(call, audience);
  }

  /** Rule 12. */
  #redirect(call: Call, audience: Audience, waiter: Waiter): void {
    const { emit, links } = this.parts;
    audience.waiters.delete(waiter);
    audience.wasRedirected = true;
    emit({ kind: 'call_redirected', call });
    const location = links.mint(call, waiter.exchange.origin);
    waiter.exchange.reply({ kind: 'redirect', location, callId: call.id });
    this.#noteAbsence(call, audience);
  }

  /** Rule 18. */
  #left(call: Call, waiter: Waiter): void {
    const audience = this.#audiences.get(call);
    if (audience === undefined || !audience.waiters.delete(waiter)) return;
    waiter.timer?.cancel();
    if (waiter.sink !== undefined) audience.stream?.detach(waiter.sink);
    this.parts.emit({ kind: 'caller_hung_up', call });
    this.#noteAbsence(call, audience);
  }

  /** Rules 18 and 20: a call nobody waits for is cancelled, later where its result URL is known. */
  #noteAbsence(call: Call, audience: Audience): void {
    const { clock, configuration, cancel } = this.parts;
    if (audience.waiters.size > 0 || call.state === 'ended') return;
    const afterS = audience.wasRedirected ? configuration.reattach_window_s : configuration.cancel_after_s;
    if (afterS === 0) return cancel(call);
    audience.absence = clock.schedule(afterS * 1000, () => cancel(call));
  }

  /** Rule 15: the result can be fetched for a while, whether or not it was ever read. */
  #keep(call: Call, audience: Audience): void {
    const { clock, configuration } = this.parts;
    audience.absence = clock.schedule(configuration.result_kept_s * 1000, () => this.#forget(call));
  }

  /** @param isFirst whether faults that replace the answer apply: they strike the delivery, not the result */
  #deliver(call: Call, exchanges: readonly Exchange[], isFirst: boolean): void {
    if (exchanges.length === 0) return;
    const { hop, configuration } = this.parts;
    const reply = call.isStreamed && !isFirst ? streamedReply(call) : answerOf(call, isFirst);
    const readsOnce = configuration.result_reads === 'once';
    let isOther = false;
    for (const exchange of exchanges) {
      hop.reply(exchange, call.endpoint, isOther && readsOnce ? modalReply('missing_request') : reply);
      isOther = true;
    }
    if (readsOnce) this.#forget(call);
  }

  #forget(call: Call): void {
    this.#audiences.get(call)?.absence?.cancel();
    this.#audiences.delete(call);
    this.parts.links.forget(call);
  }
}
