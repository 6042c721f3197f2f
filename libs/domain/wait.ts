import { endpointState, type EndpointView } from './endpoint.js';

/** What is reckoned with where nothing has been measured yet; milliseconds, configured. */
export interface AssumedTimes {
  /** A call in a warm container. */
  readonly warmMs: number;
  /** What the first call of a container takes longer. */
  readonly coldStartMs: number;
}

/** Learned durations of a model's calls in a region, in milliseconds; `undefined` where nothing is known. */
export interface ExpectedTimes {
  readonly warmMs: number | undefined;
  readonly coldMs: number | undefined;
}

/**
 * Estimated wait until a job starts: the calls before it, at the learned pace of the endpoints that may take it,
 * working side by side, and a cold start where none of them is warm.
 * @param aheadCount waiting jobs before it
 * @param servers endpoints that may take it, with the times learned for its model there
 * @returns milliseconds, or `undefined` where no endpoint is able to take it now
 */
export function estimateWaitMs(
  aheadCount: number,
  servers: readonly { readonly view: EndpointView; readonly times: ExpectedTimes }[],
  nowMs: number,
  assumed: AssumedTimes,
): number | undefined {
  let callsPerMs = 0;
  let firstFreeMs = Number.POSITIVE_INFINITY;
  for (const { view, times } of servers) {
    const state = endpointState(view, nowMs);
    if (state === 'down' || state === 'paused' || state === 'draining') continue;
    const warmMs = times.warmMs ?? assumed.warmMs;
    const coldMs = times.coldMs ?? assumed.warmMs + assumed.coldStartMs;
    callsPerMs += view.spec.concurrency / Math.max(1, warmMs);
    firstFreeMs = Math.min(firstFreeMs, freeInMs(view, state, warmMs, coldMs, aheadCount));
  }
  if (callsPerMs === 0) return undefined;
  return Math.round(Math.max(0, firstFreeMs) + aheadCount / callsPerMs);
}

/** Until an endpoint takes the first of the jobs it could, or the next where a cold one's pilot is among those before. */
function freeInMs(
  view: EndpointView,
  state: 'cold' | 'warming' | 'warm',
  warmMs: number,
  coldMs: number,
  aheadCount: number,
): number {
  switch (state) {
    case 'cold':
      return aheadCount === 0 ? 0 : coldMs;
    case 'warming':
      return coldMs;
    case 'warm': {
      const surplus = view.leases - view.spec.concurrency;
      // A busy endpoint is, on average, half-way through its call.
      return surplus < 0 ? 0 : warmMs / 2 + surplus * warmMs;
    }
  }
}

export interface WaitingJob {
  readonly isRetry: boolean;
  /** Unix ms. */
  readonly notBeforeMs: number;
  readonly pinnedRegion: string | undefined;
  readonly aheadCount: number;
  /** In single-region mode: where everything goes that is not pinned elsewhere. */
  readonly onlyRegion?: string | undefined;
}

/** Why a job waits: a closed set, for whoever counts. */
export const WAIT_CAUSES = [
  'no_endpoint',
  'backoff',
  'no_dispatcher',
  'releasing',
  'paused',
  'down',
  'queue',
  'gpu_limit',
  'warming',
  'waking',
  'busy',
] as const;
export type WaitCause = (typeof WAIT_CAUSES)[number];

/** Says why a job waits, in one sentence for people. */
export function explainWait(
  job: WaitingJob,
  servers: readonly EndpointView[],
  gpusInUse: number,
  gpuLimit: number,
  nowMs: number,
): string {
  return whyWaits(job, servers, gpusInUse, gpuLimit, nowMs).text;
}

/** The same, with the cause that is counted. */
export function whyWaits(
  job: WaitingJob,
  servers: readonly EndpointView[],
  gpusInUse: number,
  gpuLimit: number,
  nowMs: number,
): { readonly cause: WaitCause; readonly text: string } {
  const where = job.pinnedRegion === undefined ? 'any allowed region' : `region ${job.pinnedRegion}`;
  const because = (cause: WaitCause, text: string) => ({ cause, text });
  if (servers.length === 0 && job.onlyRegion !== undefined && job.pinnedRegion === undefined)
    return because('no_endpoint', `single-region mode is on: it waits for an endpoint in ${job.onlyRegion}`);
  if (servers.length === 0) return because('no_endpoint', `no endpoint in ${where} serves this model`);
  if (job.notBeforeMs > nowMs)
    return because('backoff', `retry after backoff, due in ${Math.ceil((job.notBeforeMs - nowMs) / 1000)} s`);
  const states = servers.map((view) => endpointState(view, nowMs));
  const able = states.filter((state) => state === 'cold' || state === 'warming' || state === 'warm');
  if (able.length === 0) {
    const silent = servers.filter((view) => !view.dispatcherAlive);
    if (silent.length === servers.length)
      return because('no_dispatcher', `no dispatcher of ${where} is answering`);
    const codes = [
      ...new Set(
        servers.flatMap(({ record }) => (record.lastErrorCode === null ? [] : [record.lastErrorCode])),
      ),
    ];
    if (servers.some(({ record }) => record.releasingUntilMs > nowMs))
      return because('releasing', `the container that is warm in ${where} is being given up for others`);
    if (servers.every(({ record }) => record.paused))
      return because('paused', `every endpoint in ${where} is paused by an operator`);
    return because(
      'down',
      `every endpoint in ${where} is down${codes.length > 0 ? ` (${codes.join(', ')})` : ''}; probed until one is well`,
    );
  }
  if (job.aheadCount > 0)
    return because('queue', `${job.aheadCount} ${job.aheadCount === 1 ? 'job goes' : 'jobs go'} first`);
  if (able.every((state) => state === 'cold') && gpusInUse >= gpuLimit)
    return because('gpu_limit', `all ${gpuLimit} GPUs are in use; waiting for one to be released`);
  if (able.some((state) => state === 'warming') && !able.includes('warm'))
    return because('warming', 'an endpoint is warming up');
  if (able.every((state) => state === 'cold')) return because('waking', 'an endpoint is about to be woken');
  return because('busy', 'every endpoint that may take it is busy');
}
