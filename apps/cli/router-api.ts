import { readFile } from 'node:fs/promises';
import { DEFAULT_PORT } from '#config';
import { problemSchema, type Problem } from '#contracts';
import { createRouterClient, type TypedRouterClient } from '#router-client';
import { Option, type Command } from 'commander';
import type { z } from 'zod';
import { CommandError } from './command-error.js';
import {
  EXIT_FAILED,
  EXIT_NO_INPUT,
  EXIT_NO_PERMISSION,
  EXIT_TRY_LATER,
  EXIT_UNAVAILABLE,
  EXIT_USAGE,
} from './exit-codes.js';
import { printable } from './terminal/text-table.js';

const REQUEST_TIMEOUT_MS = 30_000;

/** How a command reaches a router. */
export interface RouterOptions {
  readonly url: string;
  readonly keyFile?: string;
  /** Print the answer itself. */
  readonly json?: boolean;
}

/** Adds `--url`, `--key-file` and `--json`. A key is no option: it would be in the shell's history and in lists of processes. */
export function withRouterOptions(command: Command): Command {
  return withAddress(command).option('--json', 'print what the router answers');
}

/** For commands whose answers have formats of their own. */
export function withAddress(command: Command): Command {
  return command
    .addOption(
      new Option('--url <url>', 'a running router; a path is kept')
        .default(`http://127.0.0.1:${DEFAULT_PORT}`)
        .env('BEACON_URL'),
    )
    .option('--key-file <file>', 'file that holds the API key (else BEACON_API_KEY)')
    .allowExcessArguments(false);
}

/** What a router said: as it stood, for `--json`, and as far as this command knows it. */
export interface Answered<T> {
  readonly document: unknown;
  readonly answer: T;
}

interface Reply {
  readonly data?: unknown;
  readonly error?: unknown;
  readonly response: Response;
}

export interface AskOptions {
  /** Said before the router's own words where it refuses; left out: "refused". */
  readonly refused?: string;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/**
 * @param send one request; its path, body and answer are those of the OpenAPI document
 * @throws CommandError where the router cannot be reached, refuses, or answers something else
 */
export async function askRouter<Schema extends z.ZodType>(
  options: RouterOptions,
  send: (router: TypedRouterClient) => Promise<Reply>,
  schema: Schema,
  { refused = 'refused', timeoutMs = REQUEST_TIMEOUT_MS, signal }: AskOptions = {},
): Promise<Answered<z.infer<Schema>>> {
  const { data, error, response } = await reach(options, send, timeoutMs, signal);
  const parsed = schema.safeParse(data);
  if (response.ok && parsed.success) return { document: data, answer: parsed.data };
  throw refusal(options, response, error, refused);
}

/**
 * Asks for something that may be large.
 * @param send to be asked with `parseAs: 'stream'`
 */
export async function download(
  options: RouterOptions,
  send: (router: TypedRouterClient) => Promise<Reply>,
): Promise<ReadableStream<Uint8Array>> {
  const { error, response } = await reach(options, send, REQUEST_TIMEOUT_MS);
  if (response.ok && response.body !== null) return response.body as ReadableStream<Uint8Array>;
  throw refusal(options, response, error, 'refused');
}

/** Where a router is, and what to come with. */
export async function addressOf(
  options: RouterOptions,
): Promise<{ baseUrl: string; key: string | undefined }> {
  const { url } = options;
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
    throw new CommandError('--url (or BEACON_URL) is to be an http or https URL', EXIT_USAGE);
  const { origin, pathname } = new URL(url);
  return { baseUrl: `${origin}${pathname.replace(/\/+$/, '')}`, key: await keyFrom(options) };
}

async function reach(
  options: RouterOptions,
  send: (router: TypedRouterClient) => Promise<Reply>,
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<Reply> {
  const address = await addressOf(options);
  // Until the answer begins: what is large may take its time.
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(new Error('late')), timeoutMs);
  const router = createRouterClient({
    ...address,
    fetch: (request) =>
      fetch(request, { signal: AbortSignal.any([late.signal, ...(signal === undefined ? [] : [signal])]) }),
  });
  try {
    return await send(router);
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof SyntaxError) throw strange(options, 200);
    if (late.signal.aborted) {
      const message = `the router at ${address.baseUrl} has not answered within ${timeoutMs / 1000} s`;
      throw new CommandError(message, EXIT_UNAVAILABLE, { cause: error });
    }
    throw unreachable(options, error);
  } finally {
    clearTimeout(timer);
  }
}

