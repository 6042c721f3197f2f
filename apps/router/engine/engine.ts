import { performance } from 'node:perf_hooks';
import type { Outcome, Started, Ticket } from '#contracts';
import { modelRequestSchema } from '#contracts';
import {
  ATTEMPT_ERROR_CODES,
  POISON_LETTERS,
  afterWaking,
  blamesPayload,
  capacityOf,
  demandOf,
  drainedToRelease,
  hasEndedTurn,
  holdsGpu,
  planAdmissionAndHandover,
  traitsOf,
  type AttemptErrorCode,
  type EndpointRecord,
  type EndpointView,
} from '#domain';
import type { JsMsg, TicketPublisher } from '#messaging';
import type { Logger, Metrics } from '#observability';
import {
  addExecutionTimes,
  admitJobs,
  keepStrayOutcomes,
  lockSettlingJobs,
  markPoison,
  markStarted,
  nextRetryDueMs,
  readAwaitedCandidates,
  readCandidates,
  readEarlierFailures,
  readEndpoints,
  readTenantShares,
  settleJobs,
  writeEndpointRecords,
  type AdmittedJob,
  type Database,
  type ExecutionSample,
  type NewLedgerEntry,
  type LookedUntil,
  type Queryable,
  type StartedJob,
} from '#persistence';
import type { InForce } from '../operations/in-force.js';
import { handoverOf, type Endpoints } from './endpoints.js';
import { HeldOutcomes } from './held-outcomes.js';
import type { LedgerPricing } from '../ledger/ledger-pricing.js';
import { CallsOfCycle, type EndpointThen } from '../ledger/record-calls.js';
import { reportEntries } from '../ledger/report-entries.js';
import { breakerChanges, recordBreakerChange, type BreakerChange } from './breaker-journal.js';
import type { JobJournal } from './job-journal.js';
import { RELEASE_LEASE_MS, recordAfterReply, type ReleaseReply, type Releases } from './releases.js';
import { settle, type Settled } from './settlement.js';

/** An outcome and what to do once it is recorded. */
export interface ReceivedOutcome {
  readonly outcome: Outcome;
  /** Absent for outcomes the router itself concludes, e.g. of a lost attempt. */
  readonly message?: JsMsg;
}

export interface EngineOptions {
  readonly database: Database;
  readonly endpoints: Endpoints;
  readonly tickets: TicketPublisher;
  readonly journal: JobJournal;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly inForce: InForce;
  readonly releases: Releases;
  readonly pricing: LedgerPricing;
  readonly random: () => number;
}

interface Cycle {
  readonly settled: readonly { settled: Settled; outcome: Outcome }[];
  readonly strays: readonly Outcome[];
  readonly entries: readonly NewLedgerEntry[];
  readonly started: readonly StartedJob[];
  readonly admitted: readonly AdmittedJob[];
  readonly breakers: readonly BreakerChange[];
  readonly hasRoom: boolean;
  /** Releases to ask for, with the lease of each. */
  readonly releases: readonly (readonly [endpointId: string, leaseMs: number])[];
  /** Endpoints that were told that their turn is over. */
  readonly yielded: readonly string[];
  /** Time alone may change something then. */
  readonly lookAgainInMs: number | undefined;
}

const PAYLOAD_CODES = ATTEMPT_ERROR_CODES.filter(blamesPayload);
const OUTCOMES_PER_CYCLE = 500;
const IDLE_POLL_MS = 1000;
const FAULT_PAUSE_MS = 250;

/**
 * Records outcomes and admits jobs, in one transaction at a time: whatever arrives while a cycle commits makes
 * up the next one, so batches grow with the load. The cycle holds the admission lock, so the slot an outcome
 * frees is filled in the same commit, and no two routers ever admit at once.
 */
