import type { StandInConfiguration } from '../configuration/configuration.js';
import type { EndpointSettings } from '../configuration/endpoint-settings.js';
import type { ModelRequest } from '../engine/answer-engine.js';
import type { CallPlan } from '../faults/call-plan.js';
import type { FaultBoard } from '../faults/fault-board.js';
import type { Call } from '../simulation/call.js';
import type { Simulation } from '../simulation/simulation.js';
import type { Outcome } from '../simulation/simulation-event.js';
import type { TokenBucket } from '../simulation/token-bucket.js';
import { refuseArrival } from './admission.js';
import { breakOff } from './broken-calls.js';
import { modelNotServed, type CallBody } from './call-body.js';
import { modalReply, type Exchange } from './exchange.js';
import type { ModalReplyName } from './modal-replies.js';
import type { RoutingHop } from './routing-hop.js';

/** A request that wants work done. */
export interface Arrival {
  readonly exchange: Exchange;
  /** Whose faults strike it, and in whose books it is. */
  readonly endpoint: EndpointSettings;
  /** What the app itself answers, if it does not serve. */
  readonly appState: ModalReplyName | undefined;
  readonly body: CallBody;
  /** What can be asked for at its path. */
  readonly models: readonly string[];
  /** Rule 26: it is answered before the work is done. */
  readonly isSpawn: boolean;
}

/** What is left of an arrival that nothing speaks against but queues. */
export interface Admitted {
  readonly request: ModelRequest;
  readonly isStreamed: boolean;
  readonly key: string | undefined;
  readonly plan: CallPlan;
}

export interface ArrivalsParts {
  readonly configuration: StandInConfiguration;
  readonly simulation: Simulation;
  readonly faults: FaultBoard;
  readonly hop: RoutingHop;
  /** Rule 5. */
  readonly rate: TokenBucket;
  /** Rule 26: spawns have a rate of their own. */
  readonly spawnRate: TokenBucket;
}

/** For calls that are refused before anyone read what they ask. */
const UNREAD: ModelRequest = { model: '', messages: [], temperature: 0, maxTokens: 0 };

/**
 * Rule 2, for calls and spawns alike: workspace, app, credentials, headers and rate are Modal's front, which reads no
 * body; then the application reads it; queues come last, because they belong to the function that the application calls.
 */
export class Arrivals {
  constructor(private readonly parts: ArrivalsParts) {}

  /** @returns `undefined` where it was answered, or never will be */
  admit({ exchange, endpoint, appState, body, models, isSpawn }: Arrival): Admitted | undefined {
    const { configuration, simulation, faults, hop, rate, spawnRate } = this.parts;
    const plan = faults.planCall(endpoint);
    const key = exchange.header('idempotency-key');
    const mint = (request: ModelRequest): Call => simulation.mint(endpoint, key, request, plan, isSpawn);
    const turnAway = (name: ModalReplyName, retryAfterS?: number): undefined => {
      simulation.refuse(mint(UNREAD), name);
      exchange.reply(modalReply(name, undefined, retryAfterS));
    };
    const refuse = (
      request: ModelRequest,
      outcome: Outcome,
      status: number,
      document: unknown,
    ): undefined => {
      const call = mint(request);
      simulation.refuse(call, outcome);
      const named = isSpawn ? {} : { callId: call.id };
      hop.reply(exchange, endpoint, { kind: 'json', status, body: document, ...named });
    };

    const refusal = refuseArrival(exchange, configuration.proxy_auth, plan, appState);
    if (refusal !== undefined) {
      return turnAway(refusal, plan.arrival?.kind === 'status' ? plan.arrival.retryAfterS : undefined);
    }
    if (plan.arrival !== undefined) {
      breakOff(exchange, simulation, mint(UNREAD), plan.arrival.kind === 'reset');
      return undefined;
    }
    if (!(isSpawn ? spawnRate : rate).take()) return turnAway('rate_limited');
    if (body.kind === 'invalid') return refuse(UNREAD, 'invalid_body', 422, body.detail);
    const { request, isStreamed } = body;
    if (!models.includes(request.model)) {
      return refuse(request, 'model_not_served', 200, modelNotServed(request.model, models));
    }
    return { request, isStreamed, key, plan };
  }
}
