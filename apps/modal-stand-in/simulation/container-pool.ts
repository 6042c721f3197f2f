import type { Clock } from '../clock/clock.js';
import type { StandInConfiguration } from '../configuration/configuration.js';
import type { EndpointSettings } from '../configuration/endpoint-settings.js';
import type { ModalReplyName } from '../edge/modal-replies.js';
import type { AnswerEngine } from '../engine/answer-engine.js';
import { Autoscaler, type AutoscalerOverrides, type AutoscalerSettings } from './autoscaler.js';
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
  /** Rule 23: see `InputRunner`. */
  readonly missingBodyS: (endpoint: EndpointSettings) => number | undefined;
  /** Rule 21: a container crashed in a way that takes the function off the air for a moment. */
  readonly wentOffAir: (endpoint: EndpointSettings) => void;
  /** Called once per submitted call, after its end was recorded. */
  readonly callEnded: (call: Call) => void;
}

/** One endpoint: its queue of inputs and the containers that work on them. */
export class ContainerPool {
  readonly #queue = new InputQueue();
  /** Those of the deployed version. */
  readonly #containers = new Set<Container<Call>>();
  /** Rule 25: those of earlier versions, until their inputs are done. */
  readonly #draining = new Set<Container<Call>>();
  readonly #autoscaler: Autoscaler;
  #endpoint: EndpointSettings;
  #isShutDown = false;
  readonly #runner: InputRunner;
  readonly #start: ContainerStart;