export class Engine {
  private readonly outcomes: ReceivedOutcome[] = [];
  private readonly held = new HeldOutcomes();
  private readonly started: Started[] = [];
  private readonly releaseReplies: ReleaseReply[] = [];
  private poked = true;
  private running: Promise<void> | undefined;
  private stopped = false;
  private timer: NodeJS.Timeout | undefined;
  private failures = 0;
  /** Whether the last cycle left an endpoint that could take a ticket; while none can, new jobs change nothing. */
  private hasRoom = true;
  /** Where more tenants wait than one look takes in, the next one begins here. Lost at a restart, it begins anew. */
  private lookedUntil: LookedUntil = new Map();
  /** The same, among the jobs that a caller waits for. */
  private lookedUntilDirect: LookedUntil = new Map();

  constructor(private readonly options: EngineOptions) {}

  /** An outcome arrived. It is acked once it is committed. */
  receive(outcome: ReceivedOutcome): void {
    this.held.hold(outcome.message);
    this.outcomes.push(outcome);
    this.wake();
  }

  /** A call has begun, or is still running. */
  alive(started: readonly Started[]): void {
    for (const sign of started) this.started.push(sign);
    if (started.length > 0) this.wake();
  }

  /** Jobs were accepted. */
  jobsArrived(): void {
    if (this.hasRoom) this.poke();
  }

  /** Something may be admissible. */
  poke(): void {
    this.poked = true;
    this.wake();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    await this.running;
    this.held.close();
  }

  private wake(): void {
    if (this.running !== undefined || this.stopped) return;
    this.running = this.run().finally(() => {
      this.running = undefined;
      if (this.hasNews()) this.wake();
    });
  }

  private hasNews(): boolean {
    const { poked, outcomes, started, releaseReplies } = this;
    return poked || outcomes.length > 0 || started.length > 0 || releaseReplies.length > 0;
  }

  private async run(): Promise<void> {
    while (!this.stopped && this.hasNews()) {
      const outcomes = this.outcomes.splice(0, OUTCOMES_PER_CYCLE);
      const started = this.started.splice(0);
      this.poked = false;
      try {
        await this.cycle(outcomes, started);
        this.failures = 0;
      } catch (error) {
        await this.recover(error, outcomes, started);
      }
    }
  }

  private async cycle(outcomes: readonly ReceivedOutcome[], started: readonly Started[]): Promise<void> {
    const { database, metrics } = this.options;
    const beganMs = performance.now();
    const replies = [...this.releaseReplies];
    const cycle = await database.admissionTransaction((client, nowMs) =>
      this.transact(client, nowMs, outcomes, started, replies),
    );
    metrics.observe('beacon_settle_seconds', {}, (performance.now() - beganMs) / 1000);
    this.releaseReplies.splice(0, replies.length);
    this.hasRoom = cycle.hasRoom;
    this.publish(cycle.admitted);
    for (const { message } of outcomes) this.held.ack(message);
    for (const [endpointId, leaseMs] of cycle.releases) void this.release(endpointId, leaseMs);
    this.trace(cycle);
    this.schedule(cycle.lookAgainInMs);
  }

