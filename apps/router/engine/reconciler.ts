import type { BegunCall, Outcome } from '#contracts';
import { probeReplySchema, subjects } from '#contracts';
import { HOLDER_SILENCE_MS, afterProbe, planForSilentSlot, type SilentSlotPlan } from '#domain';
import { publishJson, requestJson, type CallStore, type NatsConnection, type Topology } from '#messaging';
import type { Logger, Metrics } from '#observability';
import {
  addToTotals,
  dropSlot,
  expireJobs,
  extendSlot,
  findCallsToCancel,
  findSilentSlots,
  finishCancelling,
  readEndpoints,
  reissueTicket,
  returnTicket,
  writeEndpointRecords,
  type Database,
  type SilentSlot,
} from '#persistence';
import type { InForce } from '../operations/in-force.js';
import type { Endpoints } from './endpoints.js';
import type { Engine } from './engine.js';
import { breakerChanges, recordBreakerChange, type BreakerChange } from './breaker-journal.js';
import type { JobJournal } from './job-journal.js';
import { chargeIdleTails } from '../ledger/idle-tails.js';

const TICK_MS = 1000;
const BATCH = 200;
const PROBE_TIMEOUT_MS = 6000;
/** After its execution deadline a silent call is given this long before it counts as lost. */
const LOST_GRACE_MS = 10_000;

export interface ReconcilerOptions {
  readonly database: Database;
  readonly connection: NatsConnection;
  readonly topology: Topology;
  readonly callStore: Pick<CallStore, 'get'>;
  readonly endpoints: Endpoints;
  readonly engine: Engine;
  readonly journal: JobJournal;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly inForce: InForce;
}

/**
 * Finds what nobody tells the router: tickets that were lost, calls whose dispatcher is gone, deadlines that
 * passed, endpoints that may be well again. Runs in every router; each step is safe to repeat.
 */
export class Reconciler {
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> | undefined;
  private stopped = false;
  private readonly probing = new Set<string>();

  constructor(private readonly options: ReconcilerOptions) {}

  start(): void {
    this.timer = setTimeout(() => {
      this.running = this.tick().finally(() => {
        if (!this.stopped) this.start();
      });
    }, TICK_MS);
  }

  async stop(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    await this.running;
  }

  private async tick(): Promise<void> {
    const steps: readonly [string, () => Promise<void>][] = [
      ['deadlines', () => this.expire()],
      ['cancellations', () => this.repeatCancellations()],
      ['silent slots', () => this.lookIntoSilentSlots()],
      ['probes', () => this.probeOpenBreakers()],
      ['idle tails', () => chargeIdleTails(this.options.database, this.options.metrics, this.options.logger)],
    ];
    for (const [step, run] of steps) {
      try {
        await run();
      } catch (error) {
        this.options.logger.warn(
          { event: 'reconciler.step_failed', step, err: error },
          'a step failed and will be repeated',
        );
      }
    }
  }

  private async expire(): Promise<void> {
    const { database, journal, connection } = this.options;
    const expired = await database.transaction(async (client) => {
      const jobs = await expireJobs(client, BATCH);
      const byRegion = new Map<string, number>();
      for (const { home_region } of jobs) byRegion.set(home_region, (byRegion.get(home_region) ?? 0) + 1);
      for (const [region, count] of [...byRegion].sort())
        await addToTotals(client, region, { expired: count });
      return jobs;
    });
    for (const job of expired) {
      journal.record({
        jobId: job.id,
        from: job.from,
        to: 'expired',
        attempt: job.attempt,
        homeRegion: job.home_region,
        code: 'DEADLINE_EXCEEDED',
      });
      if (job.region !== null)
        publishJson(connection, subjects.cancelSubject(job.region), { job_id: job.id, epoch: job.epoch });
    }
  }

  /** A cancellation is a message that may be lost: it is sent until the call is known to be over. */
  private async repeatCancellations(): Promise<void> {
    const { database, connection, topology } = this.options;
    for (const { job_id, epoch, region, endpoint_id, started } of await findCallsToCancel(database, BATCH)) {
      publishJson(connection, subjects.cancelSubject(region), { job_id, epoch });
      // A ticket that was not begun has no call to cancel: out of the stream, none will be made.
      if (started) continue;
      await topology.purge(
        subjects.dispatchStream(region),
        subjects.dispatchSubject(region, endpoint_id, job_id),
      );
    }
  }

