import type { Clock } from '../clock/clock.js';
import type { EndpointSettings, StandInConfiguration } from '../configuration/configuration.js';
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
  readonly #endObservers = new Map<Call, (call: Call) => void>();

  constructor(private readonly parts: SimulationParts) {
    const { clock, configuration, engine, faults, emit } = parts;
    this.gpus = new GpuQuota(
      Math.min(configuration.gpus, configuration.containers),
      (endpoint) => !faults.hasDrought(endpoint),
    );
    for (const endpoint of configuration.endpoints) {
      const pool = new ContainerPool(endpoint, {
        clock,
        configuration,
        engine,
        gpus: this.gpus,
        emit,
        extraLoadS: (of) => faults.extraLoadS(of),
        callEnded: (call) => this.#ended(call),
      });
      this.#pools.set(endpoint.id, pool);
    }
    faults.onChange(() => this.gpus.place());
  }

  get pools(): Iterable<ContainerPool> {
    return this.#pools.values();
  }

  /** Calls accepted and not ended. */
  get inSystem(): number {
    return this.#endObservers.size;
  }

  queued(endpoint: EndpointSettings): number {
    return this.#pools.get(endpoint.id)?.queued ?? 0;
  }

  /** Gives a request its `fc-` id; nothing is counted yet. */
  mint(endpoint: EndpointSettings, key: string | undefined, request: ModelRequest, plan: CallPlan): Call {
    return new Call(mintId('fc'), endpoint, key, request, plan, this.parts.clock.now());
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
    this.parts.emit({ kind: 'call_received', call });
    this.#pools.get(call.endpoint.id)?.submit(call);
  }

  cancel(call: Call): void {
    this.#pools.get(call.endpoint.id)?.cancel(call);
  }

  #ended(call: Call): void {
    const onEnd = this.#endObservers.get(call);
    this.#endObservers.delete(call);
    onEnd?.(call);
  }
}