  /** One transaction. Order matters: what has started, what has ended, and only then what may begin. */
  private async transact(
    client: Queryable,
    nowMs: number,
    received: readonly ReceivedOutcome[],
    signs: readonly Started[],
    replies: readonly ReleaseReply[],
  ): Promise<Cycle> {
    const { endpoints, inForce, random } = this.options;
    // In the transaction that decides: a pause that was answered holds for every admission after it, in every router.
    await inForce.refresh(client);
    const { configuration, gpuLimit, onlyRegion, retries, breaker } = inForce;
    const policy = { retries, breaker, onlyRegion };
    const ended = new Set(received.map(({ outcome }) => `${outcome.job_id}:${outcome.epoch}`));
    const startedSigns = signs.filter(({ job_id, epoch }) => !ended.has(`${job_id}:${epoch}`));
    const started = startedSigns.length > 0 ? await markStarted(client, startedSigns) : [];

    const stored = await readEndpoints(client, endpoints.ids);
    const before = new Map(stored);
    const changed = new Map<string, EndpointRecord>();
    const change = (endpointId: string, record: EndpointRecord): void => {
      stored.set(endpointId, { record, leases: stored.get(endpointId)?.leases ?? 0 });
      changed.set(endpointId, record);
    };
    for (const reply of replies) {
      const view = endpoints.views(stored, Date.now()).find(({ spec }) => spec.id === reply.endpointId);
      const next = view && recordAfterReply(reply, view, nowMs);
      if (next !== undefined) change(reply.endpointId, next);
    }
    const settled: { settled: Settled; outcome: Outcome }[] = [];
    const strays: Outcome[] = [];
    let entries: readonly NewLedgerEntry[] = [];
    if (received.length > 0) {
      const jobs = await lockSettlingJobs(client, [
        ...new Set(received.map(({ outcome }) => outcome.job_id)),
      ]);
      const earlier = await earlierFailures(client, received);
      const calls = await CallsOfCycle.read(
        client,
        received.map(({ outcome }) => outcome),
        this.options.pricing,
      );
      const seen = new Set<string>();
      for (const { outcome, message } of received) {
        const views = endpoints.views(stored, Date.now());
        const next = seen.has(outcome.job_id)
          ? undefined
          : settle(
              outcome,
              jobs.get(outcome.job_id),
              views,
              policy,
              nowMs,
              random(),
              outcome.result.kind === 'failed' && earlier.has(`${outcome.job_id}:${outcome.result.code}`),
            );
        const then = endpointThen(views, outcome.endpoint_id);
        if (next === undefined) {
          // What this router concluded by itself cost nothing.
          if (message === undefined) continue;
          calls.note(outcome, undefined, then, nowMs);
          // One that tells of earlier calls alone is no second outcome.
          if (outcome.calls?.id !== null) strays.push(outcome);
          continue;
        }
        calls.note(outcome, { isAccepted: next.to === 'completed' }, then, nowMs);
        // Its slot is freed: nothing else that arrived with this can be what it waits for.
        seen.add(outcome.job_id);
        settled.push({ settled: next, outcome });
        const found = stored.get(outcome.endpoint_id);
        if (found !== undefined) {
          const record = next.endpoint ?? found.record;
          stored.set(outcome.endpoint_id, { record, leases: found.leases - 1 });
          if (next.endpoint !== undefined) changed.set(outcome.endpoint_id, record);
        }
        for (const { endpointId, record } of next.neighbours) change(endpointId, record);
      }
      if (settled.length > 0)
        await settleJobs(
          client,
          settled.map((entry) => entry.settled.settlement),
        );
      await notePoison(client, settled);
      const samples = settled.flatMap(({ settled: { job }, outcome }) => sampleOf(job.model, outcome));
      if (samples.length > 0) await addExecutionTimes(client, samples);
      if (strays.length > 0) await keepStrayOutcomes(client, strays.map(strayOf));
      entries = await calls.write(client);
    }

    const views = this.releasableOnly(endpoints.views(stored, Date.now()));
    const viewOf = new Map(views.map((view) => [view.spec.id, view]));
    const demands = demandOf(views, nowMs);
    const { candidates: direct, until: untilDirect } =
      inForce.isDirect && demands.length > 0
        ? await readAwaitedCandidates(client, demands, this.lookedUntilDirect)
        : { candidates: [], until: this.lookedUntilDirect };
    this.lookedUntilDirect = untilDirect;
    const first = new Set(direct.map(({ jobId }) => jobId));
    const { candidates: waiting, until } =
      demands.length > 0
        ? await readCandidates(client, demands, this.lookedUntil)
        : { candidates: [], until: this.lookedUntil };
    this.lookedUntil = until;
    const candidates = [...direct, ...waiting.filter(({ jobId }) => !first.has(jobId))];
    const tenants = [...new Set(candidates.map(({ tenant }) => tenant))];
    // With one tenant nobody's turn is to be told from anybody else's.
    const shares = tenants.length > 1 ? await readTenantShares(client, tenants) : [];
    const handover = handoverOf(configuration);
    const plan = planAdmissionAndHandover(views, candidates, gpuLimit, handover, nowMs, shares);
    const admitted =
      plan.assignments.length > 0
        ? await admitJobs(client, plan.assignments, configuration.timeouts.execution_ms)
        : [];
    for (const { endpoint_id, timeout_ms } of admitted) {
      const view = viewOf.get(endpoint_id);
      if (view === undefined) continue;
      const record = changed.get(endpoint_id) ?? view.record;
      if (!holdsGpu(view, nowMs)) changed.set(endpoint_id, afterWaking(record, nowMs));
      if (view.record.warmUntilMs <= nowMs) continue;
      // A warm container stays warm through the call it is given, however long that takes.
      const warmUntilMs = Math.max(record.warmUntilMs, nowMs + timeout_ms + view.spec.scaledownWindowMs);
      changed.set(endpoint_id, { ...record, warmUntilMs });
    }
    const leaseMs = Math.round(nowMs) + RELEASE_LEASE_MS;
    const release = [...new Set([...plan.release, ...drainedToRelease(views, nowMs)])];
    for (const id of release) {
      const record = changed.get(id) ?? viewOf.get(id)?.record;
      if (record !== undefined) changed.set(id, { ...record, releasingUntilMs: leaseMs });
    }
    const yielded = plan.yielding.filter((id) => {
      const view = viewOf.get(id);
      return view !== undefined && !hasEndedTurn(view.record);
    });
    for (const id of yielded) {
      const record = changed.get(id) ?? viewOf.get(id)?.record;
      if (record !== undefined) changed.set(id, { ...record, turnEndedAtMs: nowMs });
    }
    if (changed.size > 0) {
      await writeEndpointRecords(
        client,
        [...changed].map(([endpointId, record]) => ({ endpointId, record })),
      );
    }
    const filled = new Map<string, number>();
    for (const { endpoint_id } of admitted) filled.set(endpoint_id, (filled.get(endpoint_id) ?? 0) + 1);
    const hasRoom = views.some((view) => {
      const { start, stage } = capacityOf(view, nowMs);
      return start + stage > (filled.get(view.spec.id) ?? 0);
    });
    const dueMs = hasRoom ? await nextRetryDueMs(client) : undefined;
    const lookAgainMs = Math.min(dueMs ?? Infinity, plan.lookAgainMs ?? Infinity);
    return {
      settled,
      strays,
      entries,
      started,
      admitted,
      breakers: breakerChanges(before, changed),
      hasRoom,
      releases: release.map((id) => [id, leaseMs] as const),
      yielded,
      lookAgainInMs: Number.isFinite(lookAgainMs) ? Math.max(0, lookAgainMs - nowMs) : undefined,
    };
  }

