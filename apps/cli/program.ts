import { Command } from 'commander';
import { addExamples } from './examples.js';
import { installedVersion } from './installation.js';
import { registerCompare } from './commands/compare.js';
import { registerCompletion } from './commands/completion.js';
import { registerDeadLetters } from './commands/dead-letters.js';
import { registerDemo } from './commands/demo.js';
import { registerDoctor } from './commands/doctor.js';
import { registerEndpoints } from './commands/endpoints.js';
import { registerFetchModel } from './commands/fetch-model.js';
import { registerHelp } from './commands/help.js';
import { registerJobs } from './commands/jobs.js';
import { registerKeys } from './commands/keys.js';
import { registerLedger } from './commands/ledger.js';
import { registerOperations } from './commands/operations.js';
import { registerPlan } from './commands/plan.js';
import { registerQueue } from './commands/queue.js';
import { registerReceipt } from './commands/receipt.js';
import { registerResults } from './commands/results.js';
import { registerRun } from './commands/run.js';
import { registerRuns } from './commands/runs.js';
import { registerUp } from './commands/up.js';
import { registerVerifyReceipt } from './commands/verify-receipt.js';
import { registerWebhooks } from './commands/webhooks.js';

/** The whole command, as it is parsed, completed and compared with docs/cli.md. */
export function createProgram(setExitCode: (code: number) => void): Command {
  const program = new Command('beacon')
    .description('Multi-region job router for model inference on serverless GPUs')
    .version(installedVersion(), '--version', 'print the version')
    .exitOverride()
    // Commander's own error output is replaced by one line in the form that every failure has.
    .configureOutput({ outputError: () => undefined })
    .showHelpAfterError(false);
  program.commandsGroup('On this machine:');
  registerUp(program, setExitCode);
  registerDemo(program, setExitCode);
  registerFetchModel(program, setExitCode);
  registerDoctor(program, setExitCode);
  program.commandsGroup('Runs and jobs:');
  registerPlan(program);
  registerRun(program, setExitCode);
  registerRuns(program, setExitCode);
  registerResults(program);
  registerCompare(program);
  registerReceipt(program, setExitCode);
  registerVerifyReceipt(program, setExitCode);
  registerJobs(program, setExitCode);
  program.commandsGroup('Operations:');
  registerQueue(program);
  registerEndpoints(program);
  registerOperations(program);
  registerDeadLetters(program);
  registerWebhooks(program);
  registerLedger(program);
  registerKeys(program);
  program.commandsGroup('Shell:');
  registerHelp(program);
  registerCompletion(program);
  addExamples(program);
  return program;
}
