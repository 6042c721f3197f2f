import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { startGateway } from './gateway.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const COMMAND = join(ROOT, 'apps', 'cli', 'bin', 'beacon.js');
const STAND_IN = join(ROOT, 'dist', 'apps', 'modal-stand-in', 'main.js');
const READY_MS = 120_000;
const STOP_MS = 60_000;
const POLL_MS = 50;

/** Seconds that a container takes to load a model: the five minutes in everybody's way. */
export const COLD_START_S = 300;
/** Seconds of silence after which a usual reverse proxy gives up (nginx, most load balancers). */
const SILENCE_S = 60;
/** Beacon's defaults, in seconds: when a waiting client gets its first sign of life, and how often after that. */
const KEEP_ALIVE = { after: 5, every: 15 };

const MODELS = { 'llama3.2-1b': 'T4', 'qwen2.5-1.5b': 'T4', 'mistral-7b': 'L4' };
const REGIONS = { US: 'us-east', EU: 'eu-west', ASIA: 'asia-pacific' };

/**
 * One Beacon as its users meet it: `beacon up` with API keys, behind a gateway that bears no silence, in front of the
 * stand-in, whose endpoints are all cold.
 */
export class Stack {
  #standIn;
  #supervisor;
  #gateway;
  #folder;
  #keys;
  #beaconUrl;
  #standInUrl;

  /** @param {number} timeScale simulated seconds per real second; 1: nothing is compressed */
  static async start(timeScale) {
    const stack = new Stack();
    try {
      await stack.#start(timeScale);
      return stack;
    } catch (error) {
      await stack.stop();
      throw error;
    }
  }

  /** Where clients knock: the gateway's. */
  get url() {
    return this.#gateway.url;
  }

  /** Of a customer who may submit, and no more. */
  get key() {
    return this.#keys.customer;
  }

  get log() {
    return join(this.#folder, 'log');
  }

  /** How often the gateway gave up. */
  gaveUp() {
    return this.#gateway.gaveUp();
  }

  async #start(timeScale) {
    this.#folder = mkdtempSync(join(tmpdir(), 'beacon-clients-'));
    const log = openSync(this.log, 'a');
    // The command builds what is missing or stale.
    execFileSync(process.execPath, [COMMAND, '--help'], { stdio: ['ignore', 'ignore', log] });
    const platform = join(this.#folder, 'stand-in.yaml');
    writeFileSync(platform, JSON.stringify(standInConfiguration(timeScale)));
    this.#standIn = spawn(process.execPath, [STAND_IN, '--config', platform], {
      env: { PATH: process.env.PATH, LOG_LEVEL: 'warn' },
      stdio: ['ignore', 'pipe', log],
    });
    this.#standInUrl = await readyUrl(this.#standIn, 'the stand-in', this.log);
    const config = join(this.#folder, 'beacon.yaml');
    const itsConfiguration = await (await fetch(`${this.#standInUrl}/_stand-in/beacon.yaml`)).text();
    const http = {
      keep_alive_after_ms: Math.ceil((KEEP_ALIVE.after * 1000) / timeScale),
      keep_alive_every_ms: Math.ceil((KEEP_ALIVE.every * 1000) / timeScale),
    };
    writeFileSync(config, `${itsConfiguration}\nhttp: ${JSON.stringify(http)}\n`);
    const keysFile = join(this.#folder, 'keys.json');
    this.#keys = {
      customer: makeKey(keysFile, 'customer', 'submit'),
      operator: makeKey(keysFile, 'operator', 'operate'),
    };
    const parameters = ['up', '--config', config, '--data-dir', join(this.#folder, 'data'), '--port', '0'];
    this.#supervisor = spawn(process.execPath, [COMMAND, ...parameters], {
      env: { ...ownEnvironment(), BEACON_API_KEYS_FILE: keysFile, LOG_LEVEL: 'info' },
      stdio: ['ignore', 'pipe', log],
    });
    this.#beaconUrl = await readyUrl(this.#supervisor, 'beacon up', this.log);
    this.#gateway = await startGateway(this.#beaconUrl, (SILENCE_S * 1000) / timeScale);
  }

