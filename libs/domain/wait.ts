import { endpointState, type EndpointView } from './endpoint.js';

/** Durations used where nothing has been measured yet. */
export const UNKNOWN_WARM_MS = 30_000;
export const UNKNOWN_COLD_MS = 180_000;

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
): number | undefined {
  let callsPerMs = 0;
  let firstFreeMs = Number.POSITIVE_INFINITY;
  for (const { view, times } of servers) {
    const state = endpointState(view, nowMs);
    if (state === 'down' || state === 'paused' || state === 'draining') continue;
    const warmMs = times.warmMs ?? UNKNOWN_WARM_MS;
    const coldMs = times.coldMs ?? UNKNOWN_COLD_MS;
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

/** Says why a job waits, in one sentence for people. */
export function explainWait(
  job: WaitingJob,
  servers: readonly EndpointView[],
  gpusInUse: number,
  gpuLimit: number,
  nowMs: number,
): string {
  const where = job.pinnedRegion === undefined ? 'any allowed region' : `region ${job.pinnedRegion}`;
  if (servers.length === 0 && job.onlyRegion !== undefined && job.pinnedRegion === undefined)
    return `single-region mode is on: it waits for an endpoint in ${job.onlyRegion}`;
  if (servers.length === 0) return `no endpoint in ${where} serves this model`;
  if (job.notBeforeMs > nowMs)
    return `retry after backoff, due in ${Math.ceil((job.notBeforeMs - nowMs) / 1000)} s`;
  const states = servers.map((view) => endpointState(view, nowMs));
  const able = states.filter((state) => state === 'cold' || state === 'warming' || state === 'warm');
  if (able.length === 0) {
    const silent = servers.filter((view) => !view.dispatcherAlive);
    if (silent.length === servers.length) return `no dispatcher of ${where} is answering`;
    const codes = [
      ...new Set(
        servers.flatMap(({ record }) => (record.lastErrorCode === null ? [] : [record.lastErrorCode])),
      ),
    ];
    if (servers.some(({ record }) => record.releasingUntilMs > nowMs))
      return `the container that is warm in ${where} is being given up for others`;
    if (servers.every(({ record }) => record.paused))
      return `every endpoint in ${where} is paused by an operator`;
    return `every endpoint in ${where} is down${codes.length > 0 ? ` (${codes.join(', ')})` : ''}; probed until one is well`;
  }
  if (job.aheadCount > 0) return `${job.aheadCount} ${job.aheadCount === 1 ? 'job goes' : 'jobs go'} first`;
  if (able.every((state) => state === 'cold') && gpusInUse >= gpuLimit) {
    return `all ${gpuLimit} GPUs are in use; waiting for one to be released`;
  }
  if (able.some((state) => state === 'warming') && !able.includes('warm')) return 'an endpoint is warming up';
  if (able.every((state) => state === 'cold')) return 'an endpoint is about to be woken';
  return 'every endpoint that may take it is busy';
}
