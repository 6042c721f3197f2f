import type { Clock } from '../clock/clock.js';
import type { EndpointSettings, StandInConfiguration } from '../configuration/configuration.js';
import type { ModalReplyName } from '../edge/modal-replies.js';
import type { AnswerEngine } from '../engine/answer-engine.js';
import type { Call, CallEnd } from './call.js';
import { outcomeOf } from './call-outcome.js';
import type { Container } from './container.js';
import { ContainerStart } from './container-start.js';
import type { GpuQuota } from './gpu-quota.js';
import { InputQueue } from './input-queue.js';
import { InputRunner } from './input-run.js';
import type { EventSink } from './simulation-event.js';

/** Two ways to add up the same times may differ by this much; waiting for it would never end. */
const ROUNDING_MS = 0.001;

export interface PoolSurroundings {
  readonly clock: Clock;
  readonly configuration: StandInConfiguration;
  readonly engine: AnswerEngine;
  readonly gpus: GpuQuota;
  readonly emit: EventSink;
  /** Simulated seconds a starting container loads longer than drawn. */
  readonly extraLoadS: (endpoint: EndpointSettings) => number;
  /** Called once per submitted call, after its end was recorded. */
  readonly callEnded: (call: Call) => void;
}

/** One endpoint: its queue of inputs and the containers that work on them. */
export class ContainerPool {
  readonly #queue = new InputQueue();
  readonly #containers = new Set<Container<Call>>();
  readonly #runner: InputRunner;
  readonly #start: ContainerStart;

