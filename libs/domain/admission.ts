import { capacityOf, holdsGpu, mayServe, type EndpointView } from './endpoint.js';
import { TenantTurns, drawFairly, type TenantShare, type Turns } from './fair-share.js';
import { ANY_LANE, endpointLane, type Lane } from './lane.js';

/** What the handover of GPUs asks of admission. */
export interface HandedOver {
  /** Endpoints that get nothing more, because their GPU is wanted elsewhere. */
  readonly yielding: ReadonlySet<string>;
  /** Unix ms: turns that ended before are forgotten. */
  readonly turnsSinceMs: number;
}

const NOTHING_HANDED_OVER: HandedOver = { yielding: new Set(), turnsSinceMs: Number.POSITIVE_INFINITY };

/** A waiting job, as far as admission looks at it. */
export interface Candidate {
  readonly jobId: string;
  readonly tenant: string;
  readonly lane: Lane;
  readonly model: string;
  readonly isRetry: boolean;
  /** Unix ms of creation plus the ageing allowance of its priority; smaller goes first. */
  readonly orderKey: number;
  /** A caller waits for it, and direct mode is on: it goes before all that are not. */
  readonly isDirect?: boolean;
  /** Regions in which it failed. It goes back only where no other region is able to serve its model. */
  readonly avoidRegions: readonly string[];
}

/** A lane and model from which a region's endpoints want candidates, and how many at most. */
export interface LaneDemand {
  readonly lane: Lane;
  readonly model: string;
  readonly region: string;
  /** Regions that are able to serve the model: a job that avoids all of them may go anywhere. */
  readonly servingRegions: readonly string[];
  /** Of each tenant: the others may have nothing that the endpoints can take. */
  readonly limit: number;
}

export interface Assignment {
  readonly jobId: string;
  readonly endpointId: string;
  readonly region: string;
  /** The ticket is to wait there until a running call ends. */
  readonly staged: boolean;
}

/**
 * Lanes an endpoint draws a model from: its region's own, the common one, and those of regions in which nothing
 * can serve the model now (never their pinned jobs). While another region is to take everything, its own pinned jobs
 * alone. One that is to be kept warm has a lane of its own, for the calls that wake it.
 */
export function lanesOf(endpoint: EndpointView, model: string, all: readonly EndpointView[]): Lane[] {
  const own: Lane[] = endpoint.orders?.keepWarm === true ? [endpointLane(endpoint.spec.id)] : [];
  if (isPinnedOnly(endpoint)) return [...own, `pin:${endpoint.spec.region}`];
  const regions = new Set(all.map(({ spec }) => spec.region));
  const lanes: Lane[] = [...own, `pin:${endpoint.spec.region}`, `prefer:${endpoint.spec.region}`, ANY_LANE];
  for (const region of regions) {
    if (region === endpoint.spec.region) continue;
    const served = all.some(
      (other) =>
        other.spec.region === region &&
        other.spec.models.includes(model) &&
        mayServe(other) &&
        !isPinnedOnly(other),
    );
    if (!served) lanes.push(`prefer:${region}`);
  }
  return lanes;
}

/**
 * What admission has to read: nothing where no endpoint can take a ticket. Endpoints that wait for a GPU are among
 * them, because what waits there decides who is to give one up.
 */
export function demandOf(endpoints: readonly EndpointView[], nowMs: number): LaneDemand[] {
  const limits = new Map<string, LaneDemand>();
  for (const endpoint of endpoints) {
    const capacity = capacityOf(endpoint, nowMs);
    const limit = capacity.start + capacity.stage;
    if (limit === 0) continue;
    for (const model of endpoint.spec.models) {
      for (const lane of lanesOf(endpoint, model, endpoints)) {
        const { region } = endpoint.spec;
        const key = `${region} ${lane} ${model}`;
        const servingRegions = regionsServing(model, endpoints);
        limits.set(key, {
          lane,
          model,
          region,
          servingRegions,
          limit: (limits.get(key)?.limit ?? 0) + limit,
        });
      }
    }
  }
  return [...limits.values()];
}

