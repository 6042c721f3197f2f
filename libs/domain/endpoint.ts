import type { StandingOrders } from './controls.js';
import { traitsOf, type AttemptErrorCode } from './errors.js';

/** What the configuration says of an endpoint. */
export interface EndpointSpec {
  readonly id: string;
  readonly region: string;
  /** The provider's account it lives in: budget, rate limit and credentials are shared by all in it. */
  readonly workspace: string;
  readonly models: readonly string[];
  /** Calls in flight at once. */
  readonly concurrency: number;
  /** How long an idle container still holds its GPU. */
  readonly scaledownWindowMs: number;
  /** Whether its health can be asked without a call. */
  readonly hasHealthUrl: boolean;
  /** Whether the platform can be asked to give an idle container up before its window is over. */
  readonly canRelease: boolean;
}

/** `closed`: calls go. `open`: none do. `half_open`: one does, to find out. */
export type Breaker = 'closed' | 'open' | 'half_open';

/** What is remembered of an endpoint between transactions. */
export interface EndpointRecord {
  /** The longest that its platform may have been told to keep idle containers; absent: it was told nothing. */
  readonly toldWindowMs?: number | undefined;
  readonly paused: boolean;
  readonly breaker: Breaker;
  readonly consecutiveFailures: number;
  /** Times the breaker opened since it was last closed. */
  readonly opens: number;
  /** Unix ms; meaningful while the breaker is open. */
  readonly openUntilMs: number;
  readonly lastErrorCode: AttemptErrorCode | null;
  /** Unix ms: a container has answered and would answer again without a cold start until then. */
  readonly warmUntilMs: number;
  /** Unix ms: a container may hold a GPU until then, also one that never answered. */
  readonly gpuUntilMs: number;
  /** Unix ms at which it was last woken: since then, if it holds a GPU, it has held it. */
  readonly gpuSinceMs: number;
  /** Unix ms at which its last call ended. */
  readonly idleSinceMs: number;
  /** Unix ms: until then the platform is being asked to release its idle container, and no ticket is issued. */
  readonly releasingUntilMs: number;
  /** Unix ms at which it was last told that its turn is over: it gets no more work until others have had the GPU. */
  readonly turnEndedAtMs: number;
  /** How long its last release took; null: none has succeeded yet. */
  readonly releaseMs: number | null;
}

export const FRESH_ENDPOINT: EndpointRecord = {
  paused: false,
  breaker: 'closed',
  consecutiveFailures: 0,
  opens: 0,
  openUntilMs: 0,
  lastErrorCode: null,
  warmUntilMs: 0,
  gpuUntilMs: 0,
  gpuSinceMs: 0,
  idleSinceMs: 0,
  releasingUntilMs: 0,
  turnEndedAtMs: 0,
  releaseMs: null,
};

/** An endpoint as admission sees it. */
export interface EndpointView {
  readonly spec: EndpointSpec;
  readonly record: EndpointRecord;
  /** Leased slots: calls in flight and the staged ticket. */
  readonly leases: number;
  /** Whether a dispatcher of its region gives signs of life. */
  readonly dispatcherAlive: boolean;
  /** What operators ask of it; absent: nothing. That it is paused stands in its record as well. */
  readonly orders?: StandingOrders | undefined;
}

export const ENDPOINT_STATES = ['cold', 'warming', 'warm', 'draining', 'down', 'paused'] as const;
export type EndpointState = (typeof ENDPOINT_STATES)[number];

/** Cold is not down: an endpoint without a container is asked, and waited for. */
export function endpointState(view: EndpointView, nowMs: number): EndpointState {
  const { record, leases } = view;
  if (record.paused) return leases > 0 ? 'draining' : 'paused';
  if (record.breaker !== 'closed' || !view.dispatcherAlive) return 'down';
  if (record.releasingUntilMs > nowMs) return 'draining';
  if (record.warmUntilMs > nowMs) return 'warm';
  return leases > 0 ? 'warming' : 'cold';
}

/** Whether work may be sent there now or later without anybody's help: not paused, not down. */
export function isLive(view: EndpointView): boolean {
  return !view.record.paused && view.record.breaker === 'closed' && view.dispatcherAlive;
}

