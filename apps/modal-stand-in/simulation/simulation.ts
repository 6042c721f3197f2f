import type { Clock } from '../clock/clock.js';
import type { StandInConfiguration } from '../configuration/configuration.js';
import type { EndpointSettings } from '../configuration/endpoint-settings.js';
import type { AnswerEngine, ModelRequest } from '../engine/answer-engine.js';
import type { CallPlan } from '../faults/call-plan.js';
import type { FaultBoard } from '../faults/fault-board.js';
import { Call } from './call.js';
import { ContainerPool } from './container-pool.js';
import { GpuQuota } from './gpu-quota.js';
import { mintId } from './identifiers.js';
import type { EventSink, Outcome } from './simulation-event.js';

export interface SimulationParts {
  readonly clock: Clock;
  readonly configuration: StandInConfiguration;
  readonly engine: AnswerEngine;
  readonly faults: FaultBoard;
  readonly emit: EventSink;
}

/** The workspace: all endpoints, the GPUs they share, and the calls in them. */
export class Simulation {
  readonly gpus: GpuQuota;
  readonly #pools = new Map<string, ContainerPool>();
  #spawnedInSystem = 0;
  /** Until when, in simulated ms, by endpoint. */
  readonly #offAir = new Map<string, number>();
  readonly #endObservers = new Map<Call, (call: Call) => void>();

  constructor(private readonly parts: SimulationParts) {
    const { configuration, faults } = parts;
    this.gpus = new GpuQuota(
      Math.min(configuration.gpus, configuration.containers),
      configuration.containers,
      (endpoint) => !faults.hasDrought(endpoint),
    );
    for (const endpoint of configuration.endpoints) this.deploy(endpoint);
    faults.onChange(() => this.gpus.place());
  }

  /** A new endpoint, or rule 25: a new version of one that is there or was stopped. */
  deploy(endpoint: EndpointSettings): void {
    const pool = this.#pools.get(endpoint.id);
    if (pool !== undefined) return pool.redeploy(endpoint);
    const { clock, configuration, engine, faults, emit } = this.parts;
    this.#pools.set(
      endpoint.id,
      new ContainerPool(endpoint, {
        clock,
        configuration,
        engine,
        gpus: this.gpus,
        emit,
        extraLoadS: (of) => faults.extraLoadS(of),
        missingBodyS: (of) => faults.missingBodyS(of),
        wentOffAir: (of) => this.#offAir.set(of.id, clock.now() + configuration.crash_restart_s * 1000),
        callEnded: (call) => this.#ended(call),
      }),
    );
  }

  /** Ends everything at an endpoint. */
  stop(endpoint: EndpointSettings): void {
    this.#pools.get(endpoint.id)?.shutDown();
  }

  /** Forgets an endpoint that was stopped. */
  remove(endpoint: EndpointSettings): void {
    this.stop(endpoint);
    this.#pools.delete(endpoint.id);
  }

  pool(endpointId: string): ContainerPool | undefined {
    return this.#pools.get(endpointId);
  }

  /** Rule 21: whether the function is answered `invalid function call` because it just crashed. */
  isOffAir(endpoint: EndpointSettings): boolean {
    if (this.#offAir.size === 0) return false;
    const untilMs = this.#offAir.get(endpoint.id);
    if (untilMs === undefined) return false;
    if (this.parts.clock.now() < untilMs) return true;
    this.#offAir.delete(endpoint.id);
    return false;
  }

  get pools(): Iterable<ContainerPool> {
    return this.#pools.values();
  }

  /** Calls accepted and not ended, without those that were spawned. */
  get inSystem(): number {
    return this.#endObservers.size - this.#spawnedInSystem;
  }

  /** Calls that wait, without those that were spawned. */
  queued(endpoint: EndpointSettings): number {
    const pool = this.#pools.get(endpoint.id);
    return pool === undefined ? 0 : pool.queued - pool.spawnedQueued;
  }

  /** Rule 26: spawned calls that wait. */
  spawnedQueued(endpoint: EndpointSettings): number {
    return this.#pools.get(endpoint.id)?.spawnedQueued ?? 0;
  }

  /** Gives a request its `fc-` id; nothing is counted yet. */
  mint(
    endpoint: EndpointSettings,
    key: string | undefined,
    request: ModelRequest,
    plan: CallPlan,
    isSpawned = false,
  ): Call {
    return new Call(mintId('fc'), endpoint, key, request, plan, this.parts.clock.now(), isSpawned);
  }

  /** Counts a call that was turned away. */
  refuse(call: Call, outcome: Outcome): void {
    this.parts.emit({ kind: 'call_refused', call, outcome });
  }

  /**
   * Accepts a call that no container will see: it is in flight until `finishUnserved`.
   * Used by faults at the edge.
   */
  acceptUnserved(call: Call): void {
    this.parts.emit({ kind: 'call_received', call });
  }

  finishUnserved(call: Call, outcome: Outcome): void {
    if (call.state === 'ended') return;
    call.state = 'ended';
    this.parts.emit({ kind: 'call_ended', call, container: undefined, outcome });
  }

  /** Rule 7. @param onEnd called once, when the call ended for whatever reason */
  accept(call: Call, onEnd: (call: Call) => void): void {
    this.#endObservers.set(call, onEnd);
    if (call.isSpawned) this.#spawnedInSystem += 1;
    this.parts.emit({ kind: 'call_received', call });
    this.#pools.get(call.endpoint.id)?.submit(call);
  }

  /** @param killBooting rule 19 */
  cancel(call: Call, killBooting = this.parts.configuration.kill_booting): void {
    this.#pools.get(call.endpoint.id)?.cancel(call, killBooting);
  }

  #ended(call: Call): void {
    const onEnd = this.#endObservers.get(call);
    if (this.#endObservers.delete(call) && call.isSpawned) this.#spawnedInSystem -= 1;
    onEnd?.(call);
  }
}