/**
 * Decides which waiting job goes to which endpoint. Within what an endpoint may draw tenants take turns, and of each
 * tenant's jobs go retries first, then priority with ageing and first come, which are in the order key. Warm endpoints' free slots are filled
 * before cold endpoints are woken, and those before a ticket is staged behind a running call. An endpoint that
 * holds no GPU is woken only while the limit leaves one.
 * @param shares what the candidates' tenants have already
 * @returns at most one assignment per job
 */
export function planAdmission(
  endpoints: readonly EndpointView[],
  candidates: readonly Candidate[],
  gpuLimit: number,
  nowMs: number,
  handedOver: HandedOver = NOTHING_HANDED_OVER,
  shares: readonly TenantShare[] = [],
): Assignment[] {
  const assignments: Assignment[] = [];
  const turns = new TenantTurns(shares);
  const taken = new Set<string>();
  const ordered = [...candidates].sort(byOrder);
  let gpusFree = gpuLimit - endpoints.filter((endpoint) => holdsGpu(endpoint, nowMs)).length;

  const assign = (endpoint: EndpointView, count: number, staged: boolean): number => {
    if (handedOver.yielding.has(endpoint.spec.id)) return 0;
    if (count === 0) return 0;
    const mayDraw = drawsFrom(endpoint, endpoints);
    const { id: endpointId, region } = endpoint.spec;
    const drawable = ordered.filter((candidate) => !taken.has(candidate.jobId) && mayDraw(candidate));
    // In direct mode, whoever waits for an answer goes before everybody who does not.
    const direct = drawFairly(
      drawable.filter(({ isDirect }) => isDirect === true),
      count,
      turns.at(endpointId),
    );
    const others = drawable.filter(({ isDirect }) => isDirect !== true);
    const drawn = [...direct, ...drawFairly(others, count - direct.length, turns.at(endpointId))];
    for (const { jobId } of drawn) {
      taken.add(jobId);
      assignments.push({ jobId, endpointId, region, staged });
    }
    return drawn.length;
  };

  const holding = endpoints.filter((endpoint) => holdsGpu(endpoint, nowMs));
  for (const endpoint of holding) assign(endpoint, capacityOf(endpoint, nowMs).start, false);
  for (const endpoint of coldestWaitFirst(endpoints, ordered, handedOver, turns, nowMs)) {
    if (gpusFree <= 0) break;
    if (assign(endpoint, capacityOf(endpoint, nowMs).start, false) > 0) gpusFree -= 1;
  }
  for (const endpoint of holding) assign(endpoint, capacityOf(endpoint, nowMs).stage, true);
  return assignments;
}

/**
 * Endpoints that work waits for and that hold no GPU although none is free: each is wanted for one job that nobody
 * else was given.
 * @param assignments what has been decided about these candidates
 */
export function waitingForGpu(
  endpoints: readonly EndpointView[],
  candidates: readonly Candidate[],
  assignments: readonly Assignment[],
  nowMs: number,
  shares: readonly TenantShare[] = [],
): EndpointView[] {
  const turns = new TenantTurns(shares);
  const taken = new Set(assignments.map(({ jobId }) => jobId));
  const woken = new Set(assignments.map(({ endpointId }) => endpointId));
  const left = candidates.filter(({ jobId }) => !taken.has(jobId)).sort(byOrder);
  if (left.length === 0) return [];
  return coldestWaitFirst(endpoints, left, NOTHING_HANDED_OVER, turns, nowMs).filter((endpoint) => {
    if (woken.has(endpoint.spec.id)) return false;
    const mayDraw = drawsFrom(endpoint, endpoints);
    const index = left.findIndex(mayDraw);
    if (index >= 0) left.splice(index, 1);
    return index >= 0;
  });
}

