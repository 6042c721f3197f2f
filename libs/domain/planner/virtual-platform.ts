import {
  afterRelease,
  afterSuccess,
  afterWaking,
  capacityOf,
  holdsGpu,
  type EndpointRecord,
  type EndpointSpec,
  type EndpointView,
} from '../endpoint.js';
import type { ContainerAccount } from './container-account.js';
import type { Phase } from './phases.js';
import type { PlanInput } from './plan-input.js';
import type { Lot, Work } from './work.js';

interface View extends EndpointView {
  record: EndpointRecord;
  leases: number;
}

interface Call {
  readonly work: Work;
  readonly lot: Lot;
  readonly cold: boolean;
  endsMs: number;
}

/** A waiting lot's claim: when it was submitted, and the number of its cell. Smaller goes first. */
type Claim = readonly [submittedMs: number, cell: number, pair: number];

/**
 * Endpoints in virtual time, with admission's own rules for what an endpoint takes, what holds a GPU and what an
 * answer changes. Only the choice among candidates is another implementation of `planAdmission`, on counts instead
 * of jobs; simulate-order.property.spec.ts holds the two together.
 */
export class VirtualPlatform {
  nowMs = 0;
  /** GPUs held at once by endpoints that answer cells of the run. */
  peakGpus = 0;
  /** Somebody had to wait for longer than a turn: GPUs change hands then, which is not simulated. */
  exceedsTurn = false;
  /** Endpoints looked at by admission so far: what the simulation costs. */
  steps = 0;
  private readonly views: readonly View[];
  private readonly running: readonly Call[][];
  /** Staged calls: they begin when a running one ends. */
  private readonly staged: readonly Call[][];
  private readonly takesPart: readonly boolean[];
  private readonly coldStartsMs: readonly number[];
  /** By endpoint: when the release that was last asked for is done. */
  private readonly releasedAtMs: number[];
  private isWaitingForGpu = false;

  constructor(
    private readonly input: PlanInput,
    servers: readonly (readonly number[])[],
    private readonly account: ContainerAccount,
  ) {
    this.views = viewsOf(input).map((view) => ({ ...view }));
    this.running = input.endpoints.map(() => []);
    this.staged = input.endpoints.map(() => []);
    this.releasedAtMs = input.endpoints.map(() => 0);
    const taking = new Set(servers.flat());
    this.takesPart = input.endpoints.map((_, endpoint) => taking.has(endpoint));
    this.coldStartsMs = input.endpoints.map((_, endpoint) => coldStartMs(input, endpoint));
  }

  /** Answers every cell of a phase, from now on. */
  run(phase: Phase, works: readonly Work[]): void {
    let openCells = 0;
    for (const work of works) {
      work.submittedMs = this.nowMs;
      openCells += work.totalCells;
    }
    const drawable = this.views.map((_, endpoint) =>
      works.filter(({ servers }) => servers.includes(endpoint)),
    );
    for (;;) {
      this.admit(phase, drawable);
      if (openCells === 0) return;
      this.nowMs = this.nextEventMs(works);
      this.finishReleases();
      const ended = this.settle(phase);
      if (ended.length === 0) continue;
      // The slots that were freed are filled from what waits; only then does the runner hear of the answers.
      this.admit(phase, drawable);
      for (const { work, lot } of ended) {
        openCells -= lot.cells;
        work.inFlight -= 1;
        work.submittedMs = work.oneInFlight ? this.nowMs : work.submittedMs;
      }
    }
  }

  /** All that the future depends on, between two phases, relative to now. */
  standing(): string {
    return this.views
      .map(({ record }, endpoint) => {
        const idleMs = this.account.idleForMs(endpoint, this.nowMs);
        const { lingerMs } = this.input.handover;
        const leftMs = [record.warmUntilMs, record.gpuUntilMs, record.idleSinceMs + lingerMs];
        const releasingMs = record.releasingUntilMs > 0 ? (this.releasedAtMs[endpoint] ?? 0) : 0;
        return [...leftMs, releasingMs].map((ms) => Math.max(0, ms - this.nowMs)).join() + `,${idleMs}`;
      })
      .join(';');
  }

