import {
  request as requestHttp,
  type ClientRequest,
  type IncomingMessage,
  type RequestOptions,
} from 'node:http';
import { request as requestHttps } from 'node:https';
import type { WebhookFailureCode } from '#domain';
import { isPublicAddress, literalAddressOf } from './address-policy.js';
import { AddressRefusedError, checkedLookup, resolveAll, type Resolve } from './checked-lookup.js';

const TIMEOUT_MS = 10_000;
/** Of an answer nobody reads; a larger one is cut off, and counts by its status. */
const ANSWER_BYTES_MAX = 65_536;

export interface WebhookPost {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly allowPrivateAddresses: boolean;
  /** From the first byte of the connection to the last of the answer. Default: 10 s. */
  readonly timeoutMs?: number;
  /** Gives it up before that. */
  readonly signal?: AbortSignal;
  /** Default: the system's resolver. */
  readonly resolve?: Resolve;
}

export type WebhookPosted =
  | { readonly kind: 'accepted'; readonly status: number }
  | { readonly kind: 'failed'; readonly code: WebhookFailureCode; readonly status: number | null };

/**
 * Sends one webhook, once. The URL came from a client of the API, so it may lead nowhere it should not: the addresses of
 * its name are checked as part of connecting, and the connection goes to one of those that were checked. A
 * name that answers differently a moment later (DNS rebinding) gains nothing. No redirect is followed, no
 * connection is used twice.
 * @returns what became of it; never throws
 */
export async function postWebhook(post: WebhookPost): Promise<WebhookPosted> {
  const url = new URL(post.url);
  const literal = literalAddressOf(url);
  // No name, so nothing is looked up: the check in `lookup` would be passed by.
  if (literal !== undefined && !post.allowPrivateAddresses && !isPublicAddress(literal))
    return failed('ADDRESS_REFUSED');
  const timeout = AbortSignal.timeout(post.timeoutMs ?? TIMEOUT_MS);
  const signal = post.signal === undefined ? timeout : AbortSignal.any([timeout, post.signal]);
  try {
    const status = await exchange(url, post, signal);
    if (status >= 200 && status < 300) return { kind: 'accepted', status };
    return failed(codeOfStatus(status), status);
  } catch (error) {
    return failed(signal.aborted ? 'TIMED_OUT' : codeOfError(error));
  }
}

function exchange(url: URL, post: WebhookPost, signal: AbortSignal): Promise<number> {
  return new Promise((resolve, reject) => {
    const options: RequestOptions = {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'user-agent': 'Beacon',
        ...post.headers,
        'content-length': Buffer.byteLength(post.body),
      },
      agent: false,
      lookup: checkedLookup(post.resolve ?? resolveAll, post.allowPrivateAddresses),
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
      const { statusCode = 0 } = response;
      let bytes = 0;
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > ANSWER_BYTES_MAX) response.destroy();
      });
      response.once('error', reject);
      response.once('close', () => resolve(statusCode));
    });
    request.end(post.body);
  });
}

function codeOfStatus(status: number): WebhookFailureCode {
  if (status === 410) return 'GONE';
  if (status >= 300 && status < 400) return 'REDIRECTED';
  return status >= 500 ? 'RECEIVER_ERROR' : 'REFUSED';
}

function codeOfError(error: unknown): WebhookFailureCode {
  if (error instanceof AddressRefusedError) return 'ADDRESS_REFUSED';
  const { code = '' } = error as NodeJS.ErrnoException;
  return ['ENOTFOUND', 'EAI_AGAIN', 'ENODATA'].includes(code) ? 'NAME_NOT_RESOLVED' : 'UNREACHABLE';
}

function failed(code: WebhookFailureCode, status: number | null = null): WebhookPosted {
  return { kind: 'failed', code, status };
}
