import { readFile } from 'node:fs/promises';
import { DEFAULT_PORT } from '#config';
import { problemSchema } from '#contracts';
import type { Command } from 'commander';
import type { z } from 'zod';
import { CommandError } from './command-error.js';
import { printable } from './demo/text-table.js';
import { EXIT_FAILED, EXIT_NO_INPUT, EXIT_UNAVAILABLE, EXIT_USAGE } from './exit-codes.js';

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
  return command
    .option('--url <url>', 'a running router', `http://127.0.0.1:${DEFAULT_PORT}`)
    .option('--key-file <file>', 'file that holds the API key (BEACON_API_KEY)')
    .option('--json', 'print what the router answers')
    .allowExcessArguments(false);
}

export interface RouterRequest<Schema extends z.ZodType> {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Below the router's URL, its query included. */
  readonly path: string;
  readonly body?: unknown;
  readonly answer: Schema;
  readonly timeoutMs?: number;
  /** Said before the router's own words where it refuses; left out: "refused". */
  readonly refused?: string;
}

/** @throws CommandError where the router cannot be reached, refuses, or answers something else */
export async function askRouter<Schema extends z.ZodType>(
  options: RouterOptions,
  { method, path, body, answer, refused = 'refused', timeoutMs = REQUEST_TIMEOUT_MS }: RouterRequest<Schema>,
): Promise<z.infer<Schema>> {
  const { url: base } = options;
  if (!URL.canParse(base)) throw new CommandError('--url is not a URL', EXIT_USAGE);
  const url = new URL(path, base.endsWith('/') ? base : `${base}/`);
  const key = await keyFrom(options);
  let status: number;
  let text: string;
  try {
    const response = await fetch(url, {
      method,
      headers: {
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(timeoutMs),
    });
    status = response.status;
    text = await response.text();
  } catch (error) {
    throw new CommandError(`no router answers at ${url.origin}`, EXIT_UNAVAILABLE, { cause: error });
  }
  const document = parsedJson(text);
  const parsed = answer.safeParse(document);
  if (status < 300 && parsed.success) return parsed.data;
  const problem = problemSchema.safeParse(document);
  if (!problem.success) {
    throw new CommandError(`${url.origin} answered ${status}, and not as a router does`, EXIT_FAILED);
  }
  const { code, detail } = problem.data;
  throw new CommandError(`${refused} (${code}): ${printable(detail)}`, EXIT_FAILED);
}

async function keyFrom({ keyFile }: RouterOptions): Promise<string | undefined> {
  if (keyFile === undefined) return process.env['BEACON_API_KEY'] || undefined;
  try {
    return (await readFile(keyFile, 'utf8')).trim();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new CommandError(`${keyFile} cannot be read (${code ?? 'unknown error'})`, EXIT_NO_INPUT, {
      cause: error,
    });
  }
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