  /** Where a release has failed just now, the scale-down is waited for. */
  private releasableOnly(views: readonly EndpointView[]): EndpointView[] {
    return views.map((view) =>
      view.spec.canRelease && !this.options.releases.isAllowed(view.spec.id)
        ? { ...view, spec: { ...view.spec, canRelease: false } }
        : view,
    );
  }

  private async release(endpointId: string, leaseMs: number): Promise<void> {
    this.releaseReplies.push(await this.options.releases.ask(endpointId, leaseMs));
    this.wake();
  }

  /** Tickets go out pipelined; one that does not arrive is found by the reconciler, from its slot. */
  publish(admitted: readonly AdmittedJob[]): void {
    for (const job of admitted) {
      this.options.tickets.publish(ticketOf(job)).catch((error: unknown) => {
        this.options.logger.warn(
          { event: 'ticket.not_published', job_id: job.id, epoch: job.epoch, err: error },
          'a ticket could not be published; it will be issued again',
        );
      });
    }
  }

  private trace({ settled, strays, entries, started, admitted, breakers, yielded }: Cycle): void {
    const { journal, metrics, logger } = this.options;
    reportEntries(entries, metrics, logger);
    for (const endpointId of yielded) {
      metrics.count('beacon_gpu_turns_ended_total', { endpoint: endpointId });
      logger.info(
        { event: 'endpoint.turn_ended', endpoint_id: endpointId },
        'has had its turn: its GPU goes to another endpoint once its calls have ended',
      );
    }
    for (const change of breakers) recordBreakerChange(change, metrics, logger);
    for (const job of started) {
      journal.record({
        jobId: job.id,
        from: 'dispatched',
        to: 'processing',
        attempt: job.attempt,
        homeRegion: job.region,
        region: job.region,
        endpointId: job.endpoint_id,
      });
      if (job.waited_ms !== null)
        metrics.observe('beacon_job_wait_seconds', { region: job.region }, job.waited_ms / 1000);
      else metrics.observe('beacon_retry_start_seconds', { region: job.region }, job.dispatch_ms / 1000);
    }
    for (const { settled: entry, outcome } of settled) this.traceSettled(entry, outcome);
    for (const outcome of strays) {
      metrics.count('beacon_stray_outcomes_total', { region: outcome.region, kind: outcome.result.kind });
      logger.warn(
        {
          event: 'outcome.stray',
          job_id: outcome.job_id,
          attempt: outcome.attempt,
          epoch: outcome.epoch,
          kind: outcome.result.kind,
        },
        'an outcome of a superseded or recorded ticket changed nothing',
      );
    }
    for (const job of admitted) {
      journal.record({
        jobId: job.id,
        from: job.is_retry ? 'retrying' : 'queued',
        to: 'dispatched',
        attempt: job.attempt,
        homeRegion: job.region,
        region: job.region,
        endpointId: job.endpoint_id,
      });
    }
  }

