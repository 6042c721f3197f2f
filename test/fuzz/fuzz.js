// Throws requests at a live server, drawn from its own OpenAPI document, with the keys of a customer and of an
// administrator, and without one. `npm run fuzz`, for ten minutes; FUZZ_SECONDS and FUZZ_SEED change that.
// Exits with 1 where an answer is 5xx, is not as documented or tells what it must not, or where the server does not go on.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const COMMAND = fileURLToPath(new URL('../../apps/cli/bin/beacon.js', import.meta.url));
const CHECKS = [
  ...['not_a_server_error', 'status_code_conformance', 'content_type_conformance'],
  ...['response_schema_conformance', 'ignored_auth', 'tells_nothing_internal', 'says_which_request_it_was'],
].join(',');
const READY_MS = 120_000;
const SECONDS = Number(process.env.FUZZ_SECONDS ?? 600);
const SEED = Number(process.env.FUZZ_SEED ?? Math.floor(Math.random() * 2 ** 31));

const folder = mkdtempSync(join(tmpdir(), 'beacon-fuzz-'));
const keysFile = join(folder, 'keys.json');
const schemathesis = installed();
const environment = {
  PATH: process.env.PATH,
  HOME: process.env.HOME,
  NATS_SERVER_BIN: process.env.NATS_SERVER_BIN,
};
for (const name of Object.keys(environment)) if (environment[name] === undefined) delete environment[name];

const keys = { customer: makeKey('customer', 'submit'), administrator: makeKey('administrator', 'admin') };
const server = spawn(process.execPath, [COMMAND, 'up', '--data-dir', join(folder, 'data'), '--port', '0'], {
  env: { ...environment, BEACON_API_KEYS_FILE: keysFile, LOG_LEVEL: 'info' },
  stdio: ['ignore', 'pipe', openSync(join(folder, 'log'), 'a')],
});
let readyLines = [];
let exitCode = 1;
try {
  const { url } = await ready();
  console.log(`seed ${SEED}; ${SECONDS} s; ${url}; log in ${folder}`);
  const ids = await knownIds(url);
  const results = {};
  for (const [who, key] of Object.entries(keys)) results[who] = await fuzz(url, who, key, SECONDS / 2, ids);
  const well = await goesOn(url);
  console.log(JSON.stringify({ ...results, goes_on: well }));
  exitCode = Object.values(results).every((code) => code === 0) && well ? 0 : 1;
} finally {
  await stop();
  if (exitCode === 0) rmSync(folder, { recursive: true, force: true });
  else console.log(`what the server logged: ${join(folder, 'log')}`);
}
process.exitCode = exitCode;

/** Pinned, in an environment of its own, made once. */
function installed() {
  const bin = join(HERE, '.venv', 'bin');
  const wanted = readFileSync(join(HERE, 'requirements.txt'), 'utf8').trim().split('==')[1];
  const isThere = (() => {
    if (!existsSync(join(bin, 'schemathesis'))) return false;
    return execFileSync(join(bin, 'schemathesis'), ['--version'], { encoding: 'utf8' }).includes(wanted);
  })();
  if (!isThere) {
    execFileSync('python3', ['-m', 'venv', join(HERE, '.venv')], { stdio: 'inherit' });
    execFileSync(join(bin, 'pip'), ['install', '--quiet', '-r', join(HERE, 'requirements.txt')], {
      stdio: 'inherit',
    });
  }
  return join(bin, 'schemathesis');
}

function makeKey(name, role) {
  const parameters = ['keys', 'create', '--file', keysFile, '--name', name, '--role', role, '--json'];
  return JSON.parse(
    execFileSync(process.execPath, [COMMAND, ...parameters], { env: environment, encoding: 'utf8' }),
  ).key;
}

