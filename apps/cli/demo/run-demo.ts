import { join } from 'node:path';
import { parseConfiguration, loadSettings } from '#config';
import type { RequestedOrder } from '#domain';
import { createLogger } from '#observability';
import { projectToolDir } from '../installation.js';
import { Platform } from '../platform/platform.js';
import { answersByRegion } from './answers-view.js';
import { BeaconApi } from './beacon-api.js';
import type { DemoFolder } from './demo-folder.js';
import type { Display } from './display.js';
import { realTime } from './durations.js';
import { DEMO_REGIONS, EXPECTED_TOTAL, type Experiment } from './experiment.js';
import { planFaults, type PlannedFault } from './fault-plan.js';
import type { Evidence } from './findings.js';
import { showRun, type FollowedRun } from './follow-run.js';
import { Notices } from './notices.js';
import { isComplete, receipt, type Check } from './receipt.js';
import { attemptsSection, endpointsSection, receiptSection, timesSection } from './report-view.js';
import { StandInApi } from './stand-in-api.js';
import { wrap } from '../terminal/text-table.js';

export interface DemoOptions {
  readonly experiment: Experiment;
  /** Where the real model is, for the experiment that needs it. */
  readonly realModelFolder: string | undefined;
  readonly seed: number;
  readonly order: RequestedOrder;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly folder: DemoFolder;
  readonly display: Display;
  /** Ends the demo, wherever it is. */
  readonly signal: AbortSignal;
  /** Gets the platform as soon as there is one, so that it can be killed. */
  readonly onPlatform: (platform: Platform) => void;
}

export interface DemoResult {
  readonly experiment: Experiment;
  readonly questions: readonly { readonly id: string; readonly text: string }[];
  readonly evidence: Evidence;
  readonly followed: FollowedRun;
  readonly checks: readonly Check[];
  readonly isComplete: boolean;
}

/** Boots everything, runs the experiment, collects the evidence, and stops everything, however it went. */
export async function runDemo(options: DemoOptions): Promise<DemoResult> {
  const { experiment, seed, display, signal } = options;
  const startedMs = performance.now();
  display.say('Starting Postgres, nats-server, router, dispatchers, runner and the stand-in for Modal ...');
  const platform = await startPlatform(options);
  options.onPlatform(platform);
  try {
    signal.throwIfAborted();
    const names = Object.keys(platform.processes).join(', ');
    const tookS = (performance.now() - startedMs) / 1000;
    display.say(...wrap(`All accept work after ${realTime(tookS)}: ${names}.`, display.width), '');
    const beacon = new BeaconApi(platform.url, signal);
    const standInUrl = platform.standInUrl ?? '';
    const standIn = new StandInApi(standInUrl, signal);
    const configuration = await standInConfiguration(standInUrl, signal);
    const planned = planFaults(configuration.endpoints, seed);
    const injected = new Map<string, PlannedFault>();
    for (const fault of planned) injected.set((await standIn.addFault(fault.body)).id, fault);
    const created = await beacon.submit(experiment, options.order);
    announce(display, options, created.total_cells, configuration.limits.gpus, planned);
    const followed = await showRun(created.run_id, {
      ...{ beacon, standIn, display, signal },
      notices: new Notices(injected),
      timeScale: experiment.timeScale,
    });
    const [cells, jobs, account, calls, faults] = await Promise.all([
      beacon.results(created.run_id),
      beacon.jobs(followed.jobIds),
      standIn.account(),
      standIn.calls(),
      standIn.faults(),
    ]);
    const evidence: Evidence = {
      ...{ run: followed.run, cells, jobs, account, calls },
      gpuLimit: configuration.limits.gpus,
      faults: faults.flatMap(({ id, state, hits }) => {
        const fault = injected.get(id);
        return fault === undefined ? [] : [{ ...fault, state, hits }];
      }),
    };
    const checks = receipt(evidence);
    const questions = configuration.questions.filter(({ id }) =>
      evidence.run.progress.by_question.some(({ question_id }) => question_id === id),
    );
    return { experiment, questions, evidence, followed, checks, isComplete: isComplete(checks) };
  } finally {
    const stopped = platform.stop();
    // Nobody wants the answers any more: their calls are not waited for, and the data is thrown away.
    if (signal.aborted) platform.kill();
    await stopped;
  }
}