  /** Time passes at whose end everything stands as it does now. */
  skip(ms: number): void {
    for (const view of this.views) {
      const { warmUntilMs, gpuUntilMs, gpuSinceMs, idleSinceMs } = view.record;
      view.record = {
        ...view.record,
        warmUntilMs: warmUntilMs + ms,
        gpuUntilMs: gpuUntilMs + ms,
        gpuSinceMs: gpuSinceMs + ms,
        idleSinceMs: idleSinceMs + ms,
      };
    }
    for (const [endpoint, atMs] of this.releasedAtMs.entries()) this.releasedAtMs[endpoint] = atMs + ms;
    this.nowMs += ms;
  }

  /** The same decisions as `planAdmission`, in the same sequence. */
  private admit(phase: Phase, drawable: readonly (readonly Work[])[]): void {
    this.steps += this.views.length;
    const capacities = this.views.map((view) => capacityOf(view, this.nowMs));
    const holds = this.views.map((view) => holdsGpu(view, this.nowMs));
    let gpusFree = this.input.gpuLimit - holds.filter(Boolean).length;
    const cold = this.views.flatMap((_, endpoint) => {
      if (holds[endpoint] === true || capacities[endpoint]?.start === 0) return [];
      const claim = firstOf(drawable[endpoint] ?? [])?.claim;
      return claim === undefined ? [] : [{ endpoint, claim }];
    });
    for (const [endpoint, capacity] of capacities.entries()) {
      if (holds[endpoint] === true) this.assign(phase, endpoint, drawable, capacity.start, false);
    }
    for (const { endpoint } of cold.sort((left, right) => compareClaims(left.claim, right.claim))) {
      if (gpusFree <= 0) break;
      if (this.assign(phase, endpoint, drawable, capacities[endpoint]?.start ?? 0, false) > 0) gpusFree -= 1;
    }
    for (const [endpoint, capacity] of capacities.entries()) {
      if (holds[endpoint] === true) this.assign(phase, endpoint, drawable, capacity.stage, true);
    }
    this.handOver(drawable);
    const held = this.views.filter(
      (view, endpoint) => this.takesPart[endpoint] === true && holdsGpu(view, this.nowMs),
    );
    this.peakGpus = Math.max(this.peakGpus, held.length);
  }

  /** The same decisions as `planAdmissionAndHandover` while nobody has had its turn. */
  private handOver(drawable: readonly (readonly Work[])[]): void {
    const waiting = this.countWaitingForGpu(drawable);
    this.isWaitingForGpu = waiting > 0;
    if (waiting === 0) return;
    const { lingerMs, turnMs } = this.input.handover;
    this.exceedsTurn ||= this.views.some(
      ({ record }, endpoint) =>
        this.running[endpoint]?.some(({ endsMs }) => endsMs > record.gpuSinceMs + turnMs) === true,
    );
    const holding = this.views.filter((view) => holdsGpu(view, this.nowMs));
    const underWay = holding.filter(({ record }) => record.releasingUntilMs > this.nowMs).length;
    const idle = this.views
      .map((view, endpoint) => ({ view, endpoint, releaseMs: this.input.endpoints[endpoint]?.releaseMs }))
      .filter(({ view }) => holding.includes(view) && view.leases === 0)
      .filter(({ view }) => view.record.releasingUntilMs <= this.nowMs)
      .filter(({ view }) => view.record.idleSinceMs + lingerMs <= this.nowMs)
      .sort((left, right) => left.view.record.idleSinceMs - right.view.record.idleSinceMs);
    let wanted = waiting - underWay;
    for (const { view, endpoint, releaseMs } of idle) {
      if (wanted <= 0) return;
      if (releaseMs === null || releaseMs === undefined) continue;
      wanted -= 1;
      const atMs = this.nowMs + releaseMs;
      this.releasedAtMs[endpoint] = atMs;
      // The lease under which it is asked outlives the answer.
      view.record = { ...view.record, releasingUntilMs: Number.MAX_SAFE_INTEGER };
    }
  }

