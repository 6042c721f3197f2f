import createClient, { type Client } from 'openapi-fetch';
import type { paths } from './schema.js';

/** A client whose paths, parameters, bodies and answers are those of the OpenAPI document. */
export type TypedRouterClient = Client<paths>;

export interface RouterClientOptions {
  /** A router's address; what is served below a path is named with that path. */
  readonly baseUrl: string;
  /** API key; left out where the server has none. */
  readonly key?: string | undefined;
  /** Sent with every request. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Left out: the platform's own. */
  readonly fetch?: (request: Request) => Promise<Response>;
  /**
   * Makes no `Request` of the platform's, which takes more of the processor than all the rest of a small call. For whoever
   * makes many; middleware and `fetch` are then out of the question.
   */
  readonly isLean?: boolean;
}

/**
 * Meets a router by HTTP. Nothing is retried and no answer is checked: the types are the document's promise.
 * A refusal is no exception: it comes as `error`, a problem document. Only what never got an answer throws.
 */
export function createRouterClient({
  baseUrl,
  key,
  headers,
  fetch: send,
  isLean = false,
}: RouterClientOptions): TypedRouterClient {
  return createClient<paths>({
    baseUrl,
    headers: { ...headers, ...(key === undefined ? {} : { authorization: `Bearer ${key}` }) },
    ...(send === undefined ? {} : { fetch: send }),
    ...(isLean ? LEAN : {}),
  });
}

/** Address and settings of a request, for `fetch` to make what it needs of them. */
class LeanRequest {
  constructor(
    readonly url: string,
    readonly init: RequestInit,
  ) {}
}

const LEAN = {
  Request: LeanRequest as unknown as typeof Request,
  fetch: (request: Request): Promise<Response> => {
    const { url, init } = request as unknown as LeanRequest;
    return fetch(url, init);
  },
};
