import type { Clock } from '../clock/clock.js';
import type { EndpointSettings, StandInConfiguration } from '../configuration/configuration.js';
import type { Call } from '../simulation/call.js';
import type { Container } from '../simulation/container.js';
import type { Outcome, SimulationEvent } from '../simulation/simulation-event.js';
import { CallLog, type CallRecord } from './call-log.js';
import { GpuMeter } from './gpu-meter.js';
import { Tally } from './tally.js';

/** One endpoint's page. */
export interface EndpointAccount {
  readonly endpoint: EndpointSettings;
  tally: Tally;
  readonly gpus: GpuMeter;
}

/**
 * The stand-in's own books: a fold over the event stream and nothing else, so that they can be held against
 * what a router claims.
 */
export class Account {
  readonly endpoints: ReadonlyMap<string, EndpointAccount>;
  /** All endpoints together; peaks are of the sum, not sums of peaks. */
  readonly totals = { tally: new Tally(undefined), gpus: new GpuMeter() };
  readonly log: CallLog;
  /** Calls in flight, by id: their records are still being written. */
  readonly #open = new Map<string, CallRecord>();

  constructor(
    readonly configuration: StandInConfiguration,
    private readonly clock: Clock,
  ) {
    this.log = new CallLog(configuration.account_calls_kept);
    this.endpoints = new Map(
      configuration.endpoints.map((endpoint) => [
        endpoint.id,
        { endpoint, tally: new Tally(endpoint.concurrency), gpus: new GpuMeter() },
      ]),
    );
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
    this.log.add(record);
    this.#eachTally(call, (tally) => tally.callAccepted());
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
    counter: 'hangUps' | 'redirects' | 'resultRequests',
    write: (record: CallRecord) => void,
  ): void {
    const record = this.#open.get(call.id);
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
    change(this.totals.gpus);
  }

  #recordOf(call: Call): CallRecord {
    return {
      callId: call.id,
      endpointId: call.endpoint.id,
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
      hungUp: false,
      outcome: undefined,
    };
  }
}
