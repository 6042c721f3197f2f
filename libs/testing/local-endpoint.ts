import { once } from 'node:events';
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';

/** One request that the endpoint received. */
export interface Exchange {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly response: ServerResponse;
  /** Resolves when the connection is closed by the caller before the answer is complete. */
  readonly hungUp: Promise<void>;
}

export type Reply = (exchange: Exchange) => void | Promise<void>;

/** An HTTP server that does to each request what the spec says next, down to the socket. */
export class LocalEndpoint {
  readonly exchanges: Exchange[] = [];
  private readonly replies: Reply[] = [];
  private readonly arrivals: (() => void)[] = [];
  private usual: Reply = (unexpected) => void unexpected.response.writeHead(599).end();

  private constructor(private readonly server: Server) {
    server.on('request', (request, response) => {
      this.serve(request, response).catch(() => response.destroy());
    });
  }

  static async start(): Promise<LocalEndpoint> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new LocalEndpoint(server);
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** What it does with the next requests, one each. A request beyond them is answered 599. */
  next(...replies: readonly Reply[]): void {
    this.replies.push(...replies);
  }

  /** What it does with every request that no `next` is left for. */
  always(reply: Reply): void {
    this.usual = reply;
  }

  /** `METHOD /path` of every request so far. */
  get lines(): string[] {
    return this.exchanges.map(({ method, path }) => `${method} ${path}`);
  }

  /** The n-th request, from 1, as soon as it has come. */
  async exchange(ordinal: number): Promise<Exchange> {
    while (this.exchanges.length < ordinal) await new Promise<void>((resolve) => this.arrivals.push(resolve));
    return this.exchanges[ordinal - 1]!;
  }

  async close(): Promise<void> {
    this.server.close();
    this.server.closeAllConnections();
    await once(this.server, 'close');
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const hungUp = new Promise<void>((resolve) => {
      response.on('close', () => {
        if (!response.writableEnded) resolve();
      });
    });
    const exchange: Exchange = {
      method: request.method ?? '',
      path: request.url ?? '',
      headers: request.headers,
      body: Buffer.concat(chunks).toString('utf8'),
      response,
      hungUp,
    };
    this.exchanges.push(exchange);
    this.arrivals.splice(0).forEach((arrived) => arrived());
    await (this.replies.shift() ?? this.usual)(exchange);
  }
}

/** Answers with a status, a body (JSON unless it is text) and headers. */
export function answering(
  status: number,
  body: unknown = '',
  headers: Readonly<Record<string, string>> = {},
): Reply {
  return ({ response }) => {
    response.writeHead(status, headers);
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  };
}
