import type { Command } from 'commander';

/** What `beacon COMMAND --help` shows below the options, and docs/cli.md with its command. */
export const EXAMPLES: Readonly<Record<string, readonly string[]>> = {
  up: ['beacon up', 'beacon up --config beacon.yaml --port 8080'],
  demo: ['beacon demo'],
  'fetch-model': ['beacon fetch-model'],
  doctor: [
    'beacon doctor --config beacon.yaml',
    'beacon doctor --config beacon.yaml --no-probe --strict --json',
    'beacon doctor --config beacon.yaml --url https://beacon.example.org --key-file ops.key',
  ],
  plan: [
    'beacon plan run.yaml',
    'beacon plan run.yaml --order question',
    'beacon plan run.yaml --no-timeline --json',
  ],
  run: [
    'beacon run run.yaml',
    'id=$(beacon run run.yaml --detach)',
    'jq .run template.json | beacon run - --watch --cancel-on-interrupt',
  ],
  'runs list': ['beacon runs list --limit 5'],
  'runs show': ['beacon runs show RUN_ID'],
  'runs watch': ['beacon runs watch RUN_ID'],
  'runs cancel': ['beacon runs cancel RUN_ID'],
  'runs pause': ['beacon runs pause RUN_ID'],
  'runs resume': ['beacon runs resume RUN_ID'],
  'runs approve': ['beacon runs approve RUN_ID', 'beacon runs approve RUN_ID GATE_ID'],
  'runs reject': ['beacon runs reject RUN_ID GATE_ID'],
  'runs retry': ['beacon runs retry RUN_ID', 'beacon runs retry RUN_ID --budget-usd 5'],
  'runs extend': ['beacon runs extend RUN_ID --repeats 3'],
  results: [
    'beacon results RUN_ID',
    'beacon results RUN_ID --format csv --output answers.csv',
    'beacon results RUN_ID --format jsonl | head -1',
  ],
  compare: ['beacon compare RUN_ID --question math_basic', 'beacon compare RUN_ID --all'],
  'receipt get': ['beacon receipt get RUN_ID --output receipt.json'],
  'receipt key': ['beacon receipt key --output beacon-key.json'],
  'receipt verify': [
    'beacon receipt verify receipt.json',
    'beacon receipt verify receipt.json --key beacon-key.json --results answers.jsonl',
  ],
  'verify-receipt': ['beacon verify-receipt receipt.json'],
  'jobs submit': [
    'beacon jobs submit --model llama3.2-1b --prompt "Who was the greatest leader?" --region EU --policy pin --watch',
    'beacon jobs submit job.yaml --priority high',
  ],
  'jobs status': ['beacon jobs status JOB_ID'],
  'jobs watch': ['beacon jobs watch JOB_ID'],
  'jobs cancel': ['beacon jobs cancel JOB_ID'],
  queue: ['beacon queue', 'beacon queue --watch', 'beacon top --interval-s 5'],
  endpoints: ['beacon endpoints', 'beacon endpoints --region EU'],
  operations: ['beacon operations'],
  pause: ['beacon pause us-llama3.2-1b --reason "GPU fault" --for 3600'],
  drain: ['beacon drain EU --region --release'],
  resume: ['beacon resume us-llama3.2-1b'],
  warm: ['beacon warm us-llama3.2-1b --for 900'],
  undo: ['beacon undo', 'beacon undo 17'],
  'dead-letters list': ['beacon dead-letters list --state open --code EXECUTION_TIMEOUT'],
  'dead-letters show': ['beacon dead-letters show JOB_ID'],
  'dead-letters redrive': ['beacon dead-letters redrive JOB_ID', 'beacon dead-letters redrive --region EU'],
  'dead-letters discard': ['beacon dead-letters discard JOB_ID --reason "asked twice"'],
  'webhooks list': ['beacon webhooks list --status failed'],
  'webhooks show': ['beacon webhooks show EVENT_ID'],
  'webhooks redeliver': ['beacon webhooks redeliver EVENT_ID', 'beacon webhooks redeliver --all-failed'],
  'ledger list': ['beacon ledger list --run RUN_ID'],
  'ledger summary': ['beacon ledger summary --by model --from 2026-11-01T00:00:00Z'],
  'ledger export': ['beacon ledger export --format csv --output november.csv'],
  'keys create': ['beacon keys create --file keys.json --name root --role admin'],
  'keys list': ['beacon keys list --file keys.json'],
  'keys self': ['beacon keys self'],
  'keys revoke': ['beacon keys revoke KEY_ID'],
  'keys rotate': ['beacon keys rotate KEY_ID --overlap-s 3600'],
  completion: [
    'source <(beacon completion bash)',
    'beacon completion fish > ~/.config/fish/completions/beacon.fish',
  ],
};

/** One line each, where a description says more: `beacon --help` is to fit a screen. */
const SUMMARIES: Readonly<Record<string, string>> = {
  up: 'serve on this machine',
  demo: 'the main job from a start to 64 answers, in front of a stand-in',
  'fetch-model': 'fetch the real small model for the stand-in',
  doctor: 'look for mistakes in configuration, settings and endpoints',
  plan: 'say what a run would take, before it costs anything',
  run: 'submit a run and watch it to its end',
  results: 'the answers of a run',
  compare: 'the answers of a run’s regions, with what differs marked',
  'verify-receipt': 'the same as "receipt verify"',
  queue: 'queues, endpoints and GPUs; live with --watch',
  endpoints: 'all endpoints with state and learned times',
  operations: 'show what operators have changed',
  pause: 'admit nothing new at an endpoint or in a region',
  keys: 'make, list, rotate and revoke API keys',
  ledger: 'what calls cost',
  completion: 'print a script for bash, zsh or fish',
};

/** Every command by its words, without those that only group others. */
export function commandsOf(program: Command, before: readonly string[] = []): [string, Command][] {
  return program
    .createHelp()
    .visibleCommands(program)
    .flatMap((command): [string, Command][] => {
      if (command.name() === 'help') return [];
      const words = [...before, command.name()];
      return command.commands.length > 0 ? commandsOf(command, words) : [[words.join(' '), command]];
    });
}

export function addExamples(program: Command): void {
  program.addHelpText('after', '\nEvery command, its options and exit codes: docs/cli.md');
  for (const command of program.commands) {
    const summary = SUMMARIES[command.name()];
    if (summary !== undefined) command.summary(summary);
  }
  for (const [name, command] of commandsOf(program)) {
    const lines = EXAMPLES[name] ?? [];
    if (lines.length > 0)
      command.addHelpText('after', `\nExamples:\n${lines.map((line) => `  ${line}`).join('\n')}`);
  }
}
