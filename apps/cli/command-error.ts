import { CommanderError } from 'commander';
import { KeysFileError } from '#api-keys';
import { ConfigurationError } from '#config';
import { NatsServerBinError, NatsServerNotFoundError, ServiceStartError } from '#embedded-services';
import { EXIT_CONFIGURATION, EXIT_FAILED, EXIT_OK, EXIT_UNAVAILABLE, EXIT_USAGE } from './exit-codes.js';
import { RealModelUnavailableError } from './real-model/fetch-real-model.js';
import { ProgramStartError } from './supervision/node-program.js';

/** Ends a command with one line for a person and a code for a script. */
export class CommandError extends Error {
  constructor(
    message: string,
    readonly exitCode: number,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'CommandError';
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
