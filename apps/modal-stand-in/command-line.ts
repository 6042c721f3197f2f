import { parseArgs } from 'node:util';
import { ConfigurationError } from '#config';
import {
  loadStandInConfiguration,
  standInConfiguration,
  type StandInConfiguration,
} from './configuration/configuration.js';
import { defaultStandInConfiguration } from './configuration/default-configuration.js';
import { PERSONA_MODELS } from './engine/real-model/personas.js';

export const USAGE = `A local double of Modal's web endpoints: cold starts, 303s, limits, jobs and faults, with its own account.
Once it runs: GET /_stand-in/endpoints, /containers, /account; POST /_stand-in/faults, /deploy. See the README.

usage: modal-stand-in (--config FILE | --default) [--real-model FOLDER] [--host HOST] [--port N]
       modal-stand-in --print-default-config [--real-model FOLDER]
  --config FILE            YAML; see the README
  --default                the built-in eight endpoints
  --time-scale X           simulated seconds per real second, with the built-in configuration (default 60;
                           20 with the real model)
  --seed N                 decides every random draw, with the built-in configuration (default 1)
  --real-model FOLDER      answers come from the real model that was fetched into the folder; see the README
  --host HOST              default 127.0.0.1
  --port N                 default 0: a free port
  --print-default-config   writes the built-in configuration to stdout`;

export type Command =
  | { readonly kind: 'help' }
  | { readonly kind: 'print'; readonly configuration: StandInConfiguration }
  | {
      readonly kind: 'serve';
      readonly configuration: StandInConfiguration;
      readonly host: string;
      readonly port: number;
      /** Where the real model is; absent: answers are simulated. */
      readonly realModelFolder: string | undefined;
    };

const OPTIONS = {
  config: { type: 'string' },
  default: { type: 'boolean' },
  'time-scale': { type: 'string' },
  seed: { type: 'string' },
  'real-model': { type: 'string' },
  host: { type: 'string', default: '127.0.0.1' },
  port: { type: 'string', default: '0' },
  'print-default-config': { type: 'boolean' },
  help: { type: 'boolean' },
} as const;

/** @throws ConfigurationError saying which argument or key is wrong */
export function parseCommandLine(args: readonly string[]): Command {
  const values = parseOptions(args);
  if (values.help === true) return { kind: 'help' };
  if (values['print-default-config'] === true) return { kind: 'print', configuration: builtIn(values) };
  if ((values.config === undefined) === (values.default !== true)) {
    throw new ConfigurationError('command line', ['give either --config FILE or --default']);
  }
  if (values.config !== undefined && (values['time-scale'] ?? values.seed) !== undefined) {
    throw new ConfigurationError('command line', [
      '--time-scale and --seed belong in the file given with --config',
    ]);
  }
  const port = numberOf('--port', values.port);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new ConfigurationError('command line', ['--port must be between 0 and 65535']);
  }
  const configuration =
    values.config === undefined ? builtIn(values) : loadStandInConfiguration(values.config);
  const realModelFolder = values['real-model'];
  if (realModelFolder !== undefined) refuseOtherModels(configuration);
  return { kind: 'serve', configuration, host: values.host, port, realModelFolder };
}

/** The real model answers under its own names only: nobody shall take its words for another model's. */
function refuseOtherModels({ endpoints }: StandInConfiguration): void {
  const others = endpoints.flatMap(({ models }) => models.filter((model) => !PERSONA_MODELS.includes(model)));
  if (others.length === 0) return;
  throw new ConfigurationError('command line', [
    `--real-model serves ${PERSONA_MODELS.join(', ')}, and the configuration names ${[...new Set(others)].join(', ')}`,
  ]);
}

function parseOptions(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: OPTIONS, strict: true, allowPositionals: false }).values;
  } catch (error) {
    throw new ConfigurationError('command line', [(error as Error).message]);
  }
}

function builtIn(values: {
  'time-scale'?: string | undefined;
  seed?: string | undefined;
  'real-model'?: string | undefined;
}): StandInConfiguration {
  const input = defaultStandInConfiguration({
    realModel: values['real-model'] !== undefined,
    ...(values['time-scale'] === undefined
      ? {}
      : { timeScale: numberOf('--time-scale', values['time-scale']) }),
    ...(values.seed === undefined ? {} : { seed: numberOf('--seed', values.seed) }),
  });
  return standInConfiguration(input, 'built-in configuration');
}

function numberOf(option: string, text: string): number {
  const value = text.trim() === '' ? NaN : Number(text);
  if (!Number.isFinite(value)) throw new ConfigurationError('command line', [`${option} must be a number`]);
  return value;
}
