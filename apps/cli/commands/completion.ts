import tab from '@bomb.sh/tab/commander';
import type { Command } from 'commander';
import { BASH_COMPLETION } from './bash-completion.js';

/** What names a file: the shell knows best which there are. */
const FILES = /^(file|config|output|key-file|results|key)$/;
/** No suggestions of our own: the shell completes files. */
const SHELL_COMPLETES = ':0';

/** Those whose scripts are known to work. */
const SHELLS = ['bash', 'zsh', 'fish'];

/** Adds `completion SHELL`, which prints a script, and `complete`, which that script calls with every press of the key. */
export function registerCompletion(program: Command): void {
  const suggestions = tab(program, { completionCommandName: 'completion' });
  const find = (name: string): Command | undefined => program.commands.find((each) => each.name() === name);
  const completion = find('completion');
  completion?.description('print a script that completes commands, options and their values in a shell');
  const [shells] = completion?.registeredArguments ?? [];
  // In place: what is suggested for it was read already.
  shells?.argChoices?.splice(0, Infinity, ...SHELLS);
  completion?.action((shell: string) => {
    if (shell === 'bash') process.stdout.write(BASH_COMPLETION);
    else suggestions.setup('beacon', 'beacon', shell);
  });
  find('complete')?.action((words: readonly string[]) => {
    if (isFileWanted(program, words)) process.stdout.write(`${SHELL_COMPLETES}\n`);
    else suggestions.parse([...words]);
  });
}

/** @param words the last of them is being written */
export function isFileWanted(program: Command, words: readonly string[]): boolean {
  const before = words.slice(0, -1);
  const last = words.at(-1) ?? '';
  let command = program;
  let place = 0;
  for (const [index, word] of before.entries()) {
    const option = command.options.find(({ long }) => long === word);
    if (option !== undefined && (option.required || option.optional)) {
      if (index === before.length - 1) return FILES.test(option.name());
      continue;
    }
    if (word.startsWith('-') || isValue(command, before[index - 1])) continue;
    const inner = place === 0 ? command.commands.find((each) => each.name() === word) : undefined;
    if (inner === undefined) place += 1;
    else command = inner;
  }
  if (last.startsWith('-')) {
    const [name, value] = last.split('=', 2);
    const option = value === undefined ? undefined : command.options.find(({ long }) => long === name);
    return option?.required === true && FILES.test(option.name());
  }
  const argument = command.registeredArguments[place];
  return argument !== undefined && FILES.test(argument.name());
}

function isValue(command: Command, before: string | undefined): boolean {
  const option = command.options.find(({ long }) => long === before);
  return option !== undefined && (option.required || option.optional);
}
