import type { Clock } from '../clock/clock.js';
import type { StandInConfiguration } from '../configuration/configuration.js';
import type { EndpointSettings } from '../configuration/endpoint-settings.js';
import type { Call } from '../simulation/call.js';
import type { Container } from '../simulation/container.js';
import type { Outcome, SimulationEvent } from '../simulation/simulation-event.js';
import { NO_GPU } from '../simulation/gpu-quota.js';
import { CallLog, type CallRecord } from './call-log.js';
import { GpuMeter } from './gpu-meter.js';
import { Tally } from './tally.js';

/** One endpoint's page. */
export interface EndpointAccount {
  /** As deployed last. */
  endpoint: EndpointSettings;
  tally: Tally;
  readonly gpus: GpuMeter;
}

/**
 * The stand-in's own books: a fold over the event stream and nothing else, so that they can be held against
 * what a router claims.
 */
export class Account {
  readonly #endpoints = new Map<string, EndpointAccount>();
  /** All endpoints together; peaks are of the sum, not sums of peaks. */
  readonly totals = { tally: new Tally(undefined), gpus: new GpuMeter() };
  readonly log: CallLog;
  /** Calls in flight, by id: their records are still being written. */
  readonly #open = new Map<string, CallRecord>();
  /** Records of spawned calls: they are polled after their end. */
  readonly #spawned = new WeakMap<Call, CallRecord>();
  #callbacks = { sent: 0, delivered: 0, failed: 0 };

  constructor(
    readonly configuration: StandInConfiguration,
    private readonly clock: Clock,
  ) {
    this.log = new CallLog(configuration.account_calls_kept);
    for (const endpoint of configuration.endpoints) this.open(endpoint);
  }

  /** Pages of endpoints that were removed stay: what they cost was spent. */
  get endpoints(): ReadonlyMap<string, EndpointAccount> {
    return this.#endpoints;
  }

  /** POSTs of the completion callback. */
  get callbacks(): Readonly<{ sent: number; delivered: number; failed: number }> {
    return this.#callbacks;
  }

  /** Begins the page of an endpoint, or notes its new settings. */
  open(endpoint: EndpointSettings): void {
    const page = this.#endpoints.get(endpoint.id);
    if (page !== undefined) page.endpoint = endpoint;
    else {
      const tally = new Tally(endpoint.concurrency);
      this.#endpoints.set(endpoint.id, { endpoint, tally, gpus: new GpuMeter() });
    }
  }

  get nowMs(): number {
    return this.clock.now();
  }

  record(event: SimulationEvent): void {
    switch (event.kind) {
      case 'call_received':
        return this.#received(event.call);
      case 'call_refused':
        return this.#refused(event.call, event.outcome);
      case 'call_started':
        return this.#started(event.call, event.container);
      case 'call_returned':
        return this.#returned(event.call, event.container);
      case 'call_ended':
        return this.#ended(event.call, event.container, event.outcome);
      case 'caller_hung_up':
        return this.#note(event.call, 'hangUps', (record) => (record.hungUp = true));
      case 'call_redirected':
        return this.#note(event.call, 'redirects', (record) => (record.redirects += 1));
      case 'result_requested':
        return this.#note(event.call, 'resultRequests', (record) => (record.resultRequests += 1));
      case 'job_spawned_again':
        return this.#note(event.call, 'spawnRepeats', (record) => (record.spawnRepeats += 1));
      case 'job_polled':
        return this.#note(event.call, 'polls', (record) => (record.polls += 1));
      case 'callback_sent':
        return void (this.#callbacks.sent += 1);
      case 'callback_ended':
        return void (this.#callbacks[event.isDelivered ? 'delivered' : 'failed'] += 1);
      case 'container_booting':
        this.#eachGpuMeter(event.container, (meter) => meter.granted(event.container.id, this.clock.now()));
        return this.#eachTally(event.container, (tally) => (tally.coldStarts += 1));
      case 'container_ready':
        return this.#eachGpuMeter(event.container, (meter) =>
          meter.ready(event.container.id, this.clock.now()),
        );
      case 'container_gone':
        if (!event.heldGpu) return;
        return this.#eachGpuMeter(event.container, (meter) =>
          meter.released(event.container.id, this.clock.now()),
        );
    }
  }

