import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureBuilt } from '../../stack/stack.js';
import type { Candidate, Target } from '../target.js';
import { ServerProgram } from './program.js';

const CREDENTIALS = { 'modal-key': 'wk-conformance', 'modal-secret': 'ws-conformance' };
const MODELS = ['llama3.2-1b', 'qwen2.5-1.5b'] as const;
/** Simulated seconds in a real one. */
const TIME_SCALE = 60;
const LIMIT_MS = 60_000;

/** In simulated seconds, of which a real one has sixty. */
export interface StandInTimes {
  /** How long a cold start takes. */
  readonly loadS: number;
  /** How long the result of a job can be read. */
  readonly resultKeptS?: number;
}

/** The double of Modal, with one region's gateway. */
export function standInCandidate(title: string, times: StandInTimes): Candidate {
  return {
    title,
    limitMs: LIMIT_MS,
    traits: { isGuarded: true, offersJobs: true, offersAutoscaler: true, hasEdge: true, isCold: true },
    start: () => start(times),
  };
}

async function start({ loadS, resultKeptS }: StandInTimes): Promise<Target> {
  await ensureBuilt();
  const folder = await mkdtemp(join(tmpdir(), 'beacon-test-conformance-'));
  const path = join(folder, 'stand-in.yaml');
  // JSON is YAML.
  await writeFile(
    path,
    JSON.stringify({
      time_scale: TIME_SCALE,
      proxy_auth: { key: CREDENTIALS['modal-key'], secret: CREDENTIALS['modal-secret'] },
      ...(resultKeptS === undefined ? {} : { job_result_kept_s: resultKeptS }),
      endpoints: MODELS.map((model) => ({
        ...{ id: `us-${model}`, region: 'US', attested_region: 'us-east', models: [model] },
        ...{ boot_s: 1, load_s: loadS, execution_s: 20, scaledown_window_s: 3600 },
      })),
    }),
  );
  const server = await ServerProgram.start(process.execPath, [
    'dist/apps/modal-stand-in/main.js',
    '--config',
    path,
  ]);
  return {
    urlOf: (model) => `${server.url}/us-${model}`,
    healthUrl: `${server.url}/US/health`,
    jobsUrl: `${server.url}/US/jobs`,
    autoscalerUrlOf: (model) => `${server.url}/us-${model}/autoscaler`,
    // Twenty minutes of the stand-in's.
    windowS: 1200 / TIME_SCALE,
    models: MODELS,
    regionNames: ['US', 'us-east'],
    credentials: CREDENTIALS,
    callMs: 20_000,
    // Ten seconds.
    jobsAhead: 30,
    stop: async () => {
      await server.stop();
      await rm(folder, { recursive: true });
    },
  };
}