/** Everything a person reads when the run is over. */
export function reportLines(
  { experiment, questions, evidence, followed, checks }: DemoResult,
  { width, style }: Display,
): string[] {
  const shown = {
    questions,
    models: experiment.models,
    regions: DEMO_REGIONS,
    unavailable: evidence.run.unavailable,
    cells: evidence.cells,
  };
  return [
    '',
    style.bold('Answers by region'),
    ...experiment.about.flatMap((text) => wrap(text, width)),
    ...answersByRegion(shown, width, style),
    '',
    ...timesSection(evidence, followed.questionDoneS, width, style),
    '',
    ...attemptsSection(evidence, width, style),
    '',
    ...endpointsSection(evidence, width, style),
    '',
    ...receiptSection(checks, style),
  ];
}

function announce(
  display: Display,
  { experiment, seed, order }: DemoOptions,
  totalCells: number,
  gpuLimit: number,
  planned: readonly PlannedFault[],
): void {
  const { style, width } = display;
  const minuteS = 60 / experiment.timeScale;
  const item = (text: string): string[] =>
    wrap(text, width - 4).map((line, index) => `  ${index === 0 ? '-' : ' '} ${line}`);
  display.say(
    style.bold(`8 questions x 3 models x 3 regions: ${totalCells} cells, each pinned to its region`),
    ...(experiment.isReal ? experiment.about : []).flatMap(item),
    ...item(
      `${experiment.models[2]} is not deployed in the US: 8 endpoints, where 9 would be one more than Modal allows`,
    ),
    ...item(
      `at most ${gpuLimit} ${experiment.isReal ? 'simulated ' : ''}GPUs and one call per endpoint at a time; order ${order}; a minute passes in ${realTime(minuteS)}, so a cold start of 2 to 6 minutes takes ${2 * minuteS} to ${6 * minuteS} s`,
    ),
    ...planned.flatMap(({ what }) => item(`to be injected in mid-run (seed ${seed}): ${what}`)),
    '',
  );
}

async function startPlatform(options: DemoOptions): Promise<Platform> {
  const { experiment, realModelFolder, folder, display, environment, seed, signal } = options;
  const own = demoEnvironment(environment, folder.path);
  const settings = loadSettings(own);
  const onLogLine = (line: string): void => {
    folder.write(line);
    const { event, msg } = JSON.parse(line) as { event?: string; msg?: string };
    // The one thing at a start that may take long.
    if (event === 'nats_server.fetching' && msg !== undefined) display.say(msg);
  };
  return Platform.start({
    ...{ settings, environment: own, signal },
    logger: createLogger('supervisor', settings.logLevel, { write: onLogLine }),
    onReady: () => undefined,
    onLine: folder.write,
    // What is fetched is worth keeping for the next time.
    toolDirs: [projectToolDir(), join(folder.path, 'tools')],
    standInParameters: [
      ...['--default', '--time-scale', String(experiment.timeScale), '--seed', String(seed)],
      ...(realModelFolder === undefined ? [] : ['--real-model', realModelFolder]),
    ],
  });
}

/**
 * Nothing that is set for a real Beacon reaches the demo: the demo's answers must never get into somebody's database,
 * nor the demo's dispatchers at somebody's tickets.
 */
function demoEnvironment(
  given: Readonly<Record<string, string | undefined>>,
  dataDir: string,
): Record<string, string | undefined> {
  const foreign = /^(BEACON_|MODAL_|DATABASE_URL$|NATS_URL$)/;
  const kept = Object.entries(given).filter(([name]) => !foreign.test(name));
  return { ...Object.fromEntries(kept), BEACON_DATA_DIR: dataDir, BEACON_PORT: '0', LOG_LEVEL: 'info' };
}

/** What Beacon was told, which is the stand-in's own offer. */
async function standInConfiguration(standInUrl: string, signal: AbortSignal) {
  const answer = await fetch(new URL('/_stand-in/beacon.yaml', standInUrl), { signal });
  return parseConfiguration(await answer.text(), 'the configuration of the stand-in');
}

export function summaryLine({ evidence, checks }: DemoResult, totalS: number): string {
  const accepted = evidence.cells.filter(({ status }) => status === 'accepted').length;
  const failed = checks.filter(({ ok }) => !ok).map(({ name }) => name);
  const verdict = failed.length === 0 ? 'everything agrees' : `NOT ok: ${failed.join(', ')}`;
  return `${accepted} of ${EXPECTED_TOTAL} cells accepted; ${verdict}. The whole command took ${realTime(totalS)}.`;
}
