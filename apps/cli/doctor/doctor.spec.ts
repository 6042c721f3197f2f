import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTcpServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { makePepper } from '#api-keys';
import { main } from '../main.js';
import { CHECKS, type Finding } from './finding.js';
import { checkNode } from './check-services.js';

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

const [KEY, SECRET] = ['wk-key-of-the-doctor', 'ws-secret-of-the-doctor'];
const SETTINGS = ['MODAL_KEY', 'MODAL_SECRET', 'BEACON_DATA_DIR', 'BEACON_CONFIG', 'BEACON_URL', 'NO_COLOR'];

describe('beacon doctor', () => {
  let server: Server;
  let origin: string;
  let folder: string;
  let before: NodeJS.ProcessEnv;
  /** How the deployments behave in this test; left out: as they should. */
  let behaviour: Record<string, Answer> = {};
  const asked: string[] = [];
  const written: string[] = [];

  const healthOf =
    (region: string): Answer =>
    (request, response) => {
      const isLetIn = request.headers['modal-key'] === KEY && request.headers['modal-secret'] === SECRET;
      response.writeHead(isLetIn ? 200 : 401, { 'content-type': 'application/json' });
      const models = ['llama3.2-1b', 'qwen2.5-1.5b', ...(region === 'us-east' ? [] : ['mistral-7b'])];
      response.end(JSON.stringify({ status: 'healthy', region, models_available: models }));
    };
  const HEALTHY: Record<string, Answer> = {
    us: healthOf('us-east'),
    eu: healthOf('eu-west'),
    asia: healthOf('ASIA'),
  };

  /** The configuration that nothing is wrong with; each mistake is one edit of it. */
  const good = (): string => `# endpoints of the test
limits: { endpoints: 5, gpus: 5 }
timeouts:
  execution_ms: 600000
regions:
  US: { aliases: [us-east] }
  EU: { aliases: [eu-west] }
  ASIA: { aliases: [apac] }
endpoints:
${[
  ['us', 'US', 'llama3.2-1b', 'T4'],
  ['us', 'US', 'qwen2.5-1.5b', 'T4'],
  ['eu', 'EU', 'llama3.2-1b', 'T4'],
  ['eu', 'EU', 'mistral-7b', 'L4'],
  ['asia', 'ASIA', 'mistral-7b', 'L4'],
]
  .map(
    ([app, region, model, gpu]) => `  - id: ${app}-${model}
    region: ${region}
    models: [${model}]
    url: ${origin}/${app}/${model}
    health_url: ${origin}/${app}/health
    gpu: ${gpu}
    scaledown_window_s: 300
`,
  )
  .join('')}tasks:
  research: { owner: scout, model: llama3.2-1b }
`;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'beacon-doctor-'));
    server = createServer((request, response) => {
      asked.push(request.url ?? '');
      const [, app = ''] = (request.url ?? '').split('/');
      (behaviour[app] ?? HEALTHY[app] ?? ((_request, reply) => reply.writeHead(404).end()))(
        request,
        response,
      );
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const keep = (text: string | Uint8Array): boolean => written.push(String(text)) > 0;
    jest.spyOn(process.stdout, 'write').mockImplementation(keep);
    jest.spyOn(process.stderr, 'write').mockImplementation(keep);
  });
  beforeEach(() => {
    before = { ...process.env };
    for (const name of Object.keys(process.env))
      if (/^(BEACON_|MODAL_)|^(DATABASE_URL|NATS_URL)$/.test(name)) delete process.env[name];
    process.env['MODAL_KEY'] = KEY;
    process.env['MODAL_SECRET'] = SECRET;
    process.env['BEACON_DATA_DIR'] = join(folder, 'data');
    behaviour = {};
    asked.length = 0;
  });
  afterEach(() => {
    for (const name of [...SETTINGS, ...Object.keys(process.env)]) delete process.env[name];
    Object.assign(process.env, before);
  });
  afterAll(async () => {
    jest.restoreAllMocks();
    server.closeAllConnections();
    server.close();
    await rm(folder, { recursive: true });
  });

  async function run(text: string, ...options: string[]) {
    const file = join(folder, 'beacon.yaml');
    await writeFile(file, text);
    written.length = 0;
    const exitCode = await main(['doctor', '--config', file, ...options]);
    return { exitCode, output: written.join('') };
  }
  async function examine(text: string, ...options: string[]) {
    const { exitCode, output } = await run(text, '--json', ...options);
    return { exitCode, output, findings: (JSON.parse(output) as { findings: Finding[] }).findings };
  }

  it('finds nothing in a configuration that is right, and asks each health route once and nothing else', async () => {
    expect(await examine(good())).toMatchObject({ exitCode: 0, findings: [] });
    expect([...asked].sort()).toEqual(['/asia/health', '/eu/health', '/us/health']);
    expect((await run(good())).output).toContain('nothing to mend');
  });

  it('asks nobody with --no-probe', async () => {
    expect(await examine(good(), '--no-probe')).toMatchObject({ exitCode: 0, findings: [] });
    expect(asked).toEqual([]);
  });

  const replaced = (from: string | RegExp, to: string) => (text: string) => {
    const edited = text.replace(from, to);
    // A mistake that was not made would be found by nobody.
    if (edited === text) throw new Error(`nothing was replaced: ${String(from)}`);
    return edited;
  };

  it.each<[string, (text: string) => string, Finding['code'], string, RegExp]>([
    [
      'a key with a typing error',
      replaced('timeouts:', 'timeout:'),
      'config_unknown_key',
      'timeout',
      /write "timeouts"/,
    ],
    [
      'a key that an endpoint does not have',
      replaced('gpu: T4', 'gpus: T4'),
      'config_unknown_key',
      'endpoints[0].gpus',
      /write "gpu"/,
    ],
    [
      'a value of the wrong kind',
      replaced('600000', 'ten minutes'),
      'config_bad_value',
      'timeouts.execution_ms',
      /a (whole )?number/,
    ],
    [
      'an endpoint without models',
      replaced('    models: [qwen2.5-1.5b]\n', ''),
      'config_missing_key',
      'endpoints[1].models',
      /add it: a list/,
    ],
    [
      'a URL that is none',
      replaced(/url: http:\/\/\S+\/us\/llama\S+/, 'url: us.modal.run'),
      'config_bad_value',
      'endpoints[0].url',
      /begins with https:/,
    ],
    [
      'an unknown protocol',
      replaced('gpu: T4', 'protocol: grpc'),
      'config_bad_value',
      'endpoints[0].protocol',
      /modal-hf, openai/,
    ],
    [
      'a key that stands twice',
      replaced('    gpu: L4\n', '    gpu: L4\n    gpu: L4\n'),
      'config_not_yaml',
      '',
      /keep one of them/,
    ],
    [
      'more endpoints than the limit',
      replaced('endpoints: 5', 'endpoints: 4'),
      'endpoint_limit',
      'endpoints',
      /raise limits.endpoints/,
    ],
    [
      'two endpoints of one id',
      replaced('id: us-qwen2.5-1.5b', 'id: us-llama3.2-1b'),
      'endpoint_id_twice',
      'endpoints[1].id',
      /id of its own/,
    ],
    [
      'an alias in place of a region',
      replaced('region: EU', 'region: eu-west'),
      'endpoint_region_unknown',
      'endpoints[2].region',
      /write "EU"/,
    ],
    [
      'an alias of two regions',
      replaced('[apac]', '[apac, us-east]'),
      'region_name_twice',
      'regions.ASIA.aliases',
      /one region’s only/,
    ],
    [
      'a region without an endpoint',
      replaced('  ASIA:', '  AFRICA: {}\n  ASIA:'),
      'region_without_endpoint',
      'regions.AFRICA',
      /add an endpoint there/,
    ],
    [
      'one URL in two regions',
      replaced(/eu\/llama3/, 'us/llama3'),
      'url_twice',
      'endpoints[2].url',
      /own deployment in EU/,
    ],
    [
      'a health_url of another host',
      replaced(/health_url: http:\/\/\S+\/asia/, 'health_url: https://asia.example.org'),
      'health_url_elsewhere',
      'endpoints[4].health_url',
      /put health_url on 127/,
    ],
    [
      'a health_url that makes calls',
      replaced('us/health', 'us/llama3.2-1b'),
      'health_url_wakes',
      'endpoints[0].health_url',
      /wakes no GPU/,
    ],
    [
      'no health_url',
      replaced(/ {4}health_url: \S+asia\S+\n/, ''),
      'health_url_missing',
      'endpoints[4].url',
      /add the health_url/,
    ],
    [
      'a URL that is not encrypted',
      replaced(/url: http:\/\/\S+\/asia\/m\S+/, 'url: http://asia.modal.run/m'),
      'url_not_encrypted',
      'endpoints[4].url',
      /https:/,
    ],
    [
      'the example’s URL',
      replaced(/url: http:\/\/\S+\/asia\/m\S+/, 'url: https://example--beacon-asia.modal.run/m'),
      'url_placeholder',
      'endpoints[4].url',
      /modal deploy/,
    ],
    [
      'a timeout shorter than cold starts',
      replaced('600000', '60000'),
      'timeout_below_cold_start',
      'timeouts.execution_ms',
      /300000 or more/,
    ],
    [
      'fewer GPUs than endpoints that hold on to theirs',
      replaced('gpus: 5', 'gpus: 2'),
      'gpu_limit_low',
      'limits.gpus',
      /autoscaler_url/,
    ],
    [
      'a GPU with a typing error',
      replaced('gpu: L4', 'gpu: L5'),
      'gpu_unknown',
      'endpoints[3].gpu',
      /write "L4"/,
    ],
    [
      'a task for a model that nobody serves',
      replaced('model: llama3.2-1b', 'model: llama3.2-1c'),
      'model_unknown',
      'tasks.research.model',
      /write "llama3.2-1b"/,
    ],
    [
      'a model that an endpoint names twice',
      replaced('models: [qwen2.5-1.5b]', 'models: [qwen2.5-1.5b, qwen2.5-1.5b]'),
      'model_twice',
      'endpoints[1].models',
      /each model once/,
    ],
    [
      'a model in two spellings',
      replaced('models: [qwen2.5-1.5b]', 'models: [Llama-3.2-1b]'),
      'model_spelling',
      'endpoints[1].models',
      /write "llama3.2-1b"/,
    ],
    [
      'containers that scale down at once',
      replaced('scaledown_window_s: 300', 'scaledown_window_s: 0'),
      'scaledown_unusual',
      'endpoints[0].scaledown_window_s',
      /usually 300/,
    ],
    [
      'an endpoint that is somewhere else',
      replaced(/region: EU/, 'region: ASIA'),
      'endpoint_wrong_region',
      'endpoints[2].region',
      /in ASIA, or write region: EU/,
    ],
    [
      'a model that is not deployed',
      replaced('models: [qwen2.5-1.5b]', 'models: [mistral-7b]'),
      'endpoint_lacks_model',
      'endpoints[1].models',
      /deploy the model/,
    ],
    [
      'a host that does not exist',
      replaced(/\S+\/asia\/health/, 'http://asia.invalid/health'),
      'endpoint_host_unknown',
      'endpoints[4].health_url',
      /modal deploy/,
    ],
    [
      'a port where nothing listens',
      replaced(/\S+\/asia\/health/, 'http://127.0.0.1:1/health'),
      'endpoint_unreachable',
      'endpoints[4].health_url',
      /host and port/,
    ],
  ])('finds %s, where it is, and names the cure', async (_name, edit, code, key, cure) => {
    const { exitCode, findings } = await examine(edit(good()));
    const found = findings.find((each) => each.code === code);
    expect(found).toMatchObject({ severity: CHECKS[code], cure: expect.stringMatching(cure) });
    expect(found?.where.key ?? '').toBe(key);
    expect(found?.where.line).toBeGreaterThan(0);
    if (CHECKS[code] === 'error') expect(exitCode).toBe(3);
  });

  it.each<[string, (text: string) => string, string, string, string]>([
    [
      'a list of regions',
      replaced(/regions:\n(.*\n){3}/, 'regions: [US, EU, ASIA]\n'),
      'regions',
      'is a list, not an object',
      'write regions: { US: {}, EU: {}, ASIA: {} } (an object with a name for each entry: ',
    ],
    [
      'no endpoints',
      replaced(/endpoints:\n(.|\n)*/, 'endpoints: []\n'),
      'endpoints',
      'is an empty list',
      'write a list of at least 1 entry: [{ id: NAME, region: NAME, models: [NAME], url: https://… }]',
    ],
    [
      'endpoints without a value',
      replaced(/endpoints:\n(.|\n)*/, 'endpoints:\n'),
      'endpoints',
      'is empty',
      'write a list of at least 1 entry: [{',
    ],
    [
      'an endpoint that is none',
      replaced(/ {2}- id: us-llama(.|\n)*?(?= {2}- id)/, '  - us\n'),
      'endpoints[0]',
      'is a text, not an object',
      'write an object: { id: NAME, ',
    ],
    [
      'no models',
      replaced('[qwen2.5-1.5b]', '[]'),
      'endpoints[1].models',
      'is an empty list',
      'write a list of 1 to 32 entries: [NAME]',
    ],
    [
      'a model that is not in a list',
      replaced('[qwen2.5-1.5b]', 'qwen2.5-1.5b'),
      'endpoints[1].models',
      'is a text, not a list',
      'write models: [qwen2.5-1.5b] (a list of 1 to 32 entries: [NAME])',
    ],
    [
      'an empty gpu',
      replaced('gpu: T4', 'gpu: ""'),
      'endpoints[0].gpu',
      'is empty',
      'write a text of 1 to 32 characters, or take it out: the default is T4',
    ],
    [
      'a duration with its unit',
      replaced('600000', '5m'),
      'timeouts.execution_ms',
      'is a text, not a number',
      'write execution_ms: 300000 (a whole number from 10 to 86400000), or take it out: the default is 300000',
    ],
    [
      'a duration that would be too long',
      replaced('600000', '5 days'),
      'timeouts.execution_ms',
      'is a text, not a number',
      'write a whole number from 10 to 86400000, or',
    ],
    [
      'a number that is a text',
      replaced('gpus: 5', 'gpus: "1,000"'),
      'limits.gpus',
      'is a text, not a number',
      'write gpus: 1000 (',
    ],
    [
      'a number with a fraction',
      replaced('gpus: 5', 'gpus: 1.5'),
      'limits.gpus',
      'is not a whole number',
      'write a whole number from 1 to 1000, or',
    ],
    [
      'a number that is too small',
      replaced('gpus: 5', 'gpus: 0'),
      'limits.gpus',
      'is too small',
      'write a whole number from 1 to 1000, or',
    ],
    [
      'a limit that nothing can keep',
      replaced('endpoints: 5', 'endpoints: 0'),
      'limits.endpoints',
      'is too small',
      'write a whole number from 1 to 1000, or',
    ],
    [
      'a text that YAML reads as a number',
      replaced('us-qwen2.5-1.5b', '123'),
      'endpoints[1].id',
      'is a number, not a text',
      'write id: "123" (',
    ],
    [
      'an id with blanks',
      replaced('us-qwen2.5-1.5b', 'a b'),
      'endpoints[1].id',
      'is not well formed',
      'write a text of 1 to 64 characters: letters, digits',
    ],
    [
      'an empty id',
      replaced('us-qwen2.5-1.5b', '""'),
      'endpoints[1].id',
      'is empty',
      'write a text of 1 to 64 characters',
    ],
    [
      'a value with a typing error',
      replaced('gpu: T4', 'protocol: open-ai'),
      'endpoints[0].protocol',
      'is none of its values',
      'write protocol: openai (one of modal-hf, openai), or',
    ],
    [
      'yes in place of true',
      replaced('gpu: T4', 'send_traceparent: yes'),
      'endpoints[0].send_traceparent',
      'is a text, not true or false',
      'write send_traceparent: true (',
    ],
  ])('tells who wrote %s what to write', async (_name, edit, key, what, cure) => {
    const { exitCode, findings } = await examine(edit(good()), '--no-probe');
    expect(exitCode).toBe(3);
    // Nothing else is wrong there, and nothing is told that follows from it.
    expect(findings.filter(({ where }) => where.key === key)).toEqual([
      expect.objectContaining({
        ...{ code: 'config_bad_value', what: `${key} ${what}`, cure: expect.stringContaining(cure) },
      }),
    ]);
    expect(findings.filter(({ severity, where }) => severity === 'error' && where.key !== key)).toEqual([]);
  });

  it.each([
    ['', 'the file is empty'],
    ['# nothing yet\n', 'the file is empty'],
    ['- a\n', 'the file is a list, not an object'],
  ])('tells where to begin who gives it %j', async (text, what) => {
    const { findings } = await examine(text);
    expect(findings).toEqual([
      expect.objectContaining({ what, cure: expect.stringContaining('deploy/beacon.example.yaml') }),
    ]);
  });

  it('finds credentials in URLs, asks nobody with them, and tells none', async () => {
    const withUser = good()
      .replace(/(?<=[^_]url: http:\/\/)(?=\S+asia)/, 'user:sup3rs3cret@')
      .replace(/(?<=health_url: http:\/\/)(?=\S+eu)/, 'sup3rs3cret@');
    const { exitCode, output, findings } = await examine(withUser);
    expect(exitCode).toBe(3);
    expect(findings.map(({ code, where }) => [code, where.key])).toEqual([
      ['url_credentials', 'endpoints[2].health_url'],
      ['url_credentials', 'endpoints[4].url'],
    ]);
    expect(findings[0]?.cure).toMatch(/api_key_env.*MODAL_KEY/);
    expect(output).not.toContain('sup3rs3cret');
    expect([...asked].sort()).toEqual(['/eu/health', '/us/health']);
  });

  it('finds what is wrong between values beside what is wrong with values of the same endpoints', async () => {
    const text = good()
      .replace('endpoints: 5', 'endpoints: 1')
      .replace('[us-east]', '[us-east, eu]')
      .replace('[eu-west]', '[us-east]')
      .replace('id: us-qwen2.5-1.5b', 'id: us-llama3.2-1b')
      .replace('models: [qwen2.5-1.5b]', 'models: qwen2.5-1.5b')
      .replace('region: ASIA', 'region: MARS')
      .replace('[apac]', '[a b]')
      .replace(/[^_]url: \S+asia\S+/, ' url: 5');
    const { findings } = await examine(text, '--no-probe');
    expect(
      findings.filter(({ severity }) => severity === 'error').map(({ code, where }) => [code, where.key]),
    ).toEqual([
      ['region_name_twice', 'regions.US.aliases'],
      ['region_name_twice', 'regions.EU.aliases'],
      ['config_bad_value', 'regions.ASIA.aliases[0]'],
      ['endpoint_limit', 'endpoints'],
      ['endpoint_id_twice', 'endpoints[1].id'],
      ['config_bad_value', 'endpoints[1].models'],
      ['endpoint_region_unknown', 'endpoints[4].region'],
      ['config_bad_value', 'endpoints[4].url'],
    ]);
    const limit = findings.find(({ code }) => code === 'endpoint_limit');
    expect(limit?.what).toBe('5 endpoints, but limits.endpoints allows 1');
  });

  it('tells each fault of a list on its own line, and none that follows from another', async () => {
    const text = `${good()}prices:
  - { from: never }
  - { from: 2026-01-01, gpus: { T4: -1 } }
  - { from: 2026-01-01, gpus: { T4: dear } }
questions:
  - { id: q 1, text: x }
  - { id: q2 }
`.replace('endpoints: 5', 'endpoints: many');
    const { findings } = await examine(text, '--no-probe');
    expect(findings.map(({ where }) => where.key)).toEqual([
      'limits.endpoints',
      'prices[0].from',
      'prices[1].gpus.T4',
      'prices[2].gpus.T4',
      'prices[2].from',
      'questions[0].id',
      'questions[1].text',
    ]);
    const lineOf = (part: string): number => text.split('\n').findIndex((line) => line.includes(part)) + 1;
    expect(findings.map(({ where }) => where.line)).toEqual(
      ['many', 'never', 'T4: -1', 'dear', 'dear', 'q 1', 'q2'].map(lineOf),
    );
  });

  it.each<[string, string, Answer, Finding['code'], RegExp]>([
    [
      'a token that is refused',
      'us',
      (_, response) => response.writeHead(403).end(),
      'endpoint_auth',
      /set MODAL_KEY and MODAL_SECRET/,
    ],
    [
      'an app that is not deployed',
      'us',
      (_, response) => response.writeHead(404).end('modal-http: app for invoked web endpoint is stopped'),
      'endpoint_not_deployed',
      /modal deploy/,
    ],
    [
      'an address that sends on',
      'us',
      (_, response) => response.writeHead(302, { location: '/' }).end(),
      'endpoint_redirects',
      /address that it leads to/,
    ],
    [
      'a deployment that fails',
      'us',
      (_, response) => response.writeHead(500).end(),
      'endpoint_failing',
      /modal app logs/,
    ],
    [
      'a page that is no health',
      'us',
      (_, response) => response.end('<html>'),
      'endpoint_answer_strange',
      /models_available/,
    ],
    [
      'a deployment that is ill',
      'us',
      (_, response) => response.end('{"status":"loading \\u001b[2J"}'),
      'endpoint_unhealthy',
      /logs/,
    ],
    [
      'a clock that is wrong',
      'us',
      (_, response) =>
        response.writeHead(200, { date: 'Mon, 01 Jan 2024 00:00:00 GMT' }).end('{"status":"healthy"}'),
      'endpoint_clock',
      /NTP/,
    ],
  ])('finds %s behind an endpoint', async (_name, app, answer, code, cure) => {
    behaviour = { [app]: answer };
    const { findings, output } = await examine(good());
    expect(findings.map((found) => found.code)).toEqual([code]);
    expect(findings[0]).toMatchObject({
      cure: expect.stringMatching(cure),
      where: { key: 'endpoints[0].health_url', address: expect.stringMatching(/\/us\/health$/) },
    });
    expect(output).not.toContain('\\u001b');
  });

  it('finds a silent deployment behind an endpoint', async () => {
    behaviour = { us: () => undefined };
    const { findings } = await examine(good(), '--timeout-s', '0.5');
    // On a machine that stands still others may be late, too.
    expect(new Set(findings.map(({ code }) => code))).toEqual(new Set(['endpoint_slow']));
    expect(findings[0]).toMatchObject({
      cure: expect.stringMatching(/--timeout-s/),
      where: { key: 'endpoints[0].health_url', address: expect.stringMatching(/\/us\/health$/) },
    });
  });

  it.each<[string, Record<string, string | undefined>, Finding['code'], string, RegExp]>([
    ['a secret without its key', { MODAL_KEY: undefined }, 'secret_missing', 'MODAL_KEY', /other half/],
    ['a secret that is empty', { MODAL_SECRET: '' }, 'setting_empty', 'MODAL_SECRET', /unset/],
    [
      'key and secret exchanged',
      { MODAL_KEY: SECRET, MODAL_SECRET: KEY },
      'secrets_swapped',
      'MODAL_KEY',
      /exchange/,
    ],
    ['a secret with a line break', { MODAL_KEY: `${KEY}\n` }, 'secret_spaced', 'MODAL_KEY', /without it/],
    [
      'a setting with a typing error',
      { BEACON_PROT: '80' },
      'setting_unknown',
      'BEACON_PROT',
      /write BEACON_PORT/,
    ],
    ['an open address without keys', { BEACON_HOST: '0.0.0.0' }, 'setting_bad', 'BEACON_HOST', /keys create/],
    [
      'a port that is none',
      { BEACON_PORT: 'abc' },
      'setting_bad',
      'BEACON_PORT',
      /^set BEACON_PORT to a whole number from 0 to 65535/,
    ],
    [
      'a log level that is none',
      { LOG_LEVEL: 'loud' },
      'setting_bad',
      'LOG_LEVEL',
      /^set LOG_LEVEL to one of trace, debug/,
    ],
    [
      'a database that is away',
      { DATABASE_URL: 'postgres://u:p@127.0.0.1:1/b' },
      'database_unreachable',
      'DATABASE_URL',
      /correct DATABASE_URL/,
    ],
    [
      'a nats-server that is away',
      { NATS_URL: 'nats://u:p@127.0.0.1:1' },
      'nats_unreachable',
      'NATS_URL',
      /correct NATS_URL/,
    ],
    [
      'a keys file that is missing',
      { BEACON_API_KEYS_FILE: '/no/keys.json' },
      'keys_file_unusable',
      'BEACON_API_KEYS_FILE',
      /keys create/,
    ],
    [
      'a data folder that is a device',
      { BEACON_DATA_DIR: '/dev/null/beacon' },
      'data_folder_unusable',
      'BEACON_DATA_DIR',
      /another/,
    ],
    [
      'a data folder that nobody can make',
      { BEACON_DATA_DIR: '/proc/beacon/data' },
      'data_folder_unusable',
      'BEACON_DATA_DIR',
      /another/,
    ],
  ])('finds %s', async (_name, settings, code, setting, cure) => {
    for (const [name, value] of Object.entries(settings)) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
    const { findings, output } = await examine(good(), '--no-probe');
    expect(findings.find((found) => found.code === code)).toMatchObject({
      ...{ cure: expect.stringMatching(cure), where: { setting } },
    });
    for (const secret of [KEY, SECRET, 'u:p']) expect(output).not.toContain(secret);
  });

  it('finds an old nats-server, one without JetStream, and something else in its place', async () => {
    const greetings = [
      'INFO {"version":"2.9.9","jetstream":true}\r\n',
      'INFO {"version":"2.10.1"}\r\n',
      'hello\r\n',
    ];
    const found: string[] = [];
    for (const greeting of greetings) {
      const nats = createTcpServer((socket) => socket.end(greeting));
      await new Promise<void>((resolve) => nats.listen(0, '127.0.0.1', resolve));
      process.env['NATS_URL'] = `nats://127.0.0.1:${(nats.address() as AddressInfo).port}`;
      const { findings } = await examine(good(), '--no-probe');
      found.push(...findings.map(({ code, what }) => `${code} ${what}`));
      nats.close();
    }
    expect(found).toEqual([
      expect.stringMatching(/^nats_unsuitable nats-server 2\.9\.9 is too old/),
      expect.stringMatching(/^nats_unsuitable .*without JetStream/),
      expect.stringMatching(/^nats_unreachable .*something else answers/),
    ]);
  });

  it('finds a keys file that others can read, and an old Node.js', async () => {
    const file = join(folder, 'keys.json');
    await writeFile(file, JSON.stringify({ version: 1, pepper: makePepper(), keys: [] }));
    await chmod(file, 0o644);
    process.env['BEACON_API_KEYS_FILE'] = file;
    const { findings } = await examine(good(), '--no-probe');
    expect(findings.find(({ code }) => code === 'keys_file_open')).toMatchObject({
      what: expect.stringContaining('0644'),
      cure: `chmod 600 ${file}`,
    });
    expect(checkNode('20.18.3')).toHaveLength(1);
    expect(checkNode('20.19.0')).toHaveLength(0);
  });

  it('finds all mistakes at once, each on its line, and says so for people and for scripts', async () => {
    const text = good()
      .replace('timeouts:', 'timeout:')
      .replace('id: us-qwen2.5-1.5b', 'id: us-llama3.2-1b')
      .replace('gpu: L4', 'gpuu: L4')
      .replace('region: ASIA', 'region: APAC');
    const { exitCode, output, findings } = await examine(text, '--no-probe');
    expect(exitCode).toBe(3);
    const lineOf = (part: string, nth = 0): number =>
      text.split('\n').flatMap((line, index) => (line.includes(part) ? [index + 1] : []))[nth] ?? -1;
    expect(findings.map(({ code, where }) => [code, where.line])).toEqual([
      ['config_unknown_key', lineOf('timeout:')],
      ['endpoint_id_twice', lineOf('id: us-llama3.2-1b', 1)],
      ['config_unknown_key', lineOf('gpuu:')],
      ['endpoint_region_unknown', lineOf('region: APAC')],
    ]);
    expect(JSON.parse(output)).toMatchObject({ ok: false, errors: 4, warnings: 0 });
    const told = await run(text, '--no-probe');
    expect(told.output).toMatch(
      /error config_unknown_key {2}\S+beacon\.yaml:3 timeout\n.*\n {2}cure: write "timeouts"/,
    );
    expect(told.output).toContain('beacon.yaml: 3 endpoints');
    expect(told.output).toContain('4 errors, 0 warnings');
  });

  it('exits with 0 where there are warnings only, unless they are to count', async () => {
    const text = good().replace('600000', '60000');
    expect((await run(text, '--no-probe')).exitCode).toBe(0);
    expect((await run(text, '--no-probe', '--strict')).exitCode).toBe(3);
  });

  it('says that a configuration cannot be read', async () => {
    written.length = 0;
    expect(await main(['doctor', '--config', '/no/beacon.yaml', '--json'])).toBe(3);
    expect(JSON.parse(written.join(''))).toMatchObject({ findings: [{ code: 'config_unreadable' }] });
  });
});
