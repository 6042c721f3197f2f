import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Candidate, Target } from '../target.js';
import { ServerProgram } from './program.js';

const FOLDER = 'modal-deployment';
const CREDENTIALS = { 'modal-key': 'wk-conformance', 'modal-secret': 'ws-conformance' };
const MODELS = ['llama3.2-1b', 'qwen2.5-1.5b'] as const;
const LIMIT_MS = 60_000;

/**
 * Interpreter of the deployments' own environment; `undefined` where it has not been set up. The stamp says that: it is
 * written last, while an interpreter is also what a setup that failed may leave behind.
 */
export function deploymentPython(): string | undefined {
  return existsSync(resolve(FOLDER, '.venv/beacon-stamp')) ? resolve(FOLDER, '.venv/bin/python') : undefined;
}

/**
 * The application that Modal would run, under uvicorn on this machine, with an engine that only pretends.
 * @param options further ones of the server
 */
export function applicationCandidate(
  title: string,
  python: string,
  options: readonly string[] = [],
): Candidate {
  return {
    title,
    limitMs: LIMIT_MS,
    traits: { isGuarded: true, offersJobs: true, offersAutoscaler: true, hasEdge: false, isCold: true },
    start: () => start(python, options),
  };
}

async function start(python: string, options: readonly string[]): Promise<Target> {
  const server = await ServerProgram.start(
    python,
    [
      ...['-m', 'beacon_deployment.local', '--port', '0', '--region', 'US', '--models', MODELS.join(',')],
      ...['--load-s', '0.3', '--execution-s', '0.3', ...options],
    ],
    {
      cwd: FOLDER,
      env: {
        LOCAL_PROXY_KEY: CREDENTIALS['modal-key'],
        LOCAL_PROXY_SECRET: CREDENTIALS['modal-secret'],
      },
    },
  );
  return {
    urlOf: (model) => `${server.url}/${model}`,
    healthUrl: `${server.url}/health`,
    jobsUrl: `${server.url}/jobs`,
    autoscalerUrlOf: (model) => `${server.url}/autoscaler/${model}`,
    windowS: 300,
    models: MODELS,
    regionNames: ['US'],
    credentials: CREDENTIALS,
    callMs: 20_000,
    // Nine seconds.
    jobsAhead: 30,
    stop: () => server.stop(),
  };
}
