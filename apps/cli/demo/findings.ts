import type { CellResultView, JobStatusView, RunView } from '#contracts';
import type { PlannedFault } from './fault-plan.js';
import type { AccountView, CallView, FaultView } from './stand-in-api.js';

/** What has been collected when a run is over. */
export interface Evidence {
  readonly run: RunView;
  readonly cells: readonly CellResultView[];
  /** Every job that the run ever made. */
  readonly jobs: readonly JobStatusView[];
  readonly account: AccountView;
  readonly calls: readonly CallView[];
  /** What the limits of Beacon's configuration are. */
  readonly gpuLimit: number;
  readonly faults: readonly InjectedFault[];
}

export interface InjectedFault extends PlannedFault {
  readonly state: FaultView['state'];
  /** Calls that it refused or broke at their arrival. */
  readonly hits: number;
}

/** An endpoint's part in the run. */
export interface EndpointPart {
  readonly id: string;
  readonly gpu: string;
  readonly answers: number;
  readonly attempts: number;
  readonly failedAttempts: number;
  /** Simulated seconds from its first call to the start of the work; `null`: it never started cold. */
  readonly coldStartS: number | null;
  readonly gpuSeconds: number;
  readonly costUsd: number | null;
}

/** How the attempts went, from Beacon's records alone. */
export interface Attempts {
  readonly total: number;
  /** Attempts beyond the first of each cell. */
  readonly retries: number;
  /** Attempts outside the region that the job asked for. */
  readonly failovers: number;
  readonly byErrorCode: ReadonlyMap<string, number>;
}

export function attemptsOf({ jobs, cells }: Evidence): Attempts {
  const byErrorCode = new Map<string, number>();
  let total = 0;
  let failovers = 0;
  for (const { attempts, region } of jobs) {
    total += attempts.length;
    for (const { error_code: code, region: attemptRegion } of attempts) {
      if (attemptRegion !== region) failovers += 1;
      if (code !== null) byErrorCode.set(code, (byErrorCode.get(code) ?? 0) + 1);
    }
  }
  return { total, retries: total - cells.length, failovers, byErrorCode };
}

export function endpointParts({ account, cells, jobs, calls }: Evidence): EndpointPart[] {
  const attempts = jobs.flatMap((job) => job.attempts);
  return Object.entries(account.endpoints).map(([id, page]) => {
    const own = attempts.filter(({ endpoint_id }) => endpoint_id === id);
    const cold = calls.find(({ endpoint, cold_start }) => endpoint === id && cold_start);
    return {
      id,
      gpu: page.gpu,
      answers: cells.filter(({ endpoint_id, status }) => endpoint_id === id && status === 'accepted').length,
      attempts: own.length,
      failedAttempts: own.filter(({ error_code }) => error_code !== null).length,
      coldStartS: cold?.queued_s ?? null,
      gpuSeconds: page.gpu_seconds,
      costUsd: page.cost_usd,
    };
  });
}

/** Answers whose endpoint is not the one of the cell's own region and model. */
export function strayAnswers({ cells }: Evidence): CellResultView[] {
  return cells.filter(
    ({ status, region, answered_region, substituted, endpoint_id, model }) =>
      status === 'accepted' &&
      (substituted || answered_region !== region || endpoint_id !== `${region.toLowerCase()}-${model}`),
  );
}

/** Seconds of real time from the first submission to the last answer. */
export function makespanS({ run }: Evidence): number {
  const { started_at: started, created_at: created, finished_at: finished } = run;
  return finished === null ? 0 : (Date.parse(finished) - Date.parse(started ?? created)) / 1000;
}
