import { once } from 'node:events';
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { until } from './until.js';

/** One request that an endpoint received, and the means to answer it. */
export class UpstreamCall {
  /** The caller closed the connection before it was answered. */
  hungUp = false;
  answered = false;

  constructor(
    /** `REGION/model`. */
    readonly endpoint: string,
    readonly method: string,
    /** Path and query. */
    readonly url: string,
    readonly headers: IncomingHttpHeaders,
    readonly body: Readonly<Record<string, unknown>>,
    private readonly response: ServerResponse,
  ) {
    response.on('close', () => {
      if (!this.answered) this.hungUp = true;
    });
  }

  get prompt(): unknown {
    return this.body['prompt'];
  }

  respond(status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): void {
    this.answered = true;
    const isText = typeof body === 'string';
    this.response.writeHead(status, {
      'content-type': isText ? 'text/plain' : 'application/json',
      ...headers,
    });
    this.response.end(isText ? body : JSON.stringify(body));
  }

  /** A good answer in the endpoint's protocol; it attests the region of the path. */
  answer(fields: Readonly<Record<string, unknown>> = {}): void {
    const [region] = this.endpoint.split('/');
    this.respond(200, {
      status: 'success',
      response: `answer to ${String(this.prompt)}`,
      model: this.body['model'],
      region,
      inference_time: 0.01,
      tokens_generated: 3,
      ...fields,
    });
  }

  /** Breaks the connection without an answer. */
  reset(): void {
    this.answered = true;
    this.response.destroy();
  }
}

/** What an endpoint does with a call. Doing nothing is hanging. */
export type Behaviour = (call: UpstreamCall) => void;

export const answers: Behaviour = (call) => call.answer();
export const hangs: Behaviour = () => undefined;
export const crashes: Behaviour = (call) => call.respond(500, 'internal error');

/**
 * Endpoints at `/REGION/model`, whose behaviour is scripted call by call. `GET .../health` is answered apart and
 * is no call.
 */
export class Upstream {
  readonly calls: UpstreamCall[] = [];
  private readonly scripts = new Map<string, Behaviour[]>();
  private readonly always = new Map<string, Behaviour>();

  private constructor(private readonly server: Server) {
    server.on('request', (request, response) => {
      this.serve(request, response).catch(() => response.destroy());
    });
  }

  static async start(): Promise<Upstream> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new Upstream(server);
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** The next calls of an endpoint behave like this, one each; those after them answer. */
  next(endpoint: string, ...behaviours: readonly Behaviour[]): void {
    this.scripts.set(endpoint, [...(this.scripts.get(endpoint) ?? []), ...behaviours]);
  }

  /** Every call of an endpoint that is not scripted one by one behaves like this. */
  from(endpoint: string, behaviour: Behaviour): void {
    this.always.set(endpoint, behaviour);
  }

  callsOf(endpoint: string): readonly UpstreamCall[] {
    return this.calls.filter((call) => call.endpoint === endpoint);
  }

  /** Calls made for a job, wherever they went: prompts are unique in a spec. */
  callsFor(prompt: string): readonly UpstreamCall[] {
    return this.calls.filter((call) => call.prompt === prompt);
  }

  /** Waits for the n-th call of an endpoint, from 1. */
  call(endpoint: string, ordinal = 1, timeoutMs?: number): Promise<UpstreamCall> {
    return until(`call ${ordinal} at ${endpoint}`, () => this.callsOf(endpoint)[ordinal - 1], timeoutMs);
  }

  async close(): Promise<void> {
    this.server.close();
    this.server.closeAllConnections();
    await once(this.server, 'close');
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const url = request.url ?? '/';
    const [region = '', model = '', last] = url.split('?')[0]!.slice(1).split('/');
    if (last === 'health') {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ status: 'healthy', models_available: [model], region }));
      return;
    }
    const endpoint = `${region}/${model}`;
    const text = Buffer.concat(chunks).toString('utf8');
    const body = text === '' ? {} : (JSON.parse(text) as Record<string, unknown>);
    const call = new UpstreamCall(endpoint, request.method ?? '', url, request.headers, body, response);
    this.calls.push(call);
    const behave = this.scripts.get(endpoint)?.shift() ?? this.always.get(endpoint) ?? answers;
    behave(call);
  }
}