  /** Starts new books. Calls and containers that are there stay there; their past is not counted. */
  reset(): void {
    const nowMs = this.clock.now();
    this.#callbacks = { sent: 0, delivered: 0, failed: 0 };
    for (const page of [...this.endpoints.values(), this.totals]) {
      page.tally = page.tally.restarted();
      page.gpus.reset(nowMs);
    }
    this.log.clear();
    for (const record of this.#open.values()) this.log.add(record);
  }

  #received(call: Call): void {
    const record = this.#recordOf(call);
    this.#open.set(call.id, record);
    if (call.isSpawned) this.#spawned.set(call, record);
    this.log.add(record);
    this.#eachTally(call, (tally) => tally.callAccepted(call.isSpawned));
  }

  #refused(call: Call, outcome: Outcome): void {
    const record = this.#recordOf(call);
    record.finishedMs = record.receivedMs;
    record.finishedWallMs = record.receivedWallMs;
    record.outcome = outcome;
    this.log.add(record);
    this.#eachTally(call, (tally) => tally.callRefused(outcome));
  }

  #started(call: Call, container: Container): void {
    const nowMs = this.clock.now();
    const record = this.#open.get(call.id);
    if (record !== undefined) {
      record.startedMs = nowMs;
      record.startedWallMs = this.clock.wallMs();
      record.runs += 1;
      record.containerId = container.id;
      record.coldStart = call.coldStart;
    }
    this.#eachTally(call, (tally) => tally.callStarted());
    this.#eachGpuMeter(container, (meter) => meter.inputStarted(container.id, nowMs));
  }

  #returned(call: Call, container: Container): void {
    this.#eachTally(call, (tally) => tally.callReturned());
    this.#eachGpuMeter(container, (meter) => meter.inputEnded(container.id, this.clock.now()));
  }

  #ended(call: Call, container: Container | undefined, outcome: Outcome): void {
    const nowMs = this.clock.now();
    const record = this.#open.get(call.id);
    this.#open.delete(call.id);
    if (record !== undefined) {
      record.finishedMs = nowMs;
      record.finishedWallMs = this.clock.wallMs();
      record.outcome = outcome;
    }
    this.#eachTally(call, (tally) => tally.callFinished(outcome, container !== undefined));
    if (container === undefined) return;
    this.#eachGpuMeter(container, (meter) => meter.inputEnded(container.id, nowMs));
  }

  #note(
    call: Call,
    counter: 'hangUps' | 'redirects' | 'resultRequests' | 'polls' | 'spawnRepeats',
    write: (record: CallRecord) => void,
  ): void {
    const record = this.#open.get(call.id) ?? this.#spawned.get(call);
    if (record !== undefined) write(record);
    this.#eachTally(call, (tally) => (tally[counter] += 1));
  }

  #eachTally(of: Call | Container, change: (tally: Tally) => void): void {
    const page = this.endpoints.get(of.endpoint.id);
    if (page !== undefined) change(page.tally);
    change(this.totals.tally);
  }

  #eachGpuMeter({ endpoint }: Container, change: (meter: GpuMeter) => void): void {
    const page = this.endpoints.get(endpoint.id);
    if (page !== undefined) change(page.gpus);
    if (endpoint.gpu !== NO_GPU) change(this.totals.gpus);
  }

  #recordOf(call: Call): CallRecord {
    return {
      callId: call.id,
      endpointId: call.endpoint.id,
      kind: call.isSpawned ? 'spawn' : 'call',
      key: call.key,
      model: call.request.model,
      faultIds: call.plan.faultIds,
      receivedWallMs: this.clock.wallMs(),
      startedWallMs: undefined,
      finishedWallMs: undefined,
      receivedMs: call.receivedMs,
      startedMs: undefined,
      finishedMs: undefined,
      runs: 0,
      containerId: undefined,
      coldStart: false,
      redirects: 0,
      resultRequests: 0,
      polls: 0,
      spawnRepeats: 0,
      hungUp: false,
      outcome: undefined,
    };
  }
}