  /** Every container is gone, and the stand-in's books are new. */
  async makeCold() {
    const { endpoints } = await this.#askStandIn('endpoints');
    for (const { id } of endpoints)
      await this.#askStandIn(`endpoints/${encodeURIComponent(id)}/redeploy`, { method: 'POST' });
    const deadline = performance.now() + STOP_MS;
    for (;;) {
      const { containers } = await this.#askStandIn('containers');
      if (containers.length === 0) break;
      if (performance.now() > deadline) throw new Error('the stand-in keeps containers of before');
      await delay(POLL_MS);
    }
    await this.#askStandIn('account/reset', { method: 'POST' });
  }

  /** What the stand-in was asked for since then, by its own account. */
  async account() {
    const [account, { calls }] = await Promise.all([
      this.#askStandIn('account'),
      this.#askStandIn('account/calls'),
    ]);
    return { ...account, calls };
  }

  /** A job, as operations see it. */
  job(id) {
    return this.#askBeacon(`inference/status/${id}`);
  }

  cancel(id) {
    return this.#askBeacon(`inference/${id}`, 'DELETE');
  }

  /** How many jobs have not ended. */
  async openJobs() {
    const { regions, global_retry_queue_size: retries } = await this.#askBeacon('queue/status');
    return Object.values(regions).reduce(
      (sum, { queue_size: waiting, in_flight: running }) => sum + waiting + running,
      retries,
    );
  }

  /** Ends all that was started, by process id. */
  async stop() {
    await this.#gateway?.close();
    for (const child of [this.#supervisor, this.#standIn]) if (child !== undefined) await end(child);
  }

  remove() {
    if (this.#folder !== undefined) rmSync(this.#folder, { recursive: true, force: true, maxRetries: 3 });
  }

  async #askBeacon(path, method = 'GET') {
    const headers = { authorization: `Bearer ${this.#keys.operator}` };
    const answer = await fetch(`${this.#beaconUrl}/${path}`, { method, headers });
    if (!answer.ok) throw new Error(`${method} /${path}: ${answer.status} ${await answer.text()}`);
    return answer.json();
  }

  async #askStandIn(path, options) {
    const answer = await fetch(`${this.#standInUrl}/_stand-in/${path}`, options);
    if (!answer.ok) throw new Error(`the stand-in: ${path}: ${answer.status} ${await answer.text()}`);
    return answer.json();
  }
}

function standInConfiguration(timeScale) {
  return {
    time_scale: timeScale,
    seed: 7,
    endpoints: Object.entries(REGIONS).flatMap(([region, attested]) =>
      Object.entries(MODELS)
        // Eight of the nine: the workspace has no more, and mistral-7b is not in the US.
        .filter(([model]) => region !== 'US' || model !== 'mistral-7b')
        .map(([model, gpu]) => ({
          ...{ id: `${region.toLowerCase()}-${model}`, region, attested_region: attested, models: [model] },
          ...{ gpu, boot_s: 0, load_s: COLD_START_S, execution_s: [5, 10], scaledown_window_s: 600 },
        })),
    ),
  };
}

function makeKey(file, name, role) {
  const parameters = ['keys', 'create', '--file', file, '--name', name, '--role', role, '--json'];
  const text = execFileSync(process.execPath, [COMMAND, ...parameters], {
    env: ownEnvironment(),
    encoding: 'utf8',
  });
  return JSON.parse(text).key;
}

function ownEnvironment() {
  const { PATH, HOME, NATS_SERVER_BIN } = process.env;
  return { PATH, HOME, ...(NATS_SERVER_BIN === undefined ? {} : { NATS_SERVER_BIN }) };
}

/** Reads the line that says where a process serves. */
async function readyUrl(child, name, log) {
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (chunk) => (text += chunk));
  const deadline = performance.now() + READY_MS;
  while (!text.includes('\n')) {
    if (child.exitCode !== null || performance.now() > deadline)
      throw new Error(`${name} does not serve: ${log}`);
    await delay(POLL_MS);
  }
  return JSON.parse(text.slice(0, text.indexOf('\n'))).url;
}

async function end(child) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
  await ended;
  clearTimeout(timer);
}