  private traceSettled({ settlement, job, from, to, plan }: Settled, outcome: Outcome): void {
    const { journal, metrics } = this.options;
    const { region, endpoint_id: endpoint, result } = outcome;
    const code = settlement.attempt_error_code ?? 'none';
    metrics.count('beacon_attempts_total', { region, endpoint, status: settlement.attempt_status, code });
    if (result.kind === 'succeeded') {
      const cold = result.cold_start === true;
      if (cold) metrics.count('beacon_cold_starts_total', { endpoint });
      metrics.observe(
        'beacon_execution_seconds',
        { region, model: job.model, cold: String(cold) },
        outcome.duration_ms / 1000,
      );
    }
    // A failure of a job that is being cancelled is followed by nothing.
    if (plan !== undefined && (to === 'retrying' || to === 'failed')) {
      metrics.count('beacon_retries_total', { region, kind: plan.kind });
    }
    if (to === undefined) return;
    journal.record({
      jobId: outcome.job_id,
      from,
      to,
      attempt: outcome.attempt,
      homeRegion: job.home_region,
      region,
      endpointId: endpoint,
      ...(settlement.attempt_error_code === null ? {} : { code: settlement.attempt_error_code }),
    });
  }

  /** Looks again when time alone may change something, and at least every second: hints may be lost. */
  private schedule(lookAgainInMs: number | undefined): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.poke(), Math.min(IDLE_POLL_MS, (lookAgainInMs ?? IDLE_POLL_MS) + 1));
  }

  /**
   * A cycle failed as a whole. The database may be away: everything waits and is tried again. Where one outcome
   * is the cause, going through them one by one lets its neighbours proceed.
   */
  private async recover(
    error: unknown,
    outcomes: readonly ReceivedOutcome[],
    started: readonly Started[],
  ): Promise<void> {
    const { logger } = this.options;
    this.failures += 1;
    logger.error(
      { event: 'engine.cycle_failed', failures: this.failures, outcomes: outcomes.length, err: error },
      'a cycle failed',
    );
    if (this.failures % 3 === 0 && isDataFault(error) && outcomes.length > 0) {
      for (const received of outcomes) {
        try {
          await this.cycle([received], []);
        } catch (single) {
          if (!isDataFault(single)) this.outcomes.unshift(received);
          else await this.bury(received, single);
        }
      }
      return;
    }
    this.outcomes.unshift(...outcomes);
    this.started.unshift(...started.slice(-10_000));
    this.poked = true;
    await new Promise((resolve) => setTimeout(resolve, FAULT_PAUSE_MS));
  }

  /** The database refuses this outcome's content: the attempt is recorded as failed, so the job goes on. */
  private async bury(received: ReceivedOutcome, cause: unknown): Promise<void> {
    const { outcome } = received;
    this.options.logger.error(
      { event: 'outcome.unstorable', job_id: outcome.job_id, epoch: outcome.epoch, err: cause },
      'an outcome cannot be stored',
    );
    const result = {
      kind: 'failed',
      code: 'RESPONSE_INVALID',
      detail: 'the answer could not be stored',
    } as const;
    await this.cycle([{ ...received, outcome: { ...outcome, result } }], []).catch(() =>
      this.outcomes.push(received),
    );
  }
}

