import { setTimeout as delay } from 'node:timers/promises';
import type { RunView } from '#contracts';
import { isRunFinished } from '#domain';
import { followRun } from '#router-client';
import type { BeaconApi } from './beacon-api.js';
import type { Display } from './display.js';
import { currentState, type CurrentState, type Notices } from './notices.js';
import { Progress } from './progress.js';
import { runEventSchema, type RunEvent } from './run-events.js';
import type { StandInApi } from './stand-in-api.js';

const LOOK_EVERY_MS = 200;

export interface FollowedRun {
  readonly run: RunView;
  /** Every job the run made. */
  readonly jobIds: readonly string[];
  /** Real seconds from the run's start to the last answer of each question. */
  readonly questionDoneS: ReadonlyMap<string, number>;
}

export interface FollowOptions {
  readonly beacon: BeaconApi;
  readonly standIn: StandInApi;
  readonly display: Display;
  readonly notices: Notices;
  readonly timeScale: number;
  readonly signal: AbortSignal;
}

/** Shows a run until it is over: answers as they come, from its events; the rest by looking now and then. */
export async function showRun(
  runId: string,
  { beacon, standIn, display, notices, timeScale, signal }: FollowOptions,
): Promise<FollowedRun> {
  const startedMs = performance.now();
  const elapsedS = (): number => (performance.now() - startedMs) / 1000;
  let run = await beacon.run(runId);
  const progress = new Progress(run);
  const jobIds = new Set<string>();
  const questionDoneS = new Map<string, number>();
  let startedAtMs = Date.parse(run.started_at ?? run.created_at);
  let current: CurrentState | undefined;
  const say = (texts: readonly string[]): void => {
    for (const text of texts) display.note(elapsedS(), text);
  };
  const show = (): void => {
    display.show({ progress: progress.snapshot(), current, elapsedS: elapsedS(), timeScale });
  };
  const over = new AbortController();
  const following = (async (): Promise<void> => {
    const parse = (event: unknown): RunEvent => runEventSchema.parse(event);
    for await (const { event } of followRun({ baseUrl: beacon.baseUrl }, runId, { parse, signal })) {
      progress.apply(event);
      if (event.type === 'run.started') startedAtMs = Date.parse(event.at);
      if (event.type === 'cell.submitted' && typeof event.job_id === 'string') jobIds.add(event.job_id);
      if (event.type === 'question.completed' && event.question_id !== undefined) {
        questionDoneS.set(event.question_id, (Date.parse(event.at) - startedAtMs) / 1000);
      }
      say(notices.ofEvent(event));
      show();
    }
  })().finally(() => over.abort());

  const looking = (async (): Promise<void> => {
    while (!over.signal.aborted && !signal.aborted) {
      // What cannot be read now may be readable in a moment: the run itself is what counts.
      const [faults, queue, view] = await Promise.allSettled([
        standIn.faults(),
        beacon.queue(),
        beacon.run(runId),
      ]);
      if (over.signal.aborted || signal.aborted) break;
      if (faults.status === 'fulfilled') say(notices.ofFaults(faults.value));
      if (queue.status === 'fulfilled') {
        say(notices.ofQueue(queue.value));
        current = currentState(queue.value);
      }
      if (view.status === 'fulfilled') progress.update(view.value);
      show();
      await delay(LOOK_EVERY_MS, undefined, { signal: over.signal }).catch(() => undefined);
    }
  })();
  await Promise.all([following, looking]);
  run = await beacon.run(runId);
  if (!isRunFinished(run.status)) throw new Error(`the run's events ended, but the run is ${run.status}`);
  progress.update(run);
  show();
  display.keep();
  return { run, jobIds: [...jobIds], questionDoneS };
}
