import {
  request as requestHttp,
  type ClientRequest,
  type IncomingMessage,
  type RequestOptions,
} from 'node:http';
import { request as requestHttps } from 'node:https';
import type { WebhookFailureCode } from '#domain';
import type { AddressPolicy } from './address-policy.js';
import {
  AddressRefusedError,
  checkedLookup,
  resolveByServers,
  resolveBySystem,
  type Resolve,
} from './checked-lookup.js';

const TIMEOUT_MS = 10_000;
/** What resolvers say of a name that leads nowhere, and of name servers that do not answer. */
const NAME_FAULTS = new Set([
  ...['ENOTFOUND', 'EAI_AGAIN', 'ENODATA', 'ESERVFAIL', 'EREFUSED', 'ETIMEOUT', 'EBADNAME', 'EFORMERR'],
  ...['ENOTIMP', 'EBADRESP', 'ECANCELLED'],
]);
/** Of an answer nobody reads; a larger one is cut off, and counts by its status. */
const ANSWER_BYTES_MAX = 65_536;

export interface WebhookPost {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly policy: AddressPolicy;
  /** From the question for its name to the last byte of the answer. Default: 10 s. */
  readonly timeoutMs?: number;
  /** Gives it up before that. */
  readonly signal?: AbortSignal;
  /** Default: the system for names that the operator named, and the name servers for all others. */
  readonly resolve?: Resolve;
}

export type WebhookPosted =
  | { readonly kind: 'accepted'; readonly status: number }
  | {
      readonly kind: 'failed';
      readonly code: WebhookFailureCode;
      readonly status: number | null;
      /** What the receiver asked for in `Retry-After`. */
      readonly retryAfterMs: number | null;
    };

/** What the first lines of an answer say. */
interface Answer {
  readonly status: number;
  readonly retryAfter: string | undefined;
}

/**
 * Sends one webhook, once. The URL came from a client of the API, so it may lead nowhere it should not: the addresses of
 * its name are checked as part of connecting, and the connection goes to one of those that were checked. A
 * name that answers differently a moment later (DNS rebinding) gains nothing. No redirect is followed, no
 * connection is used twice.
 * @returns what became of it; never throws
 */
export async function postWebhook(post: WebhookPost): Promise<WebhookPosted> {
  const { policy, signal: given } = post;
  // A literal address is not looked up: the check in `lookup` would be passed by.
  if (policy.faultOf(post.url) !== undefined) return failed('ADDRESS_REFUSED');
  const url = new URL(post.url);
  const timeout = AbortSignal.timeout(post.timeoutMs ?? TIMEOUT_MS);
  const signal = given === undefined ? timeout : AbortSignal.any([timeout, given]);
  try {
    const { status, retryAfter } = await exchange(url, post, signal);
    if (status >= 200 && status < 300) return { kind: 'accepted', status };
    return failed(codeOfStatus(status), status, retryAfterMs(retryAfter, Date.now()));
  } catch (error) {
    return failed(signal.aborted ? 'TIMED_OUT' : codeOfError(error));
  }
}

/** @returns ms from now; null where it says nothing that can be understood */
function retryAfterMs(header: string | undefined, nowMs: number): number | null {
  if (header === undefined) return null;
  if (/^\d{1,9}$/.test(header.trim())) return Number(header) * 1000;
  const atMs = Date.parse(header);
  return Number.isNaN(atMs) ? null : Math.max(0, atMs - nowMs);
}

function exchange(url: URL, post: WebhookPost, signal: AbortSignal): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const options: RequestOptions & { rejectUnauthorized: true } = {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'user-agent': 'Beacon',
        ...post.headers,
        'content-length': Buffer.byteLength(post.body),
      },
      agent: false,
      lookup: checkedLookup(post.resolve ?? resolveFor(url, post.policy, signal), url, post.policy),
      // Whatever the environment says of it.
      rejectUnauthorized: true,
      signal,
    };
    const request: ClientRequest = (url.protocol === 'https:' ? requestHttps : requestHttp)(url, options);
    let isAnswered = false;
    request.once('error', reject);
    // A switch of protocols nobody asked for ends it without an error and without an answer.
    request.once('close', () => {
      if (!isAnswered) reject(new Error('closed without an answer'));
    });
    request.once('response', (response: IncomingMessage) => {
      isAnswered = true;
      const { statusCode: status = 0, headers } = response;
      let bytes = 0;
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > ANSWER_BYTES_MAX) response.destroy();
      });
      response.once('error', reject);
      response.once('close', () => resolve({ status, retryAfter: headers['retry-after'] }));
    });
    request.end(post.body);
  });
}

function resolveFor(url: URL, policy: AddressPolicy, signal: AbortSignal): Resolve {
  return policy.allowsPrivateAddresses || policy.names(url) ? resolveBySystem : resolveByServers(signal);
}

function codeOfStatus(status: number): WebhookFailureCode {
  if (status === 410) return 'GONE';
  if (status >= 300 && status < 400) return 'REDIRECTED';
  return status >= 500 ? 'RECEIVER_ERROR' : 'REFUSED';
}

function codeOfError(error: unknown): WebhookFailureCode {
  if (error instanceof AddressRefusedError) return 'ADDRESS_REFUSED';
  const { code = '' } = error as NodeJS.ErrnoException;
  return NAME_FAULTS.has(code) ? 'NAME_NOT_RESOLVED' : 'UNREACHABLE';
}

function failed(
  code: WebhookFailureCode,
  status: number | null = null,
  retryAfter: number | null = null,
): WebhookPosted {
  return { kind: 'failed', code, status, retryAfterMs: retryAfter };
}
