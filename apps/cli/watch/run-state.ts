import type { RunProgressEvent } from '#contracts';
import type { RunStatus } from '#domain';
import type { RunFace } from '../faces.js';

/** What is shown of a run while it is watched. */
export interface WatchedRun {
  readonly runId: string;
  readonly name: string;
  readonly status: RunStatus;
  readonly cancelling: boolean;
  readonly progress: Omit<RunFace['progress'], 'by_pair'>;
  readonly etaSeconds: number | null;
  readonly gates: RunFace['gates'];
  readonly budget: Pick<RunFace['budget'], 'usd' | 'gpu_seconds'>;
}

export function watchedRun(run: RunFace): WatchedRun {
  return {
    ...{ runId: run.run_id, name: run.name, status: run.status, cancelling: run.cancelling },
    ...{ progress: run.progress, etaSeconds: run.eta_seconds, gates: run.gates },
    budget: run.budget,
  };
}

/** Events after a stream's first name only the questions whose counts have changed. */
export function withProgress(run: WatchedRun, event: RunProgressEvent): WatchedRun {
  const changed = new Map(event.progress.by_question.map((each) => [each.question_id, each]));
  return {
    ...run,
    status: event.status,
    etaSeconds: event.eta_seconds,
    progress: {
      ...event.progress,
      by_question: run.progress.by_question.map((each) => changed.get(each.question_id) ?? each),
    },
  };
}