/** Whether its region counts as served: a half-open endpoint does, or its own jobs would never try it. */
export function mayServe(view: EndpointView): boolean {
  return !view.record.paused && view.record.breaker !== 'open' && view.dispatcherAlive;
}

/** Modal counts warming, busy and idle-but-not-scaled-down containers alike. */
export function holdsGpu(view: EndpointView, nowMs: number): boolean {
  return view.leases > 0 || view.record.gpuUntilMs > nowMs;
}

/** Tickets that may be issued to an endpoint now. */
export interface Capacity {
  /** Calls that would begin at once. */
  readonly start: number;
  /** One more ticket that waits at the endpoint's door, so that the gap between two calls is one hop. */
  readonly stage: number;
}

/**
 * A warm endpoint takes its concurrency and one staged ticket. A cold or half-open one takes a single pilot:
 * the rest wait in Postgres, free to go elsewhere.
 */
export function capacityOf(view: EndpointView, nowMs: number): Capacity {
  const { record, leases, spec } = view;
  if (record.paused || !view.dispatcherAlive || record.breaker === 'open') return { start: 0, stage: 0 };
  if (record.releasingUntilMs > nowMs) return { start: 0, stage: 0 };
  if (record.breaker === 'half_open' || record.warmUntilMs <= nowMs)
    return { start: leases === 0 ? 1 : 0, stage: 0 };
  const start = Math.max(0, spec.concurrency - leases);
  return { start, stage: Math.max(0, spec.concurrency + 1 - leases - start) };
}

export interface BreakerPolicy {
  /** Consecutive endpoint failures that open it. */
  readonly failures: number;
  readonly openMs: number;
  readonly openMaxMs: number;
}

/** A call was answered: the endpoint serves, and holds its GPU for the scale-down window from now. */
export function afterSuccess(record: EndpointRecord, spec: EndpointSpec, nowMs: number): EndpointRecord {
  return {
    ...record,
    breaker: 'closed',
    consecutiveFailures: 0,
    opens: 0,
    openUntilMs: 0,
    lastErrorCode: null,
    warmUntilMs: nowMs + spec.scaledownWindowMs,
    gpuUntilMs: nowMs + spec.scaledownWindowMs,
    idleSinceMs: nowMs,
  };
}

/** A call was cancelled: whatever container it had starts to idle now. */
export function afterCancellation(record: EndpointRecord, spec: EndpointSpec, nowMs: number): EndpointRecord {
  const idleUntilMs = nowMs + spec.scaledownWindowMs;
  return {
    ...record,
    warmUntilMs: Math.min(record.warmUntilMs, idleUntilMs),
    gpuUntilMs: idleUntilMs,
    idleSinceMs: nowMs,
  };
}

/** A call is sent to an endpoint that holds no GPU: from now on it holds one. */
export function afterWaking(record: EndpointRecord, nowMs: number): EndpointRecord {
  return { ...record, gpuSinceMs: nowMs };
}

/** The platform says that a container is left, whatever was known of it: its GPU counts for another window. */
export function afterReleaseRefused(
  record: EndpointRecord,
  spec: EndpointSpec,
  nowMs: number,
): EndpointRecord {
  const gpuUntilMs = Math.max(record.gpuUntilMs, nowMs + spec.scaledownWindowMs);
  return { ...record, releasingUntilMs: 0, gpuUntilMs };
}

/** The platform says that no container is left. */
export function afterRelease(record: EndpointRecord, tookMs: number, nowMs: number): EndpointRecord {
  return { ...record, releasingUntilMs: 0, warmUntilMs: nowMs, gpuUntilMs: nowMs, releaseMs: tookMs };
}

/** Failures that come before any container is asked for. */
const NO_CONTAINER: ReadonlySet<AttemptErrorCode> = new Set<AttemptErrorCode>([
  'ENDPOINT_UNREACHABLE',
  'RATE_LIMITED',
  'UPSTREAM_QUEUE_FULL',
  'ENDPOINT_STOPPED',
  'ENDPOINT_NOT_FOUND',
  'ENDPOINT_CREDENTIALS_REJECTED',
  'WORKSPACE_DISABLED',
  'SPEND_LIMIT_REACHED',
]);

