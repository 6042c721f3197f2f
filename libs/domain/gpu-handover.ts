import { drawsFrom, planAdmission, waitingForGpu, type Assignment, type Candidate } from './admission.js';
import { holdsGpu, mayServe, type EndpointRecord, type EndpointView } from './endpoint.js';
import type { TenantShare } from './fair-share.js';

/** When an endpoint's GPU goes to another, where there are fewer GPUs than endpoints with work. */
export interface HandoverPolicy {
  /**
   * How long a container without work keeps its GPU although others want it: a runner asks its next question within
   * this, and giving up a warm container between two questions would cost a cold start for each.
   */
  readonly lingerMs: number;
  /** How long an endpoint with work may keep a GPU that others want. Bounds everybody's wait. */
  readonly turnMs: number;
}

export interface AdmissionPlan {
  readonly assignments: readonly Assignment[];
  /** Endpoints whose idle container is to be released now. */
  readonly release: readonly string[];
  /** Endpoints that are given nothing more, because their turn is over. */
  readonly yielding: readonly string[];
  /** Unix ms at which time alone may change this; `undefined`: nothing waits for a GPU. */
  readonly lookAgainMs: number | undefined;
}

/**
 * Admission, and who gives a GPU up. A GPU stays with its endpoint as long as there is work for it, so nothing is
 * started twice without need. It changes hands when its endpoint has been without work for the linger time and the platform
 * can release it (elsewhere its scale-down is waited for), or when the endpoint has had its turn. An endpoint whose
 * turn is over finishes the calls it has and is woken again after those that waited.
 */
export function planAdmissionAndHandover(
  endpoints: readonly EndpointView[],
  candidates: readonly Candidate[],
  gpuLimit: number,
  policy: HandoverPolicy,
  nowMs: number,
  shares: readonly TenantShare[] = [],
): AdmissionPlan {
  // For as long as everybody may have had a turn since.
  const turnsSinceMs = nowMs - policy.turnMs * endpoints.length;
  const admit = (yielding: ReadonlySet<string>): Assignment[] =>
    planAdmission(endpoints, candidates, gpuLimit, nowMs, { yielding, turnsSinceMs }, shares);
  const usual = admit(new Set());
  const waiting = waitingForGpu(endpoints, candidates, usual, nowMs, shares);
  if (waiting.length === 0) return { assignments: usual, release: [], yielding: [], lookAgainMs: undefined };

  const busy = new Set(usual.map(({ endpointId }) => endpointId));
  const holding = endpoints.filter((endpoint) => holdsGpu(endpoint, nowMs));
  const hasWork = ({ spec, leases }: EndpointView): boolean => leases > 0 || busy.has(spec.id);
  const leaving = holding.filter((endpoint) => !hasWork(endpoint));
  // Where a warm endpoint serves the same work, a turn would only buy a cold start.
  const servedByHolders = holding.filter(mayServe).map((endpoint) => drawsFrom(endpoint, endpoints));
  const isLeftOut = (endpoint: EndpointView): boolean =>
    candidates.some(
      (candidate) =>
        drawsFrom(endpoint, endpoints)(candidate) && !servedByHolders.some((serves) => serves(candidate)),
    );
  const wanted = waiting.filter(isLeftOut).length - leaving.length;
  const yielding = wanted <= 0 ? [] : overdue(holding.filter(hasWork), policy, nowMs).slice(0, wanted);
  const yieldingIds = new Set(yielding.map(({ spec }) => spec.id));
  const assignments = yielding.length === 0 ? usual : admit(yieldingIds);

  const isReleasing = ({ record }: EndpointView): boolean => record.releasingUntilMs > nowMs;
  // What one that yields cannot take may have gone to one that was about to leave.
  const given = new Set(assignments.map(({ endpointId }) => endpointId));
  const idle = [...leaving, ...yielding.filter(({ leases }) => leases === 0)].filter(
    ({ spec }) => !given.has(spec.id),
  );
  const releasable = idle
    .filter((endpoint) => endpoint.spec.canRelease && endpoint.dispatcherAlive && !isReleasing(endpoint))
    .map((endpoint) => ({ endpoint, atMs: releaseAtMs(endpoint, yieldingIds, policy) }))
    .sort((left, right) => left.atMs - right.atMs);
  const underWay = holding.filter(isReleasing).length;
  const release = releasable
    .filter(({ atMs }) => atMs <= nowMs)
    .slice(0, Math.max(0, waiting.length - underWay))
    .map(({ endpoint }) => endpoint.spec.id);

  const changesMs = [
    ...releasable.map(({ atMs }) => atMs),
    ...idle.map(({ record }) => record.gpuUntilMs),
    ...holding.map(({ record }) => record.releasingUntilMs),
    ...holding.filter(hasWork).map(({ record }) => record.gpuSinceMs + policy.turnMs),
  ].filter((atMs) => atMs > nowMs);
  return {
    assignments,
    release,
    yielding: [...yieldingIds],
    lookAgainMs: changesMs.length === 0 ? undefined : Math.min(...changesMs),
  };
}

/** Endpoints that operators have drained and want without a container, and whose last call has ended. */
export function drainedToRelease(endpoints: readonly EndpointView[], nowMs: number): string[] {
  return endpoints
    .filter(({ orders, leases }) => orders?.releaseWhenIdle === true && leases === 0)
    .filter((endpoint) => holdsGpu(endpoint, nowMs) && endpoint.record.releasingUntilMs <= nowMs)
    .filter(({ spec, dispatcherAlive }) => spec.canRelease && dispatcherAlive)
    .map(({ spec }) => spec.id);
}

/** Whether it has been told to give up the GPU that it holds, or the last one that it held. */
export function hasEndedTurn({ turnEndedAtMs, gpuSinceMs }: EndpointRecord): boolean {
  return turnEndedAtMs > gpuSinceMs;
}

/** Those that have had their turn: first who was told before, then who has had its GPU longest. */
function overdue(
  holding: readonly EndpointView[],
  { turnMs }: HandoverPolicy,
  nowMs: number,
): EndpointView[] {
  const wasTold = ({ record }: EndpointView): number => (hasEndedTurn(record) ? 0 : 1);
  return holding
    .filter(({ record }) => record.gpuSinceMs + turnMs <= nowMs)
    .sort(
      (left, right) => wasTold(left) - wasTold(right) || left.record.gpuSinceMs - right.record.gpuSinceMs,
    );
}

function releaseAtMs(
  { spec, record }: EndpointView,
  yielding: ReadonlySet<string>,
  { lingerMs }: HandoverPolicy,
): number {
  return record.idleSinceMs + (yielding.has(spec.id) ? 0 : lingerMs);
}
