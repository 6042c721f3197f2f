import { CommanderError } from 'commander';
import { exitCodeOf, failureDocument, failureLines } from './command-error.js';
import { EXIT_OK } from './exit-codes.js';
import { createProgram } from './program.js';

/**
 * Runs one command to its end.
 * @param parameters the command line after the program's name
 * @returns the exit code
 */
export async function main(parameters: readonly string[]): Promise<number> {
  let exitCode = EXIT_OK;
  const program = createProgram((code) => {
    exitCode = code;
  });
  try {
    await program.parseAsync(parameters, { from: 'user' });
    return exitCode;
  } catch (error) {
    const code = exitCodeOf(error);
    // Help was asked for by naming no command, and has been shown.
    const isHelp = error instanceof CommanderError && error.code === 'commander.help';
    if (code !== EXIT_OK && !isHelp) {
      // Of the words as they stand: a command line that cannot be parsed has no options yet.
      const lines = parameters.includes('--json')
        ? [JSON.stringify(failureDocument(error))]
        : failureLines(error);
      process.stderr.write(`${lines.join('\n')}\n`);
    }
    return code;
  }
}