async function ready() {
  let text = '';
  server.stdout.setEncoding('utf8').on('data', (chunk) => {
    text += chunk;
    readyLines = text
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line));
  });
  const deadline = Date.now() + READY_MS;
  while (readyLines.length === 0) {
    if (server.exitCode !== null || Date.now() > deadline) throw new Error(`no server: see ${folder}/log`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return readyLines[0];
}

/** Of things that are there, by the first part of the path and the parameter. */
async function knownIds(url) {
  const post = async (path, body) => {
    const answer = await fetch(`${url}${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${keys.customer}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    if (answer.status !== 202) throw new Error(`${path}: ${await answer.text()}`);
    return answer.json();
  };
  const job = await post('/inference/queued', { model: 'llama3.2-1b', prompt: 'Hello' });
  const questions = [{ id: 'q1', text: 'Hello?' }];
  const gates = [{ after_question: 'q1' }];
  const run = await post('/runs', { name: 'r', questions, models: ['llama3.2-1b'], regions: ['US'], gates });
  return {
    ...{ 'inference.job_id': job.job_id, 'dead-letters.job_id': job.job_id },
    ...{ 'runs.id': run.run_id, 'runs.gate': 'q1', 'queue.region': 'US', 'regions.region': 'US' },
  };
}

async function fuzz(url, who, key, seconds, ids) {
  console.log(`== as the ${who}, ${seconds} s`);
  const parameters = [
    ...['run', `${url}/openapi.json`, '-H', `Authorization: Bearer ${key}`, '--checks', CHECKS],
    ...[
      '--max-time',
      String(Math.ceil(seconds)),
      '--seed',
      String(SEED),
      '--phases',
      'examples,coverage,fuzzing',
    ],
    // A stream of events has no end.
    ...[
      '--exclude-path-regex',
      '/events$',
      '--request-timeout',
      '60',
      '--continue-on-failure',
      '--no-shrink',
    ],
  ];
  const child = spawn(schemathesis, parameters, {
    cwd: folder,
    env: {
      ...environment,
      ...{ SCHEMATHESIS_HOOKS: 'checks', PYTHONPATH: HERE, PYTHONDONTWRITEBYTECODE: '1' },
      FUZZ_AS: who,
      FUZZ_IDS: Object.entries(ids)
        .map(([name, id]) => `${name}=${id}`)
        .join(','),
    },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const [code] = await once(child, 'exit');
  return code;
}

/** Nothing was started again, and a job still gets its answer. */
async function goesOn(url) {
  if (readyLines.length !== 1) {
    console.log('a process died and was started again');
    return false;
  }
  const ask = (path, key, options = {}) =>
    fetch(`${url}${path}`, {
      ...options,
      headers: { authorization: `Bearer ${key}`, ...options.headers },
      signal: AbortSignal.timeout(120_000),
    });
  await restore(ask);
  const health = await ask('/health/ready', keys.customer);
  const answer = await ask('/inference', keys.customer, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'llama3.2-1b', prompt: 'Are you there?', priority: 'high' }),
  });
  const { success } = await answer.json();
  return health.status === 200 && answer.status === 200 && success === true;
}

/** An administrator's requests may have paused everything: that is no fault, and is taken back. */
async function restore(ask) {
  const as = (method, path) =>
    ask(path, keys.administrator, {
      method,
      ...(method === 'POST' ? { headers: { 'content-type': 'application/json' }, body: '{}' } : {}),
    });
  const { providers } = await (await as('GET', '/providers')).json();
  const { settings } = await (await as('GET', '/operations/settings')).json();
  for (const region of ['US', 'EU', 'ASIA']) await as('POST', `/regions/${region}/resume`);
  for (const { id } of providers) await as('POST', `/endpoints/${id}/resume`);
  for (const { name } of settings) await as('DELETE', `/operations/settings/${name}`);
  for (const mode of ['direct', 'single-region']) await as('DELETE', `/operations/modes/${mode}`);
}

async function stop() {
  if (server.exitCode !== null) return;
  const ended = once(server, 'exit');
  server.kill('SIGTERM');
  const timer = setTimeout(() => server.kill('SIGKILL'), 60_000);
  await ended;
  clearTimeout(timer);
}