  constructor(
    readonly endpoint: EndpointSettings,
    private readonly surroundings: PoolSurroundings,
  ) {
    const { clock, engine, configuration } = surroundings;
    this.#runner = new InputRunner(clock, engine, endpoint, configuration.seed, {
      ended: (call, end) => this.#finish(call, end),
      died: (container, afterwards) => this.#die(container, afterwards),
    });
    this.#start = new ContainerStart(endpoint, surroundings, {
      ready: (container) => this.#ready(container),
      failed: (container) => this.#stop(container),
      mayTryAgain: () => this.#balance(),
    });
    this.#balance();
  }

  get containers(): Iterable<Container<Call>> {
    return this.#containers;
  }

  /** Inputs that no container has taken. */
  get queued(): number {
    return this.#queue.length;
  }

  /** Rule 7: the input waits its turn. */
  submit(call: Call): void {
    this.#queue.push(call);
    this.#balance();
  }

  /** Rule 18: drops a queued input at once; a running one after its grace. Ended calls stay as they are. */
  cancel(call: Call): void {
    const { clock, configuration } = this.surroundings;
    if (call.state === 'ended' || call.isCancelling) return;
    if (call.state === 'queued') {
      this.#end(call, { kind: 'cancelled' });
      this.#queue.cancelled();
      this.#withdrawSurplus(configuration.kill_booting);
      return;
    }
    this.#runner.stop(call);
    call.isCancelling = true;
    const freed = (): void => this.#finish(call, { kind: 'cancelled' });
    if (configuration.cancel_grace_s === 0) freed();
    else call.timer = clock.schedule(configuration.cancel_grace_s * 1000, freed);
  }

  /** Rules 7 to 9: gives waiting inputs to containers, and asks for more containers while inputs wait. */
  #balance(): void {
    const { max_inputs: maxInputs, max_containers: maxContainers } = this.endpoint;
    for (let container = this.#roomiest(); container !== undefined; container = this.#roomiest()) {
      const call = this.#queue.shift();
      if (call === undefined) break;
      this.#run(call, container);
    }
    const wanted = Math.ceil(this.#queue.length / maxInputs) - this.#starting();
    const shortOfMinimum = this.endpoint.min_containers - this.#containers.size;
    const missing = Math.min(Math.max(wanted, shortOfMinimum), maxContainers - this.#containers.size);
    for (let count = 0; count < missing && this.#start.isAllowed(); count += 1) {
      this.#containers.add(this.#start.begin());
    }
    if (wanted < 0) this.#withdrawSurplus(false);
  }

  /** @returns the fullest container that takes another input, so that the others may scale down */
  #roomiest(): Container<Call> | undefined {
    if (this.#queue.length === 0) return undefined;
    let chosen: Container<Call> | undefined;
    for (const container of this.#containers) {
      if (container.phase !== 'ready' || container.inputs.size >= this.endpoint.max_inputs) continue;
      if (chosen === undefined || container.inputs.size > chosen.inputs.size) chosen = container;
    }
    return chosen;
  }

  #starting(): number {
    let count = 0;
    for (const container of this.#containers) if (container.isStarting) count += 1;
    return count;
  }

  #run(call: Call, container: Container<Call>): void {
    call.state = 'running';
    call.container = container;
    call.coldStart = container.inputsStarted === 0;
    container.inputs.add(call);
    container.inputsStarted += 1;
    this.surroundings.emit({ kind: 'call_started', call, container });
    this.#runner.start(call, container);
  }

  #finish(call: Call, end: CallEnd): void {
    const { container } = call;
    this.#end(call, end);
    if (container === undefined) return;
    this.#balance();
    this.#noteIdle(container);
  }

  #end(call: Call, end: CallEnd): void {
    const { container } = call;
    container?.inputs.delete(call);
    this.#runner.stop(call);
    call.state = 'ended';
    call.end = end;
    this.surroundings.emit({ kind: 'call_ended', call, container, outcome: outcomeOf(call, end) });
    this.surroundings.callEnded(call);
  }

  #ready(container: Container<Call>): void {
    this.#balance();
    this.#noteIdle(container);
  }

  /** Rules 16, 21, 22: the container goes, and its inputs fail with it or start over, oldest first. */
  #die(container: Container<Call>, afterwards: 'reschedule' | ModalReplyName): void {
    const inputs = [...container.inputs];
    this.#stop(container);
    for (const call of inputs.reverse()) {
      if (call.isCancelling) {
        this.#end(call, { kind: 'cancelled' });
      } else if (afterwards === 'reschedule') {
        this.#runner.stop(call);
        container.inputs.delete(call);
        call.state = 'queued';
        call.container = undefined;
        this.surroundings.emit({ kind: 'call_returned', call, container });
        this.#queue.unshift(call);
      } else {
        this.#end(call, { kind: 'failed', reply: afterwards });
      }
    }
    this.#balance();
  }

  /** Rule 24. One timer per idle spell is too many at thousands of calls per second: the timer looks again. */
  #noteIdle(container: Container<Call>): void {
    const { clock } = this.surroundings;
    if (container.phase !== 'ready' || container.inputs.size > 0) return;
    container.idleSinceMs = clock.now();
    container.timer ??= clock.schedule(this.endpoint.scaledown_window_s * 1000, () =>
      this.#scaleDown(container),
    );
  }

  #scaleDown(container: Container<Call>): void {
    const { clock } = this.surroundings;
    container.timer = undefined;
    if (container.phase !== 'ready' || container.inputs.size > 0) return;
    const leftMs = container.idleSinceMs + this.endpoint.scaledown_window_s * 1000 - clock.now();
    if (leftMs > ROUNDING_MS) container.timer = clock.schedule(leftMs, () => this.#scaleDown(container));
    else if (this.#containers.size > this.endpoint.min_containers) this.#stop(container);
  }

  /** Rule 19: containers that start for inputs which are no longer there. */
  #withdrawSurplus(includingBooting: boolean): void {
    let surplus = this.#starting() - Math.ceil(this.#queue.length / this.endpoint.max_inputs);
    surplus = Math.min(surplus, this.#containers.size - this.endpoint.min_containers);
    for (const container of [...this.#containers].reverse()) {
      if (surplus <= 0) return;
      const withdrawn = container.phase === 'scheduling' || (includingBooting && container.isStarting);
      if (!withdrawn) continue;
      this.#stop(container);
      surplus -= 1;
    }
  }

  #stop(container: Container<Call>): void {
    this.#containers.delete(container);
    this.#start.end(container);
  }
}
