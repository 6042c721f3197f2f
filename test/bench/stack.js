/** Starts what the benchmarks measure: real Postgres, nats-server, router and dispatchers, as processes. */
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { findNatsServer, startNats, startPostgres } from '../../dist/libs/embedded-services/index.js';

const ROOT = new URL('../../', import.meta.url);

/**
 * @param {(upstreamUrl: string) => object} configuration
 * @param {(call: Call, respond: (status: number, body: object) => void) => void} onCall
 * @param {{ runner?: boolean, env?: Record<string, string>, everywhere?: Record<string, string> }} [options] whether runs
 *   are driven; more for the router's environment; more for that of every process
 * @typedef {{ endpoint: string, jobId: string, attempt: number, body: any, atMs: number }} Call
 */
export async function startStack(configuration, onCall, { runner = false, env = {}, everywhere = {} } = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'beacon-bench-'));
  const upstream = await startUpstream(onCall);
  const found = await findNatsServer({
    environment: process.env,
    cacheDirs: [new URL('.beacon/tools', ROOT).pathname],
  });
  const [postgres, nats] = await Promise.all([
    startPostgres({ dataDir: join(folder, 'postgres') }),
    startNats({ binary: found.path, dataDir: join(folder, 'nats') }),
  ]);
  const config = configuration(upstream.url);
  const configPath = join(folder, 'beacon.yaml');
  await writeFile(configPath, JSON.stringify(config));
  const children = [];
  const start = (name, env) =>
    new Promise((resolve, reject) => {
      const child = spawn(process.execPath, [new URL(`dist/apps/${name}/main.js`, ROOT).pathname], {
        env: {
          PATH: process.env.PATH,
          LOG_LEVEL: process.env.LOG_LEVEL ?? 'warn',
          NATS_URL: nats.url,
          BEACON_CONFIG: configPath,
          ...everywhere,
          ...env,
        },
        stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      });
      children.push(child);
      child.once('message', (message) => resolve({ ...message, pid: child.pid, child }));
      child.once('exit', () => reject(new Error(`${name} ended before it was ready`)));
    });
  const startRouter = (port) => start('router', { DATABASE_URL: postgres.url, BEACON_PORT: port, ...env });
  let router = await startRouter('0');
  await Promise.all(
    Object.keys(config.regions).map((region) => start('dispatcher', { BEACON_REGION: region })),
  );
  const startRunner = () => start('runner', { DATABASE_URL: postgres.url, BEACON_URL: router.url });
  if (runner) await startRunner();
  return {
    url: router.url,
    startRunner,
    upstreamUrl: upstream.url,
    get routerPid() {
      return router.pid;
    },
    /** kill -9, and another one at the same address. */
    async killRouter() {
      const { child, url } = router;
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      await ended;
      children.splice(children.indexOf(child), 1);
      router = await startRouter(new URL(url).port);
    },
    pids: () => children.map(({ pid }) => pid),
    postgresUrl: postgres.url,
    async stop() {
      await Promise.all(
        children.map((child) => {
          const ended = new Promise((resolve) => child.once('exit', resolve));
          child.kill('SIGTERM');
          const killer = setTimeout(() => child.kill('SIGKILL'), 5000);
          return ended.finally(() => clearTimeout(killer));
        }),
      );
      await nats.stop();
      await postgres.stop();
      await upstream.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** A bare HTTP server in the endpoints' place; it stamps every call's arrival on its own clock. */
async function startUpstream(onCall) {
  const server = createServer((request, response) => {
    const atMs = performance.now();
    const chunks = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      if (request.method === 'GET') {
        response.setHeader('content-type', 'application/json');
        response.end('{"status":"healthy"}');
        return;
      }
      const [jobId, attempt] = String(request.headers['idempotency-key']).split(':');
      const endpoint = request.url.slice(1);
      const body = JSON.parse(Buffer.concat(chunks).toString());
      onCall({ endpoint, jobId, attempt: Number(attempt), body, atMs }, (status, answer) => {
        response.statusCode = status;
        response.setHeader('content-type', 'application/json');
        response.end(JSON.stringify(answer));
      });
    });
  });
  server.keepAliveTimeout = 60_000;
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    stop: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(resolve);
      }),
  };
}

export function success(region, model) {
  return { status: 'success', response: 'ok', model, inference_time: 0.01, region, tokens_generated: 1 };
}

export async function post(url, path, body) {
  const response = await fetch(url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return { status: response.status, body: await response.json() };
}

/** @param {number[]} samples */
export function quantiles(samples) {
  const sorted = [...samples].sort((left, right) => left - right);
  const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
  return { n: sorted.length, p50: at(0.5), p90: at(0.9), p99: at(0.99), max: sorted.at(-1) ?? Number.NaN };
}

export function row(name, samples, limit) {
  const { n, p50, p90, p99, max } = quantiles(samples);
  const figure = (value) => value.toFixed(2).padStart(9);
  const verdict = limit === undefined ? '' : p99 < limit ? `  below ${limit}` : `  NOT below ${limit}`;
  process.stdout.write(
    `${name.padEnd(44)} n=${String(n).padStart(5)} p50=${figure(p50)} p90=${figure(p90)} p99=${figure(p99)} max=${figure(max)}${verdict}\n`,
  );
  return limit === undefined || p99 < limit;
}

export async function until(check, timeoutMs, what) {
  const endMs = performance.now() + timeoutMs;
  while (!(await check())) {
    if (performance.now() > endMs) throw new Error(`gave up waiting for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