/**
 * Cold endpoints, the one whose first candidate has the best claim first: GPUs may not do for all. Of different tenants
 * the one that has the fewest calls in flight, wherever they are, has the better claim. Those whose turn
 * ended lately come last, in the sequence of their turns, or they would take GPUs back from those that waited.
 */
function coldestWaitFirst(
  endpoints: readonly EndpointView[],
  ordered: readonly Candidate[],
  { turnsSinceMs }: HandedOver,
  turns: TenantTurns,
  nowMs: number,
): EndpointView[] {
  const claims = turns.claims();
  const waiting = endpoints
    .filter((endpoint) => !holdsGpu(endpoint, nowMs) && capacityOf(endpoint, nowMs).start > 0)
    .map((endpoint) => ({ endpoint, ...bestClaim(ordered, drawsFrom(endpoint, endpoints), claims) }))
    .sort((left, right) => left.rank - right.rank);
  const turnEndedMs = ({ record }: EndpointView): number =>
    record.turnEndedAtMs > turnsSinceMs ? record.turnEndedAtMs : 0;
  return drawFairly(waiting, waiting.length, claims)
    .map(({ endpoint }) => ({ endpoint, turnEndedMs: turnEndedMs(endpoint) }))
    .sort((left, right) => left.turnEndedMs - right.turnEndedMs)
    .map(({ endpoint }) => endpoint);
}

/** Whose work an endpoint would be woken for, and the place of that among all candidates. */
function bestClaim(
  ordered: readonly Candidate[],
  mayDraw: (candidate: Candidate) => boolean,
  claims: Turns,
): { tenant: string; rank: number } {
  let tenant: string | undefined;
  let rank = Number.MAX_SAFE_INTEGER;
  for (const [index, candidate] of ordered.entries()) {
    if (candidate.tenant === tenant || !mayDraw(candidate)) continue;
    if (tenant !== undefined && claims.compare(candidate.tenant, tenant) >= 0) continue;
    ({ tenant } = candidate);
    rank = index;
  }
  // Where nobody waits for it there is no turn to take.
  return { tenant: tenant ?? NOBODY, rank };
}

/** Stands for the work that does not wait; no tenant has an empty name. */
const NOBODY = '';

/** @returns whether it may be given a candidate, as far as lanes and failures go */
export function drawsFrom(
  endpoint: EndpointView,
  endpoints: readonly EndpointView[],
): (candidate: Candidate) => boolean {
  const lanesByModel = new Map(
    endpoint.spec.models.map((model) => [model, new Set(lanesOf(endpoint, model, endpoints))]),
  );
  return (candidate) =>
    lanesByModel.get(candidate.model)?.has(candidate.lane) === true &&
    !avoids(candidate, endpoint.spec.region, endpoints);
}

function avoids(candidate: Candidate, region: string, endpoints: readonly EndpointView[]): boolean {
  const { avoidRegions, model } = candidate;
  if (!avoidRegions.includes(region)) return false;
  return regionsServing(model, endpoints).some((other) => !avoidRegions.includes(other));
}

function regionsServing(model: string, endpoints: readonly EndpointView[]): string[] {
  const serving = endpoints.filter(
    (view) => view.spec.models.includes(model) && mayServe(view) && !isPinnedOnly(view),
  );
  return [...new Set(serving.map(({ spec }) => spec.region))];
}

function isPinnedOnly({ orders }: EndpointView): boolean {
  return orders?.pinnedOnly === true;
}

function byOrder(left: Candidate, right: Candidate): number {
  const isDirect = left.isDirect === true;
  if (isDirect !== (right.isDirect === true)) return isDirect ? -1 : 1;
  if (left.isRetry !== right.isRetry) return left.isRetry ? -1 : 1;
  return left.orderKey - right.orderKey || (left.jobId < right.jobId ? -1 : 1);
}
