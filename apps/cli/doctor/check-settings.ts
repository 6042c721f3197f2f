import { stat } from 'node:fs/promises';
import { KeysFileError, readKeysFile } from '#api-keys';
import { ConfigurationError, SETTING_NAMES, formOfSetting, loadSettings, type Configuration } from '#config';
import { isModalUrl } from '#domain';
import { finding, type Finding } from './finding.js';
import { nearest } from './nearest.js';

type Environment = Readonly<Record<string, string | undefined>>;

const SECRETS = [
  'MODAL_KEY',
  'MODAL_SECRET',
  'BEACON_WEBHOOK_SECRET',
  'BEACON_SERVICE_TOKEN',
  'BEACON_API_KEY',
];

/** What is wrong with the environment; no value is ever told. */
export function checkSettings(environment: Environment, configuration: Configuration | undefined): Finding[] {
  return [
    ...faultsOfSettings(environment),
    ...checkSecrets(environment, configuration),
    ...Object.entries(environment).flatMap(([setting, value]) =>
      value === '' && (SETTING_NAMES as readonly string[]).includes(setting)
        ? [
            finding(
              'setting_empty',
              { setting },
              `${setting} is set, and empty: it counts as not set`,
              `give it its value, or unset it`,
            ),
          ]
        : [],
    ),
  ];
}

function faultsOfSettings(environment: Environment): Finding[] {
  try {
    loadSettings(environment);
    return [];
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    return error.problems.map((problem) => {
      const [setting = ''] = problem.split(' ');
      const name = SETTING_NAMES.find((each) => each === setting);
      if (name === undefined) {
        const meant = nearest(setting, SETTING_NAMES);
        return finding(
          'setting_unknown',
          { setting },
          problem,
          meant === undefined ? 'unset it' : `write ${meant}, or unset it`,
        );
      }
      if (problem.includes('set together')) {
        const missing = (environment['MODAL_KEY'] ?? '') === '' ? 'MODAL_KEY' : 'MODAL_SECRET';
        const cure = `set ${missing} to the other half of the same proxy auth token`;
        return finding('secret_missing', { setting: missing }, problem, cure);
      }
      const [, reason] = /^\S+ is not valid: (.*)$/.exec(problem) ?? [];
      const cure = problem.includes('loopback')
        ? 'make a key with "beacon keys create --file FILE" and set BEACON_API_KEYS_FILE, or leave BEACON_HOST out'
        : reason?.startsWith('must be') === true
          ? `set ${name} to ${formOfSetting(name)}, or unset it`
          : `correct ${name}${reason === undefined ? '' : `: ${reason}`}, or unset it`;
      return finding('setting_bad', { setting }, problem, cure);
    });
  }
}

function checkSecrets(environment: Environment, configuration: Configuration | undefined): Finding[] {
  const endpoints = configuration?.endpoints ?? [];
  const named = [
    ...new Set(endpoints.flatMap(({ api_key_env: name }) => (name === undefined ? [] : [name]))),
  ];
  const valueOf = (name: string): string => environment[name] ?? '';
  const [key, secret] = [valueOf('MODAL_KEY'), valueOf('MODAL_SECRET')];
  const findings: Finding[] = [];
  for (const setting of named.filter((name) => valueOf(name) === '')) {
    const users = endpoints.filter(({ api_key_env: name }) => name === setting).map(({ id }) => id);
    const what = `${setting} is not set, and ${users.join(', ')} ${users.length === 1 ? 'needs' : 'need'} it: api_key_env`;
    findings.push(finding('secret_missing', { setting }, what, `set ${setting} to the key of that endpoint`));
  }
  const onModal = endpoints.filter(({ protocol, url }) => protocol === 'modal-hf' && isModalUrl(url));
  if (onModal.length > 0 && key === '' && secret === '') {
    const what = `${onModal.length} endpoints are on Modal, and MODAL_KEY and MODAL_SECRET are not set: calls without a proxy auth token are refused with 401, unless the deployment is open to everybody`;
    const cure =
      'make a proxy auth token in Modal’s settings, and set MODAL_KEY (wk-…) and MODAL_SECRET (ws-…)';
    findings.push(finding('secret_missing', { setting: 'MODAL_KEY' }, what, cure));
  }
  if (key.startsWith('ws-') && secret.startsWith('wk-')) {
    const what = 'MODAL_KEY and MODAL_SECRET are exchanged: a key begins with wk-, a secret with ws-';
    findings.push(finding('secrets_swapped', { setting: 'MODAL_KEY' }, what, 'exchange the two values'));
  }
  for (const setting of [...SECRETS, ...named]) {
    const value = valueOf(setting);
    if (value === value.trim()) continue;
    const what = `${setting} begins or ends with a blank or a line break, which is sent as a part of it`;
    findings.push(finding('secret_spaced', { setting }, what, `set ${setting} again, without it`));
  }
  return findings;
}

/** Whoever can read the file can try keys against it at leisure; whoever can write it has every role. */
export async function checkKeysFile(path: string): Promise<Finding[]> {
  const where = { file: path, setting: 'BEACON_API_KEYS_FILE' };
  const findings: Finding[] = [];
  try {
    const { mode } = await stat(path);
    if ((mode & 0o077) !== 0 && process.platform !== 'win32') {
      const what = `the keys file is open to other users of this machine (mode ${(mode & 0o777).toString(8).padStart(4, '0')})`;
      findings.push(finding('keys_file_open', where, what, `chmod 600 ${path}`));
    }
    const { keys } = await readKeysFile(path);
    if (keys.length === 0) {
      const what = 'the keys file has no key: nobody may do anything';
      findings.push(
        finding('keys_file_unusable', where, what, 'beacon keys create --file FILE --name NAME --role admin'),
      );
    }
    return findings;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const what =
      error instanceof KeysFileError
        ? `the keys file is not valid: ${error.message}`
        : `the keys file cannot be read (${code ?? 'unknown error'})`;
    const cure =
      code === 'ENOENT'
        ? `make it: beacon keys create --file ${path} --name root --role admin`
        : 'take it from a backup, or make a new one with "beacon keys create"';
    return [...findings, finding('keys_file_unusable', where, what, cure)];
  }
}