  private async lookIntoSilentSlots(): Promise<void> {
    for (const slot of await findSilentSlots(this.options.database, BATCH)) {
      // One that cannot be looked into must not keep the others waiting.
      await this.lookInto(slot).catch((error: unknown) => {
        this.options.logger.warn(
          { event: 'slot.not_looked_into', job_id: slot.job_id, epoch: slot.epoch, err: error },
          'a silent slot could not be looked into yet',
        );
      });
    }
  }

  /**
   * The ticket is looked for before the outcome: an outcome is published before its ticket is acked, so looking in
   * this order cannot miss both.
   */
  private async lookInto(slot: SilentSlot): Promise<void> {
    const { topology, endpoints, engine, inForce } = this.options;
    const { region } = slot;
    const ticketWaits = await topology.holds(...this.ticketOf(slot));
    const spec = endpoints.spec(slot.endpoint_id);
    // A ticket that is nowhere any more is not issued again to an endpoint that takes nothing new.
    const isPaused = spec !== undefined && inForce.ordersFor(spec).pauses.length > 0;
    // Of an earlier ticket, too: it may be the answer, and a new ticket could be called before it is recorded.
    const outcomes = subjects.outcomesOfJob(region, slot.job_id);
    const plan = planForSilentSlot({
      holderWouldBeHeard:
        endpoints.listeningMs() >= HOLDER_SILENCE_MS && !engine.hasUnwritten(slot.job_id, slot.epoch),
      jobState: slot.job_state,
      started: slot.started,
      pastDeadline: slot.age_ms > slot.timeout_ms + LOST_GRACE_MS,
      ticketWaits,
      outcomeWaits: !ticketWaits && (await topology.holds(subjects.OUTCOMES_STREAM, outcomes)),
      hasTaker:
        spec !== undefined && endpoints.dispatcherAlive(region, Date.now()) && (ticketWaits || !isPaused),
    });
    await this.apply(plan, slot);
  }

  private async apply(plan: SilentSlotPlan, slot: SilentSlot): Promise<void> {
    const { database, topology, engine, logger, metrics } = this.options;
    const { job_id: jobId, epoch, region } = slot;
    const ids = { job_id: jobId, attempt: slot.attempt, epoch, endpoint_id: slot.endpoint_id, region };
    switch (plan) {
      case 'wait':
        return;
      case 'extend':
        await extendSlot(database, jobId, epoch);
        return;
      case 'concludeLost':
        await topology.purge(...this.ticketOf(slot));
        logger.warn({ event: 'attempt.lost', ...ids }, 'a call outlived its deadline without a word');
        engine.receive({ outcome: await this.lostOutcomeOf(slot) });
        return;
      case 'endJobKeepSlot':
        await this.endCancelling(slot);
        await extendSlot(database, jobId, epoch);
        return;
      case 'free':
        await this.free(slot);
        return;
      case 'return':
        await topology.purge(...this.ticketOf(slot));
        if (!(await returnTicket(database, jobId, epoch, 'nobody'))) return;
        logger.warn({ event: 'ticket.returned', ...ids }, 'a ticket was taken back: nobody would take it');
        engine.poke();
        return;
      case 'reissue': {
        const job = await reissueTicket(database, jobId, epoch);
        if (job === undefined) return;
        metrics.count('beacon_tickets_reissued_total', { region });
        logger.warn(
          { event: 'ticket.reissued', ...ids, new_epoch: job.epoch },
          'a lost ticket was issued again',
        );
        engine.publish([job]);
        return;
      }
    }
  }

  private ticketOf(slot: SilentSlot): [stream: string, subject: string] {
    const { region, endpoint_id: endpointId, job_id: jobId } = slot;
    return [subjects.dispatchStream(region), subjects.dispatchSubject(region, endpointId, jobId)];
  }

  private async endCancelling({ job_id: jobId, job_state: state, attempt }: SilentSlot): Promise<void> {
    if (state !== 'cancelling') return;
    const { database, journal } = this.options;
    const homeRegion = await database.transaction(async (client) => {
      const region = await finishCancelling(client, jobId);
      if (region !== undefined) await addToTotals(client, region, { cancelled: 1 });
      return region;
    });
    if (homeRegion !== undefined)
      journal.record({ jobId, from: state, to: 'cancelled', attempt, homeRegion });
  }

