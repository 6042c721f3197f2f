import { Command, CommanderError } from 'commander';
import { exitCodeOf, messageOf } from './command-error.js';
import { registerDeadLetters } from './commands/dead-letters.js';
import { registerDemo } from './commands/demo.js';
import { registerFetchModel } from './commands/fetch-model.js';
import { registerKeys } from './commands/keys.js';
import { registerOperations } from './commands/operations.js';
import { registerPlan } from './commands/plan.js';
import { registerUp } from './commands/up.js';
import { registerVerifyReceipt } from './commands/verify-receipt.js';
import { EXIT_OK } from './exit-codes.js';

/**
 * Runs one command to its end.
 * @param parameters the command line after the program's name
 * @returns the exit code
 */
export async function main(parameters: readonly string[]): Promise<number> {
  let exitCode = EXIT_OK;
  const program = new Command('beacon')
    .description('Multi-region job router for model inference on serverless GPUs')
    .exitOverride()
    // Commander's own error output is replaced by one line in the form that every failure has.
    .configureOutput({ outputError: () => undefined })
    .showHelpAfterError(false);
  const setExitCode = (code: number): void => {
    exitCode = code;
  };
  registerUp(program, setExitCode);
  registerDemo(program, setExitCode);
  registerFetchModel(program, setExitCode);
  registerKeys(program);
  registerPlan(program, setExitCode);
  registerOperations(program, setExitCode);
  registerVerifyReceipt(program, setExitCode);
  registerDeadLetters(program, setExitCode);
  try {
    await program.parseAsync(parameters, { from: 'user' });
    return exitCode;
  } catch (error) {
    const code = exitCodeOf(error);
    // Help was asked for by naming no command, and has been shown.
    const isHelp = error instanceof CommanderError && error.code === 'commander.help';
    if (code !== EXIT_OK && !isHelp) process.stderr.write(`beacon: ${lineFor(error)}\n`);
    return code;
  }
}

function lineFor(error: unknown): string {
  return error instanceof CommanderError ? `${messageOf(error)} (see "beacon --help")` : messageOf(error);
}
