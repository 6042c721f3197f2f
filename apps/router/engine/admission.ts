import {
  afterWaking,
  capacityOf,
  demandOf,
  drainedToRelease,
  hasEndedTurn,
  holdsGpu,
  planAdmissionAndHandover,
  type Candidate,
  type EndpointView,
} from '#domain';
import {
  admitJobs,
  nextRetryDueMs,
  readAwaitedCandidates,
  readCandidates,
  readTenantShares,
  type AdmittedJob,
  type LookedUntil,
  type Queryable,
} from '#persistence';
import type { InForce } from '../operations/in-force.js';
import type { EndpointBook } from './endpoint-book.js';
import { handoverOf } from './endpoints.js';
import { RELEASE_LEASE_MS, type Releases } from './releases.js';

export interface Admitted {
  readonly admitted: readonly AdmittedJob[];
  /** Whether an endpoint is left that could take a ticket. */
  readonly hasRoom: boolean;
  /** Releases to ask for, with the lease of each. */
  readonly releases: readonly (readonly [endpointId: string, leaseMs: number])[];
  /** Endpoints that were told that their turn is over. */
  readonly yielded: readonly string[];
  /** Time alone may change something then. */
  readonly lookAgainInMs: number | undefined;
}

/** Gives waiting jobs to endpoints that can take them, and GPUs to endpoints that want them; the rules are in `#domain`. */
export class Admission {
  /** Where more tenants wait than one look takes in, the next one begins here. Lost at a restart, it begins anew. */
  private lookedUntil: LookedUntil = new Map();
  /** The same, among the jobs that a caller waits for. */
  private lookedUntilDirect: LookedUntil = new Map();

  constructor(
    private readonly inForce: InForce,
    private readonly releases: Releases,
  ) {}

  /** Under the admission lock. */
  async admit(client: Queryable, book: EndpointBook, nowMs: number): Promise<Admitted> {
    const { configuration, gpuLimit } = this.inForce;
    const views = this.releasableOnly(book.views());
    const candidates = await this.candidates(client, views, nowMs);
    const tenants = [...new Set(candidates.map(({ tenant }) => tenant))];
    // With one tenant nobody's turn is to be told from anybody else's.
    const shares = tenants.length > 1 ? await readTenantShares(client, tenants) : [];
    const handover = handoverOf(configuration);
    const plan = planAdmissionAndHandover(views, candidates, gpuLimit, handover, nowMs, shares);
    const admitted =
      plan.assignments.length > 0
        ? await admitJobs(client, plan.assignments, configuration.timeouts.execution_ms)
        : [];
    const viewOf = new Map(views.map((view) => [view.spec.id, view]));
    const viewsOf = (ids: readonly string[]): EndpointView[] =>
      ids.flatMap((id) => {
        const view = viewOf.get(id);
        return view === undefined ? [] : [view];
      });
    for (const { endpoint_id, timeout_ms } of admitted)
      for (const view of viewsOf([endpoint_id])) keepContainer(book, view, timeout_ms, nowMs);
    const leaseMs = Math.round(nowMs) + RELEASE_LEASE_MS;
    const release = [...new Set([...plan.release, ...drainedToRelease(views, nowMs)])];
    for (const view of viewsOf(release))
      book.amend(view, (record) => ({ ...record, releasingUntilMs: leaseMs }));
    const yielding = viewsOf(plan.yielding).filter(({ record }) => !hasEndedTurn(record));
    for (const view of yielding) book.amend(view, (record) => ({ ...record, turnEndedAtMs: nowMs }));
    const hasRoom = hasRoomLeft(views, admitted, nowMs);
    const dueMs = hasRoom ? await nextRetryDueMs(client) : undefined;
    const lookAgainMs = Math.min(dueMs ?? Infinity, plan.lookAgainMs ?? Infinity);
    return {
      admitted,
      hasRoom,
      releases: release.map((id) => [id, leaseMs] as const),
      yielded: yielding.map(({ spec }) => spec.id),
      lookAgainInMs: Number.isFinite(lookAgainMs) ? Math.max(0, lookAgainMs - nowMs) : undefined,
    };
  }

  /** The jobs that a caller waits for go first, where operators have chosen that. */
  private async candidates(
    client: Queryable,
    views: readonly EndpointView[],
    nowMs: number,
  ): Promise<Candidate[]> {
    const demands = demandOf(views, nowMs);
    if (demands.length === 0) return [];
    const direct: Candidate[] = [];
    if (this.inForce.isDirect) {
      const { candidates, until } = await readAwaitedCandidates(client, demands, this.lookedUntilDirect);
      this.lookedUntilDirect = until;
      direct.push(...candidates);
    }
    const first = new Set(direct.map(({ jobId }) => jobId));
    const { candidates: waiting, until } = await readCandidates(client, demands, this.lookedUntil);
    this.lookedUntil = until;
    return [...direct, ...waiting.filter(({ jobId }) => !first.has(jobId))];
  }

  /** Where a release has failed just now, the scale-down is waited for. */
  private releasableOnly(views: readonly EndpointView[]): EndpointView[] {
    return views.map((view) =>
      view.spec.canRelease && !this.releases.isAllowed(view.spec.id)
        ? { ...view, spec: { ...view.spec, canRelease: false } }
        : view,
    );
  }
}

/** What a call does to its endpoint's container before it has begun. */
function keepContainer(book: EndpointBook, view: EndpointView, timeoutMs: number, nowMs: number): void {
  if (!holdsGpu(view, nowMs)) book.amend(view, (record) => afterWaking(record, nowMs));
  if (view.record.warmUntilMs <= nowMs) return;
  // A warm container stays warm through the call it is given, however long that takes.
  const untilMs = nowMs + timeoutMs + view.spec.scaledownWindowMs;
  book.amend(view, (record) => ({ ...record, warmUntilMs: Math.max(record.warmUntilMs, untilMs) }));
}

function hasRoomLeft(
  views: readonly EndpointView[],
  admitted: readonly AdmittedJob[],
  nowMs: number,
): boolean {
  const filled = new Map<string, number>();
  for (const { endpoint_id } of admitted) filled.set(endpoint_id, (filled.get(endpoint_id) ?? 0) + 1);
  return views.some((view) => {
    const { start, stage } = capacityOf(view, nowMs);
    return start + stage > (filled.get(view.spec.id) ?? 0);
  });
}
