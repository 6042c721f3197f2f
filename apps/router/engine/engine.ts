import { performance } from 'node:perf_hooks';
import type { TicketPublisher } from '#messaging';
import type { Logger, Metrics, Tracing } from '#observability';
import { markStarted, type AdmittedJob, type Database, type Queryable, type SignOfLife } from '#persistence';
import type { LedgerPricing } from '../ledger/ledger-pricing.js';
import type { InForce } from '../operations/in-force.js';
import { Admission, type Admitted } from './admission.js';
import { CycleReport, type Cycle } from './cycle-report.js';
import { EndpointBook } from './endpoint-book.js';
import type { Endpoints } from './endpoints.js';
import { HeldOutcomes } from './held-outcomes.js';
import type { JobJournal } from './job-journal.js';
import { recordOutcomes, type ReceivedOutcome } from './record-outcomes.js';
import { recordAfterReply, type ReleaseReply, type Releases } from './releases.js';
import { TicketIssue } from './ticket-issue.js';

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
  readonly tracing: Tracing;
}

type CommittedCycle = Cycle & Admitted;

const OUTCOMES_PER_CYCLE = 500;
const IDLE_POLL_MS = 1000;
const FAULT_PAUSE_MS = 250;
/** What is kept of signs while nothing can be written; they come again. */
const SIGNS_MAX = 10_000;

/**
 * Records outcomes and admits jobs, in one transaction at a time: whatever arrives while a cycle commits makes
 * up the next one, so batches grow with the load. The cycle holds the admission lock, so the slot an outcome
 * frees is filled in the same commit, and no two routers ever admit at once.
 */
export class Engine {
  private readonly outcomes: ReceivedOutcome[] = [];
  private readonly held = new HeldOutcomes();
  private readonly signs: SignOfLife[] = [];
  private signsBeingWritten: readonly SignOfLife[] = [];
  private readonly releaseReplies: ReleaseReply[] = [];
  private poked = true;
  private running: Promise<void> | undefined;
  private stopped = false;
  private timer: NodeJS.Timeout | undefined;
  private failures = 0;
  /** Whether the last cycle left an endpoint that could take a ticket; while none can, new jobs change nothing. */
  private hasRoom = true;
  private readonly admission: Admission;
  private readonly tickets: TicketIssue;
  private readonly report: CycleReport;

  constructor(private readonly options: EngineOptions) {
    const { inForce, releases, tickets, tracing, journal, metrics, logger } = options;
    this.admission = new Admission(inForce, releases);
    this.tickets = new TicketIssue(tickets, tracing, logger);
    this.report = new CycleReport(journal, metrics, logger, tracing);
  }

  /** An outcome arrived. It is acked once it is committed. */
  receive(outcome: ReceivedOutcome): void {
    this.held.hold(outcome.message);
    this.outcomes.push(outcome);
    this.wake();
  }

  /** A call has begun, or is still running, or its ticket is worked on. */
  alive(signs: readonly SignOfLife[]): void {
    for (const sign of signs) this.signs.push(sign);
    if (signs.length > 0) this.wake();
  }

  /** Jobs were accepted. */
  jobsArrived(): void {
    if (this.hasRoom) this.poke();
  }

  /**
   * Whether a sign of life of a ticket was heard that is not written down yet.
   * @param besides whose signs do not count
   */
  hasUnwritten(jobId: string, epoch: number, besides?: string): boolean {
    const isOfIt = (sign: SignOfLife): boolean =>
      sign.job_id === jobId && sign.epoch === epoch && sign.dispatcher_id !== besides;
    return this.signs.some(isOfIt) || this.signsBeingWritten.some(isOfIt);
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
    const { poked, outcomes, signs, releaseReplies } = this;
    return poked || outcomes.length > 0 || signs.length > 0 || releaseReplies.length > 0;
  }

  private async run(): Promise<void> {
    while (!this.stopped && this.hasNews()) {
      const outcomes = this.outcomes.splice(0, OUTCOMES_PER_CYCLE);
      const signs = this.signs.splice(0);
      this.poked = false;
      this.signsBeingWritten = signs;
      try {
        await this.cycle(outcomes, signs);
        this.failures = 0;
      } catch (error) {
        await this.recover(error, outcomes, signs);
      } finally {
        this.signsBeingWritten = [];
      }
    }
  }

