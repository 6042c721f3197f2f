import { readFile } from 'node:fs/promises';
import { DEFAULT_PORT } from '#config';
import { problemSchema } from '#contracts';
import type { Command } from 'commander';
import type { z } from 'zod';
import { CommandError } from '../command-error.js';
import { printable } from '../demo/text-table.js';
import { EXIT_FAILED, EXIT_NO_INPUT, EXIT_UNAVAILABLE, EXIT_USAGE } from '../exit-codes.js';

const REQUEST_TIMEOUT_MS = 30_000;

/** What every command has that asks a running router for something an operator may do. */
export interface OperatorOptions {
  readonly url: string;
  readonly keyFile?: string;
  readonly json?: boolean;
}

export function withOperatorOptions(command: Command): Command {
  return command
    .option('--url <url>', 'a running router', `http://127.0.0.1:${DEFAULT_PORT}`)
    .option('--key-file <file>', 'a file with the API key; left out: BEACON_API_KEY of the environment')
    .option('--json', 'print what the router answers')
    .allowExcessArguments(false);
}

/** @throws CommandError where the router cannot be reached, refuses, or answers something else */
export async function askRouter<Schema extends z.ZodType>(
  { url: baseUrl, keyFile }: OperatorOptions,
  method: 'GET' | 'POST',
  path: string,
  schema: Schema,
  body?: object,
): Promise<z.output<Schema>> {
  if (!URL.canParse(baseUrl)) throw new CommandError('--url is not a URL', EXIT_USAGE);
  const url = new URL(path, baseUrl.endsWith('/') ? baseUrl : `${baseUrl}/`);
  const key = await readKey(keyFile);
  let status: number;
  let text: string;
  try {
    const answer = await fetch(url, {
      method,
      headers: {
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
    });
    status = answer.status;
    text = await answer.text();
  } catch (error) {
    throw new CommandError(`no router answers at ${url.origin}`, EXIT_UNAVAILABLE, { cause: error });
  }
  const document = parsedJson(text);
  const answered = schema.safeParse(document);
  if (status === 200 && answered.success) return answered.data;
  const problem = problemSchema.safeParse(document);
  if (!problem.success) {
    throw new CommandError(`${url.origin} answered ${status}, and not as a router does`, EXIT_FAILED);
  }
  const { code, title, detail } = problem.data;
  throw new CommandError(`refused (${code}): ${printable(detail === '' ? title : detail)}`, EXIT_FAILED);
}

/** Never on the command line: there every user of the machine could read it. */
async function readKey(keyFile: string | undefined): Promise<string | undefined> {
  if (keyFile === undefined) {
    const { BEACON_API_KEY: key } = process.env;
    return key === undefined || key === '' ? undefined : key;
  }
  try {
    return (await readFile(keyFile, 'utf8')).trim();
  } catch (error) {
    throw new CommandError(`${keyFile} cannot be read`, EXIT_NO_INPUT, { cause: error });
  }
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
