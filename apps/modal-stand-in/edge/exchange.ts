import type { Outage } from '../faults/fault-board.js';
import { MODAL_REPLIES, queueFullText, type ModalReplyName } from './modal-replies.js';

/** What goes back over one connection. */
export type Reply =
  | { readonly kind: 'json'; readonly status: number; readonly body: unknown; readonly callId?: string }
  | {
      readonly kind: 'text';
      readonly status: number;
      readonly text: string;
      readonly callId?: string;
      /** Real seconds. */
      readonly retryAfterS?: number | undefined;
    }
  /** A finished stream of server-sent events. */
  | { readonly kind: 'events'; readonly events: string; readonly callId: string }
  | { readonly kind: 'redirect'; readonly location: string; readonly callId: string }
  /** The connection is destroyed. */
  | { readonly kind: 'reset' }
  /** The headers announce all of `body`; the connection breaks half-way. */
  | { readonly kind: 'truncated'; readonly body: unknown };

/** Where a streamed answer goes: headers were sent, so that nothing but the stream can follow. */
export interface StreamSink {
  write(text: string): void;
  end(): void;
  /** Closes the socket; the stream stays unfinished. */
  cut(): void;
}

/** One HTTP request that wants an answer, whatever server it came through. */
export interface Exchange {
  readonly method: string;
  /** Path without the query. */
  readonly path: string;
  readonly query: string;
  /** e.g. `http://127.0.0.1:8123` */
  readonly origin: string;
  readonly body: string;
  header(name: string): string | undefined;
  headerNames(): readonly string[];
  /** Answers; a second answer is ignored. */
  reply(reply: Reply): void;
  /** Sends 200 and the headers of server-sent events. */
  openStream(callId: string): StreamSink;
  /** Calls back once if the caller goes away before it was answered, or before its stream ended. */
  onHangUp(callback: () => void): void;
}

export function modalReply(name: ModalReplyName, callId?: string, retryAfterS?: number): Reply {
  const { status, text } = MODAL_REPLIES[name];
  return { kind: 'text', status, text, ...(callId === undefined ? {} : { callId }), retryAfterS };
}

/** Rules 6 and 26: the text names the limit that was reached. */
export function queueFullReply(limit: number): Reply {
  return { kind: 'text', status: MODAL_REPLIES.queue_full.status, text: queueFullText(limit) };
}

/** Plays an outage to a connection. @returns whether there was one, so that nothing else may answer */
export function suffer(exchange: Exchange, outage: Outage | undefined): boolean {
  if (outage === 'reset') exchange.reply({ kind: 'reset' });
  return outage !== undefined;
}

/** FastAPI's words. */
export function methodNotAllowed(): Reply {
  return { kind: 'json', status: 405, body: { detail: 'Method Not Allowed' } };
}