  /** Cold endpoints without a GPU, each with a waiting cell that is counted for no other. */
  private countWaitingForGpu(drawable: readonly (readonly Work[])[]): number {
    const left = new Map<Work, number>();
    const hasLeft = (work: Work): boolean => (left.get(work) ?? waitingCalls(work)) > 0;
    const cold = this.views.flatMap((view, endpoint) => {
      if (holdsGpu(view, this.nowMs) || capacityOf(view, this.nowMs).start === 0) return [];
      const first = firstOf(drawable[endpoint] ?? []);
      return first === undefined ? [] : [{ endpoint, claim: first.claim }];
    });
    let count = 0;
    for (const { endpoint } of cold.sort((one, other) => compareClaims(one.claim, other.claim))) {
      const first = firstOf((drawable[endpoint] ?? []).filter(hasLeft));
      if (first === undefined) continue;
      left.set(first.work, (left.get(first.work) ?? waitingCalls(first.work)) - 1);
      count += 1;
    }
    return count;
  }

  private finishReleases(): void {
    for (const [endpoint, atMs] of this.releasedAtMs.entries()) {
      const view = this.views[endpoint];
      if (atMs > this.nowMs || view === undefined || view.record.releasingUntilMs === 0) continue;
      view.record = afterRelease(view.record, 0, atMs);
      this.account.release(endpoint, atMs);
    }
  }

  private assign(
    phase: Phase,
    endpoint: number,
    drawable: readonly (readonly Work[])[],
    count: number,
    isStaged: boolean,
  ): number {
    const view = this.views[endpoint];
    if (view === undefined) return 0;
    for (let assigned = 0; assigned < count; assigned += 1) {
      const work = firstOf(drawable[endpoint] ?? [])?.work;
      if (work === undefined) return assigned;
      const cells = Math.min(work.lotCells, work.totalCells - work.takenCells);
      const lot = { cells, fromCell: work.takenCells };
      work.takenCells += cells;
      work.inFlight += 1;
      const cold = view.record.warmUntilMs <= this.nowMs;
      if (!holdsGpu(view, this.nowMs)) view.record = afterWaking(view.record, this.nowMs);
      const call: Call = { work, lot, cold, endsMs: 0 };
      view.leases += 1;
      if (!cold) {
        // A warm container stays warm through the call it is given.
        const warmUntilMs = this.nowMs + this.input.timeoutMs + view.spec.scaledownWindowMs;
        view.record = { ...view.record, warmUntilMs: Math.max(view.record.warmUntilMs, warmUntilMs) };
      }
      if (isStaged) this.staged[endpoint]?.push(call);
      else this.begin(phase, endpoint, call);
    }
    return count;
  }

  private begin(phase: Phase, endpoint: number, call: Call): void {
    const { work, lot, cold } = call;
    const coldStarts = cold ? this.coldStartsOf(endpoint, lot) : null;
    call.endsMs = this.nowMs + (coldStarts?.ms ?? 0) + work.durationMs(endpoint, lot, cold);
    this.running[endpoint]?.push(call);
    const { repeats } = this.input;
    const isWhole = lot.cells === work.totalCells;
    const fromQuestion = phase.fromQuestion + Math.floor(lot.fromCell / repeats);
    const toQuestion = phase.fromQuestion + Math.floor((lot.fromCell + lot.cells - 1) / repeats);
    this.account.begin(
      endpoint,
      this.nowMs,
      coldStarts,
      isWhole ? phase.fromQuestion : fromQuestion,
      isWhole ? phase.toQuestion : toQuestion,
    );
  }

  private coldStartsOf(endpoint: number, { cells }: Lot): { count: number; ms: number } {
    const spec = this.input.endpoints[endpoint]?.spec;
    const count = spec === undefined ? 1 : coldStartsIn(spec, cells);
    return { count, ms: count * (this.coldStartsMs[endpoint] ?? 0) };
  }