  private async cycle(outcomes: readonly ReceivedOutcome[], signs: readonly SignOfLife[]): Promise<void> {
    const { database, metrics } = this.options;
    const beganMs = performance.now();
    const beganAtMs = Date.now();
    const replies = [...this.releaseReplies];
    const cycle = await database.admissionTransaction((client, nowMs) =>
      this.transact(client, nowMs, outcomes, signs, replies),
    );
    metrics.observe('beacon_settle_seconds', {}, (performance.now() - beganMs) / 1000);
    this.releaseReplies.splice(0, replies.length);
    this.hasRoom = cycle.hasRoom;
    this.publish(cycle.admitted);
    for (const { message } of outcomes) this.held.ack(message);
    for (const [endpointId, leaseMs] of cycle.releases) void this.release(endpointId, leaseMs);
    this.report.tell(cycle, beganAtMs);
    this.schedule(cycle.lookAgainInMs);
  }

  /** One transaction. Order matters: what has started, what has ended, and only then what may begin. */
  private async transact(
    client: Queryable,
    nowMs: number,
    received: readonly ReceivedOutcome[],
    signs: readonly SignOfLife[],
    replies: readonly ReleaseReply[],
  ): Promise<CommittedCycle> {
    const { endpoints, inForce, pricing, random } = this.options;
    // In the transaction that decides: a pause that was answered holds for every admission after it, in every router.
    await inForce.refresh(client);
    const { onlyRegion, retries, breaker } = inForce;
    const ended = new Set(received.map(({ outcome }) => `${outcome.job_id}:${outcome.epoch}`));
    const current = signs.filter(({ job_id, epoch }) => !ended.has(`${job_id}:${epoch}`));
    const started = current.length > 0 ? await markStarted(client, current) : [];
    const book = await EndpointBook.read(client, endpoints);
    for (const reply of replies) {
      const view = book.views().find(({ spec }) => spec.id === reply.endpointId);
      const next = view && recordAfterReply(reply, view, nowMs);
      if (next !== undefined) book.change(reply.endpointId, next);
    }
    const policy = { retries, breaker, onlyRegion };
    const recorded = await recordOutcomes(client, received, book, { policy, pricing, random, nowMs });
    const admitted = await this.admission.admit(client, book, nowMs);
    await book.write(client);
    return { ...recorded, ...admitted, started, breakers: book.breakerChanges() };
  }

  private async release(endpointId: string, leaseMs: number): Promise<void> {
    this.releaseReplies.push(await this.options.releases.ask(endpointId, leaseMs));
    this.wake();
  }

  /** Sends tickets of jobs that hold their slots; the reconciler does so again where one was lost. */
  publish(admitted: readonly AdmittedJob[]): void {
    this.tickets.issue(admitted);
  }

  /** Looks again when time alone may change something, and at least every second: hints may be lost. */
  private schedule(lookAgainInMs: number | undefined): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.poke(), Math.min(IDLE_POLL_MS, (lookAgainInMs ?? IDLE_POLL_MS) + 1));
  }

  /**
   * A cycle failed as a whole. The database may be away: everything waits and is tried again. Where one outcome
   * is the cause, or a sign of life, going through them one by one lets its neighbours proceed.
   */
  private async recover(
    error: unknown,
    outcomes: readonly ReceivedOutcome[],
    signs: readonly SignOfLife[],
  ): Promise<void> {
    const { logger } = this.options;
    this.failures += 1;
    logger.error(
      { event: 'engine.cycle_failed', failures: this.failures, outcomes: outcomes.length, err: error },
      'a cycle failed',
    );
    if (this.failures % 3 === 0 && isDataFault(error)) {
      for (const received of outcomes) {
        try {
          await this.cycle([received], []);
        } catch (single) {
          if (!isDataFault(single)) this.outcomes.unshift(received);
          else await this.bury(received, single);
        }
      }
      await this.cycle([], signs).catch((alone: unknown) => {
        // They come again every second: those that the database refuses are let go of.
        if (!isDataFault(alone)) this.keepSigns(signs);
        this.poked = true;
      });
      return;
    }
    this.outcomes.unshift(...outcomes);
    this.keepSigns(signs);
    this.poked = true;
    await new Promise((resolve) => setTimeout(resolve, FAULT_PAUSE_MS));
  }

  private keepSigns(signs: readonly SignOfLife[]): void {
    this.signs.unshift(...signs.slice(-SIGNS_MAX));
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

/** Class 22 and 23 of SQLSTATE: the data, not the connection, is at fault. */
function isDataFault(error: unknown): boolean {
  const { code } = error as { code?: unknown };
  return typeof code === 'string' && /^2[23]/.test(code);
}
