import type { Clock, Timer } from '../clock/clock.js';
import type { Call } from '../simulation/call.js';
import { answerOf } from './answer-of.js';
import type { Reply, StreamSink } from './exchange.js';

/**
 * Rule 17: an answer as server-sent events while it is made. Each event is `data: {"delta": "..."}`; the last one is
 * `event: done` with the document an unstreamed call answers, or `event: error`. Whoever joins late gets the events from
 * the first one on. A stream that cannot be finished ends by its socket being closed, without a last event.
 */
export class AnswerStream {
  readonly #sinks = new Set<StreamSink>();
  readonly #pieces: readonly string[];
  #sent = '';
  #next = 0;
  #timer: Timer | undefined;

  /** @param pieces how many the text comes in, evenly over the time the run is planned to take */
  constructor(
    private readonly clock: Clock,
    private readonly call: Call,
    pieces: number,
  ) {
    const answer = call.running?.answer;
    // An engine that really computes has no text yet: all of it comes at the end.
    this.#pieces = answer === undefined || answer instanceof Promise ? [] : split(answer.response, pieces);
    this.#schedule();
  }

  /** Its headers are out: from here no 303 can follow. */
  attach(sink: StreamSink): void {
    this.#sinks.add(sink);
    if (this.#sent !== '') sink.write(deltaEvent(this.#sent));
  }

  detach(sink: StreamSink): void {
    this.#sinks.delete(sink);
  }

  /** The call ended. */
  finish(): void {
    this.#timer?.cancel();
    const rest = restOf(this.call, this.#sent);
    if (rest === undefined) return this.cut();
    for (const sink of this.#sinks) {
      sink.write(rest);
      sink.end();
    }
    this.#sinks.clear();
  }

  cut(): void {
    this.#timer?.cancel();
    for (const sink of this.#sinks) sink.cut();
    this.#sinks.clear();
  }

  #schedule(): void {
    if (this.#next >= this.#pieces.length) return;
    const intervalMs = (this.call.plannedS * 1000) / (this.#pieces.length + 1);
    this.#timer = this.clock.schedule(intervalMs, () => {
      const piece = this.#pieces[this.#next] ?? '';
      this.#next += 1;
      this.#sent += piece;
      for (const sink of this.#sinks) sink.write(deltaEvent(piece));
      this.#schedule();
    });
  }
}

/** A call that ended, read at its result URL: the whole stream at once, or the error nobody was told of. */
export function streamedReply(call: Call): Reply {
  const events = restOf(call, '');
  return events === undefined ? answerOf(call, false) : { kind: 'events', events, callId: call.id };
}

/** @returns what is left to say after `sent`; `undefined` where nothing can be said in a stream any more */
function restOf(call: Call, sent: string): string | undefined {
  const fault = call.plan.answer?.kind;
  if (fault === 'reset' || fault === 'truncated') return undefined;
  const reply = answerOf(call, true);
  if (reply.kind !== 'json') return undefined;
  const isDone = call.end?.kind === 'answered' && fault !== 'model_error';
  const last = `event: ${isDone ? 'done' : 'error'}\ndata: ${JSON.stringify(reply.body)}\n\n`;
  const left = call.end?.kind === 'answered' ? call.end.answer.response.slice(sent.length) : '';
  return left === '' ? last : deltaEvent(left) + last;
}

function deltaEvent(delta: string): string {
  return `data: ${JSON.stringify({ delta })}\n\n`;
}

/** Cuts between words: at most `most` pieces that together are the text. */
function split(text: string, most: number): string[] {
  const words = text.match(/\S+\s*/g) ?? [];
  const size = Math.max(1, Math.ceil(words.length / most));
  const pieces: string[] = [];
  for (let index = 0; index < words.length; index += size) {
    pieces.push(words.slice(index, index + size).join(''));
  }
  return pieces;
}