  constructor(
    endpoint: EndpointSettings,
    private readonly surroundings: PoolSurroundings,
  ) {
    this.#endpoint = endpoint;
    this.#autoscaler = new Autoscaler(endpoint);
    this.#runner = new InputRunner(surroundings, {
      ended: (call, end) => this.#finish(call, end),
      died: (container, afterwards) => this.#die(container, afterwards),
    });
    this.#start = new ContainerStart(endpoint.id, surroundings, {
      ready: (container) => this.#ready(container),
      failed: (container) => this.#stop(container),
      mayTryAgain: () => this.#balance(),
    });
    this.#balance();
  }

  /** As deployed last. */
  get endpoint(): EndpointSettings {
    return this.#endpoint;
  }

  get containers(): Iterable<Container<Call>> {
    return this.#draining.size === 0 ? this.#containers : [...this.#draining, ...this.#containers];
  }

  /** Inputs that no container has taken. */
  get queued(): number {
    return this.#queue.length;
  }

  /** Rule 26: those that were spawned. */
  get spawnedQueued(): number {
    return this.#queue.spawned;
  }

  get autoscaler(): AutoscalerSettings & { readonly isOverridden: boolean } {
    return { ...this.#autoscaler.settings, isOverridden: this.#autoscaler.isOverridden };
  }

  /** Containers of whatever version and state. */
  get size(): number {
    return this.#containers.size + this.#draining.size;
  }

  /** Whether an input waits, or a container works on one. */
  get hasWork(): boolean {
    return this.#isActive() || this.#draining.size > 0;
  }

  /** Rule 24: see `Autoscaler.shorten`. */
  shortenWindow(windowS: number | undefined): void {
    this.#autoscaler.shorten(windowS);
    for (const container of this.#containers) this.#watchIdle(container);
  }

  /** Rule 24. @returns what is wrong, in which case nothing changes */
  updateAutoscaler(overrides: AutoscalerOverrides): string | undefined {
    const problem = this.#autoscaler.update(overrides);
    if (problem !== undefined) return problem;
    this.#trim();
    this.#balance();
    for (const container of this.#containers) this.#watchIdle(container);
    return undefined;
  }

  /** Rule 25: from here on inputs, the waiting ones too, go to new containers; the old ones finish what they have. */
  redeploy(endpoint: EndpointSettings): void {
    this.#endpoint = endpoint;
    this.#isShutDown = false;
    this.#autoscaler.deployed(endpoint);
    this.#start.forgive();
    for (const container of [...this.#containers]) this.#retire(container);
    this.#balance();
  }

  /** The app was stopped: nothing runs on, and every input ends. */
  shutDown(): void {
    this.#isShutDown = true;
    for (const container of [...this.#containers, ...this.#draining]) {
      const inputs = [...container.inputs];
      this.#stop(container);
      for (const call of inputs) this.#abandon(call);
    }
    for (let call = this.#queue.shift(); call !== undefined; call = this.#queue.shift()) this.#abandon(call);
  }

  /** Rule 7: the input waits its turn. */
  submit(call: Call): void {
    this.#queue.push(call);
    this.#balance();
  }

  /**
   * Rule 18: drops a queued input at once; a running one after its grace. Ended calls stay as they are.
   * @param killBooting rule 19: whether a container that boots for nobody else goes with it
   */
  cancel(call: Call, killBooting: boolean): void {
    const { clock, configuration } = this.surroundings;
    if (call.state === 'ended' || call.isCancelling) return;
    if (call.state === 'queued') {
      this.#end(call, { kind: 'cancelled' });
      this.#queue.cancelled(call);
      this.#withdrawSurplus(killBooting);
      this.#releaseBuffer();
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
    if (this.#isShutDown) return;
    const { min_containers: minContainers, max_containers: maxContainers } = this.#autoscaler.settings;
    for (let container = this.#roomiest(); container !== undefined; container = this.#roomiest()) {
      const call = this.#queue.shift();
      if (call === undefined) break;
      this.#run(call, container);
    }
    const wanted = this.#toStart() - this.#starting();
    const shortOfMinimum = minContainers - this.#containers.size;
    const missing = Math.min(Math.max(wanted, shortOfMinimum), maxContainers - this.#containers.size);
    for (let count = 0; count < missing && this.#start.isAllowed(); count += 1) {
      this.#containers.add(this.#start.begin(this.#endpoint));
    }
    if (wanted < 0) this.#withdrawSurplus(false);
  }

  /** @returns the fullest container that takes another input, so that the others may scale down */
  #roomiest(): Container<Call> | undefined {
    if (this.#queue.length === 0) return undefined;
    let chosen: Container<Call> | undefined;
    for (const container of this.#containers) {
      if (container.phase !== 'ready' || container.inputs.size >= container.endpoint.max_inputs) continue;
      if (chosen === undefined || container.inputs.size > chosen.inputs.size) chosen = container;
    }
    return chosen;
  }

  /** Containers that ought to be starting: for the inputs that wait, and for the buffer. */
  #toStart(): number {
    return Math.ceil(this.#queue.length / this.#endpoint.max_inputs) + this.#bufferMissing();
  }

  /** Rule 24: idle containers short of the buffer, while there is work. */
  #bufferMissing(): number {
    const { buffer_containers: buffer } = this.#autoscaler.settings;
    return buffer === 0 || !this.#isActive() ? 0 : Math.max(0, buffer - this.#idle());
  }

  #isActive(): boolean {
    if (this.#queue.length > 0) return true;
    for (const container of this.#containers) if (container.inputs.size > 0) return true;
    return false;
  }

  #idle(): number {
    let count = 0;
    for (const { state } of this.#containers) if (state === 'idle') count += 1;
    return count;
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
    call.onStart?.();
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
    if (afterwards === 'invalid_function_call') this.surroundings.wentOffAir(this.#endpoint);
    for (const call of inputs.reverse()) {
      if (call.isCancelling) {
        this.#end(call, { kind: 'cancelled' });
      } else if (afterwards === 'reschedule') {
        this.#runner.stop(call);
        container.inputs.delete(call);
        call.state = 'queued';
        call.container = undefined;
        this.#queue.unshift(call);
        this.surroundings.emit({ kind: 'call_returned', call, container });
        call.onReturn?.();
      } else {
        this.#end(call, { kind: 'failed', reply: afterwards });
      }
    }
    this.#balance();
    this.#releaseBuffer();
  }

  /** Rule 24. One timer per idle spell is too many at thousands of calls per second: the timer looks again. */
  #noteIdle(container: Container<Call>): void {
    const { clock } = this.surroundings;
    if (container.inputs.size > 0) return;
    if (container.phase === 'draining') this.#stop(container);
    if (container.phase !== 'ready') return;
    const { scaledown_window_s: windowS } = this.#autoscaler.settings;
    container.idleSinceMs = clock.now();
    container.timer ??= clock.schedule(windowS * 1000, () => this.#scaleDown(container));
    this.#releaseBuffer();
  }

  /** Once the work is done, what was kept as a buffer has its idle window. */
  #releaseBuffer(): void {
    if (this.#autoscaler.settings.buffer_containers === 0 || this.#isActive()) return;
    for (const container of this.#containers) {
      if (container.state !== 'idle' || container.timer !== undefined) continue;
      container.idleSinceMs = this.surroundings.clock.now();
      this.#watchIdle(container);
    }
  }

  /** Looks at an idle container when the window in force is over. */
  #watchIdle(container: Container<Call>): void {
    const { clock } = this.surroundings;
    if (container.state !== 'idle') return;
    const endsMs = container.idleSinceMs + this.#autoscaler.settings.scaledown_window_s * 1000;
    container.timer?.cancel();
    container.timer = clock.schedule(Math.max(0, endsMs - clock.now()), () => this.#scaleDown(container));
  }

  #scaleDown(container: Container<Call>): void {
    const { clock } = this.surroundings;
    container.timer = undefined;
    if (container.phase !== 'ready' || container.inputs.size > 0) return;
    const { scaledown_window_s: windowS, min_containers: minContainers } = this.#autoscaler.settings;
    const leftMs = container.idleSinceMs + windowS * 1000 - clock.now();
    if (leftMs > ROUNDING_MS) container.timer = clock.schedule(leftMs, () => this.#scaleDown(container));
    else if (this.#containers.size > minContainers && !this.#isBuffer()) this.#stop(container);
  }

  /** Whether an idle container must stay as part of the buffer. */
  #isBuffer(): boolean {
    const { buffer_containers: buffer } = this.#autoscaler.settings;
    return buffer > 0 && this.#isActive() && this.#idle() <= buffer;
  }

  /** Containers beyond a lowered maximum go: starting and idle ones at once, busy ones when they are done. */
  #trim(): void {
    const surplus = this.#containers.size - this.#autoscaler.settings.max_containers;
    if (surplus <= 0) return;
    const dispensable = [...this.#containers].sort((left, right) => left.inputs.size - right.inputs.size);
    for (const container of dispensable.slice(0, surplus)) this.#retire(container);
  }

  #retire(container: Container<Call>): void {
    if (container.inputs.size === 0) return this.#stop(container);
    container.timer?.cancel();
    container.timer = undefined;
    container.phase = 'draining';
    this.#containers.delete(container);
    this.#draining.add(container);
  }

  /** Rule 19: containers that start for inputs which are no longer there. */
  #withdrawSurplus(includingBooting: boolean): void {
    let surplus = this.#starting() - this.#toStart();
    surplus = Math.min(surplus, this.#containers.size - this.#autoscaler.settings.min_containers);
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
    this.#draining.delete(container);
    this.#start.end(container);
  }

  /** Ends a call whose app was stopped. */
  #abandon(call: Call): void {
    this.#end(call, call.isCancelling ? { kind: 'cancelled' } : { kind: 'failed', reply: 'stopped' });
  }
}