export function unreachable({ url }: RouterOptions, error: unknown): CommandError {
  const message = `no router answers at ${new URL(url).origin} (${causeOf(error)}): start one with "beacon up", or say where it is with --url or BEACON_URL`;
  return new CommandError(message, EXIT_UNAVAILABLE, { cause: error });
}

/** The code of what went wrong below `fetch`, which itself only says that it failed. */
export function causeOf(error: unknown): string {
  const { code, errors, cause, name, message } = (error ?? {}) as {
    code?: unknown;
    errors?: unknown;
    cause?: unknown;
    name?: unknown;
    message?: unknown;
  };
  if (typeof code === 'string') return code;
  // One for each address of the host.
  if (Array.isArray(errors) && errors.length > 0) return causeOf(errors[0]);
  if (cause !== undefined) return causeOf(cause);
  if (name === 'Error' && typeof message === 'string') return message;
  return typeof name === 'string' ? name : 'unknown error';
}

function strange({ url }: RouterOptions, status: number): CommandError {
  const { origin, pathname } = new URL(url);
  const message = `${origin} answered ${status}, and not as a router does: is ${origin}${pathname} the base URL of Beacon's API?`;
  return new CommandError(message, EXIT_FAILED);
}

/** What is wrong, in the router's words, and what to do about it. */
export function refusal(
  options: RouterOptions,
  response: Response,
  error: unknown,
  refused: string,
): CommandError {
  const problem = problemSchema.safeParse(error);
  if (!problem.success) return strange(options, response.status);
  const { code, detail } = problem.data;
  const retryAfterS = retryAfterOf(response);
  const words = `${refused} (${code}): ${printable(detail)}`;
  const advice = adviceFor(options, problem.data, retryAfterS);
  return new CommandError(`${words}${advice}`, exitCodeFor(response.status), {
    details: faultsBeside(problem.data),
    problem: problem.data,
    ...(retryAfterS === undefined ? {} : { retryAfterS }),
  });
}

/** All faults, a line each, unless the detail names every one of them: it stops at a few. */
function faultsBeside({ detail, errors = [] }: Problem): string[] {
  if (errors.every(({ field, message }) => detail.includes(`${field}: ${message}`))) return [];
  return errors.map(({ field, message }) => `${printable(field)}: ${printable(message)}`);
}

function retryAfterOf({ headers }: Response): number | undefined {
  const text = headers.get('retry-after');
  return text !== null && /^\d+$/.test(text) ? Number(text) : undefined;
}

function adviceFor({ keyFile }: RouterOptions, { status }: Problem, retryAfterS: number | undefined): string {
  if (retryAfterS !== undefined) return `; try again in ${retryAfterS} s`;
  if (status !== 401) return '';
  const given = keyFile ?? ((process.env['BEACON_API_KEY'] ?? '') === '' ? undefined : 'BEACON_API_KEY');
  return given === undefined
    ? '; give a key with --key-file FILE or BEACON_API_KEY'
    : `; the key of ${given} is not valid here`;
}

function exitCodeFor(status: number): number {
  if (status === 401 || status === 403) return EXIT_NO_PERMISSION;
  return status === 429 || status === 503 ? EXIT_TRY_LATER : EXIT_FAILED;
}

async function keyFrom({ keyFile }: RouterOptions): Promise<string | undefined> {
  const key = keyFile === undefined ? (process.env['BEACON_API_KEY'] ?? '').trim() : await keyIn(keyFile);
  // Header values take nothing else; saying so beats the platform's own words.
  if (!/^[\x21-\x7e]*$/.test(key))
    throw new CommandError(`${keyFile ?? 'BEACON_API_KEY'} does not hold a key`, EXIT_NO_INPUT);
  return key === '' ? undefined : key;
}

async function keyIn(keyFile: string): Promise<string> {
  try {
    return (await readFile(keyFile, 'utf8')).trim();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new CommandError(`${keyFile} cannot be read (${code ?? 'unknown error'})`, EXIT_NO_INPUT, {
      cause: error,
    });
  }
}
