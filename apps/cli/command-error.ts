import { CommanderError } from 'commander';
import { KeysFileError } from '#api-keys';
import { ConfigurationError } from '#config';
import type { Problem } from '#contracts';
import { NatsServerBinError, NatsServerNotFoundError, ServiceStartError } from '#embedded-services';
import {
  EXIT_CONFIGURATION,
  EXIT_DATA_FOLDER,
  EXIT_FAILED,
  EXIT_FAULT,
  EXIT_INVALID,
  EXIT_NO_INPUT,
  EXIT_NO_PERMISSION,
  EXIT_OK,
  EXIT_TRY_LATER,
  EXIT_UNAVAILABLE,
  EXIT_USAGE,
} from './exit-codes.js';
import { RealModelUnavailableError } from './real-model/fetch-real-model.js';
import { ProgramStartError } from './supervision/node-program.js';

/** `code` of a failure that no router answered, by its exit code: what `--json` says on stderr. */
const FAILURE_CODES: Readonly<Record<number, string>> = {
  [EXIT_FAILED]: 'FAILED',
  [EXIT_USAGE]: 'WRONG_ARGUMENTS',
  [EXIT_INVALID]: 'INVALID_DOCUMENT',
  [EXIT_NO_INPUT]: 'CANNOT_READ',
  [EXIT_UNAVAILABLE]: 'UNAVAILABLE',
  [EXIT_FAULT]: 'FAULT',
  [EXIT_DATA_FOLDER]: 'CANNOT_WRITE',
  [EXIT_TRY_LATER]: 'TRY_LATER',
  [EXIT_NO_PERMISSION]: 'NO_PERMISSION',
  [EXIT_CONFIGURATION]: 'WRONG_CONFIGURATION',
};

export interface CommandErrorOptions extends ErrorOptions {
  /** One line each, below the message: all that is to be mended, where the message names only some of it. */
  readonly details?: readonly string[];
  /** What the router answered, for `--json`. */
  readonly problem?: Problem;
  /** When the router takes the same request again, in seconds. */
  readonly retryAfterS?: number;
}

/** Ends a command with one line for a person and a code for a script. */
export class CommandError extends Error {
  readonly details: readonly string[];
  readonly problem: Problem | undefined;
  readonly retryAfterS: number | undefined;

  constructor(
    message: string,
    readonly exitCode: number,
    { details = [], problem, retryAfterS, ...options }: CommandErrorOptions = {},
  ) {
    super(message, options);
    this.name = 'CommandError';
    this.details = details;
    this.problem = problem;
    this.retryAfterS = retryAfterS;
  }
}

/** @returns the exit code that says what kind of failure this is */
export function exitCodeOf(error: unknown): number {
  if (error instanceof CommandError) return error.exitCode;
  if (error instanceof ConfigurationError || error instanceof NatsServerBinError) return EXIT_CONFIGURATION;
  if (error instanceof KeysFileError) return EXIT_CONFIGURATION;
  if (error instanceof NatsServerNotFoundError || error instanceof ServiceStartError) return EXIT_UNAVAILABLE;
  if (error instanceof RealModelUnavailableError) return EXIT_UNAVAILABLE;
  // A program that found its configuration wrong, or its model not to run, said so with the same code.
  if (error instanceof ProgramStartError) {
    const { exitCode } = error;
    if (exitCode === EXIT_CONFIGURATION || exitCode === EXIT_UNAVAILABLE) return exitCode;
  }
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT_OK : EXIT_USAGE;
  return EXIT_FAILED;
}

/** @returns one line without a stack trace */
export function messageOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.replace(/^error: /, '').replace(/\s*\n\s*/g, ' ');
}

/** @returns what a person reads of a failure on stderr, its first line first */
export function failureLines(error: unknown): string[] {
  const hint = error instanceof CommanderError ? ' (see "beacon --help")' : '';
  const details = error instanceof CommandError ? error.details : [];
  return [`beacon: ${messageOf(error)}${hint}`, ...details.map((line) => `  ${line}`)];
}

/** @returns what a script reads of a failure with `--json`: the router's problem document where it refused */
export function failureDocument(error: unknown): object {
  const { problem, retryAfterS } = error instanceof CommandError ? error : {};
  const wait = retryAfterS === undefined ? {} : { retry_after_seconds: retryAfterS };
  if (problem !== undefined) return { ...problem, ...wait };
  return { code: FAILURE_CODES[exitCodeOf(error)] ?? 'FAILED', message: messageOf(error) };
}