  /** Nothing will report on it: the slot is given up here. */
  private async free(slot: SilentSlot): Promise<void> {
    const { engine, database } = this.options;
    const earlier = await this.begunCalls(slot);
    if (slot.job_state === 'cancelling' || earlier.length > 0) {
      const calls = { id: null, earlier, ended_ms_ago: 0 };
      engine.receive({ outcome: { ...lostOutcome(slot), calls, result: { kind: 'cancelled' } } });
      return;
    }
    await dropSlot(database, slot.job_id, slot.epoch);
    engine.poke();
  }

  /** The last call that was begun is the one that was lost; whoever reports it after all is late. */
  private async lostOutcomeOf(slot: SilentSlot): Promise<Outcome> {
    const begun = await this.begunCalls(slot);
    const last = begun.at(-1);
    if (last === undefined) return lostOutcome(slot);
    return { ...lostOutcome(slot), calls: { id: last.id, earlier: begun.slice(0, -1), ended_ms_ago: 0 } };
  }

  /** What the attempt's dispatchers wrote down. Where that is gone, a started call counts once. */
  private async begunCalls({ job_id: jobId, attempt }: SilentSlot): Promise<BegunCall[]> {
    const found = await this.options.callStore.get(jobId, attempt).catch(() => undefined);
    return found?.attempt.calls ?? [];
  }

  private async probeOpenBreakers(): Promise<void> {
    const { database, endpoints } = this.options;
    const stored = await readEndpoints(database, endpoints.ids);
    const nowMs = Date.now();
    for (const view of endpoints.views(stored, nowMs)) {
      const { spec, record } = view;
      if (record.breaker !== 'open' || record.openUntilMs > nowMs || this.probing.has(spec.id)) continue;
      this.probing.add(spec.id);
      void this.probe(spec.id, spec.region).finally(() => this.probing.delete(spec.id));
    }
  }

  /** The dispatcher asks, because it is in the region and holds the endpoint's secrets. */
  private async probe(endpointId: string, region: string): Promise<void> {
    const { connection, database, endpoints, engine, logger, inForce } = this.options;
    const reply = await requestJson(
      connection,
      subjects.probeSubject(region),
      { endpoint_id: endpointId },
      probeReplySchema,
      PROBE_TIMEOUT_MS,
    );
    const healthy = reply?.healthy ?? false;
    const health = healthy ? 'well' : reply?.pending === true ? 'pending' : 'ill';
    let change: BreakerChange[] = [];
    try {
      await database.admissionTransaction(async (client, nowMs) => {
        const before = (await readEndpoints(client, endpoints.ids)).get(endpointId)?.record;
        if (before === undefined) return;
        const record = afterProbe(before, health, inForce.breaker, nowMs);
        if (record !== before) await writeEndpointRecords(client, [{ endpointId, record }]);
        change = breakerChanges(new Map([[endpointId, { record: before }]]), new Map([[endpointId, record]]));
      });
      for (const moved of change) recordBreakerChange(moved, this.options.metrics, logger);
      logger.info(
        {
          event: 'endpoint.probed',
          endpoint_id: endpointId,
          health,
          detail: reply?.detail ?? 'no dispatcher answered',
        },
        'an endpoint that was down was probed',
      );
      if (healthy) engine.poke();
    } catch (error) {
      logger.warn(
        { event: 'endpoint.probe_not_recorded', endpoint_id: endpointId, err: error },
        'a probe could not be recorded',
      );
    }
  }
}

function lostOutcome(slot: SilentSlot): Outcome {
  return {
    v: 1,
    job_id: slot.job_id,
    attempt: slot.attempt,
    epoch: slot.epoch,
    endpoint_id: slot.endpoint_id,
    region: slot.region,
    duration_ms: Math.max(0, slot.age_ms),
    reattached: false,
    result: {
      kind: 'failed',
      code: 'ATTEMPT_LOST',
      detail: 'the dispatcher fell silent and the execution deadline passed',
    },
  };
}