/** Whether a call that fails with this was refused at the door: no container was asked for, and no GPU time is paid. */
export function startsNoContainer(code: AttemptErrorCode): boolean {
  return NO_CONTAINER.has(code);
}

/** A call failed. Only failures that say something about the endpoint count towards its breaker. */
export function afterFailure(
  record: EndpointRecord,
  spec: EndpointSpec,
  code: AttemptErrorCode,
  policy: BreakerPolicy,
  nowMs: number,
): EndpointRecord {
  const { warmUntilMs, idleSinceMs } = afterCancellation(record, spec, nowMs);
  // A container that was started, also in vain, idles for the window and counts; a refusal at the door starts none.
  const gpuUntilMs = startsNoContainer(code) ? record.gpuUntilMs : nowMs + spec.scaledownWindowMs;
  const { scope, conclusive } = traitsOf(code);
  // A pilot that runs out of time met a cold start that took longer than it was given: cold is not down.
  const wasCold = code === 'EXECUTION_TIMEOUT' && record.warmUntilMs <= nowMs;
  const saysNothing = wasCold || (scope !== 'endpoint' && scope !== 'workspace');
  // Nor does a call that had begun before the breaker opened: ten of them would make ten pauses of one outage.
  if (saysNothing || record.breaker === 'open') return { ...record, warmUntilMs, gpuUntilMs, idleSinceMs };
  const consecutiveFailures = record.consecutiveFailures + 1;
  const failedProbe = record.breaker === 'half_open';
  const failuresToOpen = conclusive === true ? 1 : policy.failures;
  if (!failedProbe && consecutiveFailures < failuresToOpen) {
    return { ...record, consecutiveFailures, lastErrorCode: code, warmUntilMs, gpuUntilMs, idleSinceMs };
  }
  const failed = { ...record, consecutiveFailures, warmUntilMs, gpuUntilMs, idleSinceMs };
  return opened(failed, spec, code, policy, nowMs);
}

/**
 * A call to another endpoint of the same workspace said that the workspace as a whole does not serve. Calls in
 * flight here may still be answered, and containers keep their GPUs.
 */
export function afterWorkspaceFailure(
  record: EndpointRecord,
  spec: EndpointSpec,
  code: AttemptErrorCode,
  policy: BreakerPolicy,
  nowMs: number,
): EndpointRecord {
  return record.breaker === 'open' ? record : opened(record, spec, code, policy, nowMs);
}

function opened(
  record: EndpointRecord,
  spec: EndpointSpec,
  code: AttemptErrorCode,
  policy: BreakerPolicy,
  nowMs: number,
): EndpointRecord {
  return {
    ...record,
    breaker: 'open',
    opens: record.opens + 1,
    openUntilMs: nowMs + pauseMs(record, spec, code, policy),
    lastErrorCode: code,
  };
}

/**
 * The health probe of an open breaker: well means one call may try, ill means another, longer, pause. One that has
 * not answered yet says nothing: it is asked about again after the shortest.
 */
export function afterProbe(
  record: EndpointRecord,
  health: 'well' | 'ill' | 'pending',
  policy: BreakerPolicy,
  nowMs: number,
): EndpointRecord {
  if (record.breaker !== 'open') return record;
  if (health === 'well') return { ...record, breaker: 'half_open' };
  if (health === 'pending') return { ...record, openUntilMs: nowMs + policy.openMs };
  return { ...record, opens: record.opens + 1, openUntilMs: nowMs + openMs(record.opens, policy) };
}

/** Where only a call can find out, and the cause does not pass by itself, calls find out as seldom as may be. */
function pauseMs(
  { opens }: EndpointRecord,
  { hasHealthUrl }: EndpointSpec,
  code: AttemptErrorCode,
  policy: BreakerPolicy,
): number {
  const isLasting = traitsOf(code).conclusive === true && !hasHealthUrl;
  return isLasting ? policy.openMaxMs : openMs(opens, policy);
}

function openMs(opens: number, policy: BreakerPolicy): number {
  return Math.min(policy.openMaxMs, policy.openMs * 2 ** Math.min(opens, 30));
}
