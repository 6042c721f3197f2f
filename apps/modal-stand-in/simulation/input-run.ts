import type { Clock } from '../clock/clock.js';
import { SeededRandom } from '../clock/seeded-random.js';
import type { StandInConfiguration } from '../configuration/configuration.js';
import { executionRange, type EndpointSettings } from '../configuration/endpoint-settings.js';
import type { ModalReplyName } from '../edge/modal-replies.js';
import type { AnswerEngine, ModelAnswer } from '../engine/answer-engine.js';
import type { Call, CallEnd } from './call.js';
import type { Container } from './container.js';

/** What a run may come to, other than being stopped from outside. */
export interface RunObserver {
  ended(call: Call, end: CallEnd): void;
  died(container: Container<Call>, afterwards: 'reschedule' | ModalReplyName): void;
}

export interface RunSurroundings {
  readonly clock: Clock;
  readonly engine: AnswerEngine;
  readonly configuration: Pick<StandInConfiguration, 'seed' | 'time_scale' | 'preemption_grace_s'>;
  /** Rule 23: simulated seconds a fresh container waits for a body that does not come; `undefined`: it comes. */
  readonly missingBodyS: (endpoint: EndpointSettings) => number | undefined;
}

/** The work of one endpoint's containers on its inputs: how long it takes and how it ends. */
export class InputRunner {
  readonly #randoms = new Map<string, SeededRandom>();

  constructor(
    private readonly surroundings: RunSurroundings,
    private readonly observer: RunObserver,
  ) {}

  start(call: Call, container: Container<Call>): void {
    const { clock, engine, configuration, missingBodyS } = this.surroundings;
    const { endpoint } = container;
    call.startedMs = clock.now();
    const waitS = call.coldStart ? missingBodyS(endpoint) : undefined;
    if (waitS !== undefined) {
      this.#after(call, waitS, () => this.observer.ended(call, { kind: 'failed', reply: 'missing_request' }));
      return;
    }
    call.running = engine.start(call.request, { endpointId: endpoint.id, region: endpoint.region });
    const executionS = this.#drawExecutionS(endpoint, call.request.model) + call.plan.delayS;
    call.plannedS = executionS;
    const fault = call.containerFault;
    call.containerFault = undefined;
    if (fault?.kind === 'dies') {
      const diesAfterS = executionS / 2 + (fault.preempted ? configuration.preemption_grace_s : 0);
      this.#after(call, diesAfterS, () => this.observer.died(container, fault.afterwards));
      return;
    }
    if (fault?.kind === 'never_ends' || executionS > endpoint.execution_timeout_s) {
      this.#after(call, endpoint.execution_timeout_s, () => this.#timeOut(call, container));
      return;
    }
    this.#after(call, executionS, () => this.#answer(call, container));
  }

  /** Stops the work; what becomes of the call is the caller's business. */
  stop(call: Call): void {
    call.timer?.cancel();
    call.timer = undefined;
    call.running?.cancel?.();
    call.running = undefined;
  }

  #after(call: Call, delayS: number, then: () => void): void {
    call.timer = this.surroundings.clock.schedule(delayS * 1000, then);
  }

  #answer(call: Call, container: Container<Call>): void {
    const running = call.running;
    if (running === undefined) return;
    const { answer } = running;
    if (!(answer instanceof Promise)) return this.#answered(call, container, answer);
    answer.then(
      (value) => {
        // The call may have been cancelled, or run again elsewhere, while the engine computed.
        if (call.running === running) this.#answered(call, container, value);
      },
      (error: unknown) => {
        if (call.running !== running) return;
        this.observer.ended(call, {
          kind: 'model_error',
          error: error instanceof Error ? error.message : 'failed',
        });
      },
    );
  }

  #answered(call: Call, container: Container<Call>, answer: ModelAnswer): void {
    const { clock, configuration } = this.surroundings;
    this.observer.ended(call, {
      kind: 'answered',
      answer,
      containerId: container.id,
      coldStart: call.coldStart,
      inferenceS: (clock.now() - call.startedMs) / 1000 / configuration.time_scale,
    });
  }

  /** Rule 16. A container whose only input overran is stopped with it: nothing else can interrupt the work. */
  #timeOut(call: Call, container: Container<Call>): void {
    if (container.inputs.size === 1) this.observer.died(container, 'timed_out');
    else this.observer.ended(call, { kind: 'failed', reply: 'timed_out' });
  }

  #drawExecutionS(endpoint: EndpointSettings, model: string): number {
    let random = this.#randoms.get(model);
    if (random === undefined) {
      random = new SeededRandom(this.surroundings.configuration.seed, `${endpoint.id}/execution/${model}`);
      this.#randoms.set(model, random);
    }
    return random.between(executionRange(endpoint, model));
  }
}