/** Read only where a code is met that a job survives once. */
async function earlierFailures(
  client: Queryable,
  received: readonly ReceivedOutcome[],
): Promise<ReadonlySet<string>> {
  const jobIds = new Set<string>();
  const codes = new Set<AttemptErrorCode>();
  for (const { outcome } of received) {
    if (outcome.result.kind !== 'failed' || traitsOf(outcome.result.code).once !== true) continue;
    jobIds.add(outcome.job_id);
    codes.add(outcome.result.code);
  }
  return jobIds.size === 0 ? new Set() : readEarlierFailures(client, [...jobIds], [...codes]);
}

/** What has just failed for good may be the latest of many like it. */
async function notePoison(
  client: Queryable,
  settled: readonly { readonly settled: Settled }[],
): Promise<void> {
  const buried = settled.flatMap(({ settled: { settlement } }) =>
    settlement.dead_letter && settlement.error_code !== null && blamesPayload(settlement.error_code)
      ? [settlement.job_id]
      : [],
  );
  if (buried.length > 0) await markPoison(client, buried, PAYLOAD_CODES, POISON_LETTERS);
}

/** Class 22 and 23 of SQLSTATE: the data, not the connection, is at fault. */
function isDataFault(error: unknown): boolean {
  const { code } = error as { code?: unknown };
  return typeof code === 'string' && /^2[23]/.test(code);
}

export function ticketOf(job: AdmittedJob): Ticket {
  return {
    v: 1,
    job_id: job.id,
    attempt: job.attempt,
    epoch: job.epoch,
    endpoint_id: job.endpoint_id,
    region: job.region,
    model: job.model,
    staged: job.staged,
    timeout_ms: job.timeout_ms,
    request: modelRequestSchema.parse(job.request),
  };
}

function endpointThen(views: readonly EndpointView[], endpointId: string): EndpointThen {
  const view = views.find(({ spec }) => spec.id === endpointId);
  return { gpuUntilMs: view?.record.gpuUntilMs ?? 0, windowMs: view?.spec.scaledownWindowMs ?? 0 };
}

function sampleOf(model: string, { result, region, duration_ms }: Outcome): ExecutionSample[] {
  if (result.kind !== 'succeeded') return [];
  return [{ region, model, cold: result.cold_start === true, executionMs: duration_ms }];
}

function strayOf({ job_id, attempt, epoch, endpoint_id, result, duration_ms }: Outcome) {
  return {
    job_id,
    attempt,
    epoch,
    endpoint_id,
    kind: result.kind,
    error_code: result.kind === 'failed' ? result.code : null,
    duration_ms: Math.round(duration_ms),
  };
}
