import type { Command } from 'commander';

/** In place of commander's own: that one shows the whole usage for a command that does not exist, as if it were right. */
export function registerHelp(program: Command): void {
  for (const group of [program, ...program.commands.filter(({ commands }) => commands.length > 0)]) {
    group.helpCommand(false);
    group
      .command('help')
      .description('display help for command')
      .argument('[command...]')
      .action((words: readonly string[]) => showHelp(group, words));
  }
}

async function showHelp(group: Command, words: readonly string[]): Promise<void> {
  let command = group;
  for (const [index, word] of words.entries()) {
    if (command.commands.length === 0) break;
    const inner = command.commands.find((each) => each.name() === word || each.aliases().includes(word));
    // Refused as the command itself would be, with the name that may have been meant.
    if (inner === undefined) await group.parseAsync(words.slice(0, index + 1), { from: 'user' });
    command = inner ?? command;
  }
  command.help();
}
