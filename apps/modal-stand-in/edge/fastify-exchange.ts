import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Exchange, Reply, StreamSink } from './exchange.js';

const EVENT_STREAM = 'text/event-stream; charset=utf-8';

/** One request that came through Fastify. */
export class FastifyExchange implements Exchange {
  readonly path: string;
  readonly query: string;
  #isAnswered = false;

  constructor(
    private readonly request: FastifyRequest,
    private readonly fastifyReply: FastifyReply,
  ) {
    const url = request.raw.url ?? '/';
    const mark = url.indexOf('?');
    this.path = mark === -1 ? url : url.slice(0, mark);
    this.query = mark === -1 ? '' : url.slice(mark + 1);
  }

  get method(): string {
    return this.request.method;
  }

  get origin(): string {
    return `${this.request.protocol}://${this.request.host}`;
  }

  get body(): string {
    return typeof this.request.body === 'string' ? this.request.body : '';
  }

  header(name: string): string | undefined {
    const value = this.request.headers[name];
    return Array.isArray(value) ? value[0] : value;
  }

  headerNames(): readonly string[] {
    return Object.keys(this.request.headers);
  }

  reply(reply: Reply): void {
    if (this.#isAnswered) return;
    this.#isAnswered = true;
    switch (reply.kind) {
      case 'json':
        this.#begin(reply.status, reply.callId)
          .header('content-type', 'application/json')
          .send(JSON.stringify(reply.body));
        return;
      case 'text':
        this.#begin(reply.status, reply.callId).header('content-type', 'text/plain; charset=utf-8');
        if (reply.retryAfterS !== undefined) this.fastifyReply.header('retry-after', reply.retryAfterS);
        this.fastifyReply.send(reply.text);
        return;
      case 'events':
        this.#begin(200, reply.callId).header('content-type', EVENT_STREAM).send(reply.events);
        return;
      case 'redirect':
        this.#begin(303, reply.callId).header('location', reply.location).send();
        return;
      case 'reset':
        this.fastifyReply.hijack();
        this.request.raw.socket.resetAndDestroy();
        return;
      case 'truncated':
        this.#sendHalf(JSON.stringify(reply.body));
        return;
    }
  }

  openStream(callId: string): StreamSink {
    const { raw } = this.fastifyReply;
    this.fastifyReply.hijack();
    raw.writeHead(200, {
      'content-type': EVENT_STREAM,
      'cache-control': 'no-cache',
      'modal-function-call-id': callId,
    });
    raw.flushHeaders();
    const finish = (how: () => void) => (): void => {
      if (this.#isAnswered) return;
      this.#isAnswered = true;
      how();
    };
    return {
      write: (text) => void (this.#isAnswered || raw.write(text)),
      end: finish(() => void raw.end()),
      cut: finish(() => raw.socket?.destroySoon()),
    };
  }

  onHangUp(callback: () => void): void {
    const { raw } = this.fastifyReply;
    const gone = (): void => {
      if (this.#isAnswered) return;
      this.#isAnswered = true;
      callback();
    };
    // The caller may have gone while its request was being read; its `close` will not come again.
    if (raw.destroyed) queueMicrotask(gone);
    else raw.once('close', gone);
  }

  #begin(status: number, callId: string | undefined): FastifyReply {
    const { fastifyReply } = this;
    fastifyReply.code(status);
    if (callId !== undefined) fastifyReply.header('modal-function-call-id', callId);
    return fastifyReply;
  }

  #sendHalf(body: string): void {
    const { raw } = this.fastifyReply;
    this.fastifyReply.hijack();
    const bytes = Buffer.from(body);
    raw.writeHead(200, { 'content-type': 'application/json', 'content-length': bytes.length });
    raw.write(bytes.subarray(0, Math.floor(bytes.length / 2)), () => raw.socket?.destroySoon());
  }
}