  /** Records what ends now, and begins what was staged behind it. */
  private settle(phase: Phase): Call[] {
    const ended: Call[] = [];
    for (const [endpoint, running] of this.running.entries()) {
      const view = this.views[endpoint];
      for (let index = running.length - 1; index >= 0; index -= 1) {
        const call = running[index];
        if (call === undefined || view === undefined || call.endsMs > this.nowMs) continue;
        running.splice(index, 1);
        view.leases -= 1;
        view.record = afterSuccess(view.record, view.spec, this.nowMs);
        this.account.end(endpoint, this.nowMs);
        ended.push(call);
      }
      while (view !== undefined && running.length < view.spec.concurrency) {
        const next = this.staged[endpoint]?.shift();
        if (next === undefined) break;
        this.begin(phase, endpoint, next);
      }
    }
    return ended;
  }

  private nextEventMs(works: readonly Work[]): number {
    let nextMs = Number.POSITIVE_INFINITY;
    for (const running of this.running) for (const { endsMs } of running) nextMs = Math.min(nextMs, endsMs);
    if (works.some((work) => firstOf([work]) !== undefined)) {
      for (const [endpoint, { leases, record }] of this.views.entries()) {
        if (leases > 0) continue;
        const isReleasing = record.releasingUntilMs > this.nowMs;
        const canRelease = this.isWaitingForGpu && this.input.endpoints[endpoint]?.releaseMs !== null;
        const lingersUntilMs = canRelease ? record.idleSinceMs + this.input.handover.lingerMs : 0;
        const changeMs = isReleasing ? (this.releasedAtMs[endpoint] ?? 0) : lingersUntilMs;
        for (const ms of [record.gpuUntilMs, changeMs]) if (ms > this.nowMs) nextMs = Math.min(nextMs, ms);
      }
    }
    if (!Number.isFinite(nextMs)) throw new RangeError('there are cells that no endpoint may ever answer');
    return nextMs;
  }
}

/** Endpoints as admission sees them, all of them well and without calls. */
export function viewsOf({ endpoints }: PlanInput): EndpointView[] {
  return endpoints.map(({ spec, record }) => ({
    spec,
    record: { ...record, paused: false, breaker: 'closed' },
    leases: 0,
    dispatcherAlive: true,
  }));
}

/** A container loads every model of its endpoint, so its first call waits for the slowest of those that are asked. */
export function coldStartMs({ endpoints, pairs, timesOf }: PlanInput, endpoint: number): number {
  const spec = endpoints[endpoint]?.spec;
  if (spec === undefined) return 0;
  const asked = spec.models.filter((model) => pairs.some((pair) => pair.model === model));
  return asked.reduce((slowest, model) => Math.max(slowest, timesOf(spec.region, model).coldStartMs), 0);
}

/** Cold starts of so many cells, one after the other, at an endpoint that is cold: without a window, each is one. */
export function coldStartsIn({ scaledownWindowMs }: EndpointSpec, cells: number): number {
  return scaledownWindowMs > 0 ? 1 : cells;
}

function firstOf(works: readonly Work[]): { work: Work; claim: Claim } | undefined {
  let first: { work: Work; claim: Claim } | undefined;
  for (const work of works) {
    if (waitingCalls(work) === 0) continue;
    const claim: Claim = [work.submittedMs, work.takenCells, work.pair];
    if (first === undefined || compareClaims(claim, first.claim) < 0) first = { work, claim };
  }
  return first;
}

/** How many of its calls wait to be drawn. */
function waitingCalls({ oneInFlight, inFlight, takenCells, totalCells, lotCells }: Work): number {
  if (oneInFlight) return inFlight > 0 || takenCells >= totalCells ? 0 : 1;
  return Math.ceil((totalCells - takenCells) / lotCells);
}

function compareClaims(left: Claim, right: Claim): number {
  return left[0] - right[0] || left[1] - right[1] || left[2] - right[2];
}
