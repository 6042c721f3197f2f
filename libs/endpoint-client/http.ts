import axios, { AxiosError, AxiosHeaders, type AxiosAdapter, type AxiosInstance } from 'axios';
import axiosRetry from 'axios-retry';
import { Agent, type Dispatcher } from 'undici';

/** Largest answer that is read; a larger one ends the call. */
export const RESPONSE_BYTES_MAX = 1_048_576;

/** Connection errors that are certain to come before a byte of the request was sent. */
export const NEVER_SENT: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
]);

export class ResponseTooLargeError extends Error {}

/**
 * axios over an undici pool: stock axios makes about 4.5 k small calls a second in one process, undici 30 k.
 * Redirects are never followed here: a 303 of the platform is a rendezvous, not a redirect.
 */
function undiciAdapter(agent: Dispatcher): AxiosAdapter {
  return async (config) => {
    const url = axios.getUri(config);
    const { origin, pathname, search } = new URL(url);
    const headers = AxiosHeaders.from(config.headers).toJSON() as Record<string, string>;
    let response: Dispatcher.ResponseData;
    try {
      response = await agent.request({
        origin,
        path: pathname + search,
        method: (config.method ?? 'GET').toUpperCase(),
        headers,
        body: config.data === undefined ? null : (config.data as string),
        signal: config.signal,
        headersTimeout: 0,
        bodyTimeout: 0,
      });
      const data = await readText(response.body);
      return {
        data,
        status: response.statusCode,
        statusText: '',
        headers: new AxiosHeaders(response.headers as Record<string, string>),
        config,
        request: undefined,
      };
    } catch (error) {
      if (error instanceof ResponseTooLargeError) throw error;
      const { code, message } = error as NodeJS.ErrnoException;
      throw AxiosError.from(error, code ?? message, config);
    }
  };
}

async function readText(body: Dispatcher.ResponseData['body']): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > RESPONSE_BYTES_MAX) {
      body.destroy();
      throw new ResponseTooLargeError(`the answer is larger than ${RESPONSE_BYTES_MAX} bytes`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

export interface HttpClient {
  readonly axios: AxiosInstance;
  close(): Promise<void>;
}

/**
 * @returns an axios instance that repeats a request only where the connection failed before it was sent. All
 * other retry decisions are the router's (`planAfterFailure`).
 */
export function createHttpClient(): HttpClient {
  const agent = new Agent({
    connections: 1024,
    pipelining: 1,
    keepAliveTimeout: 30_000,
    connect: { timeout: 10_000 },
  });
  const instance = axios.create({
    adapter: undiciAdapter(agent),
    validateStatus: () => true,
    // Bodies are parsed by schema, never guessed at.
    transformResponse: (data: unknown) => data,
    maxRedirects: 0,
  });
  axiosRetry(instance, {
    retries: 1,
    retryDelay: () => 25,
    retryCondition: (error) => NEVER_SENT.has(error.code ?? ''),
  });
  return { axios: instance, close: () => agent.destroy() };
}
