import type { EndpointSettings, StandInConfiguration } from '../configuration/configuration.js';
import type { ModelRequest } from '../engine/answer-engine.js';
import type { CallPlan } from '../faults/call-plan.js';
import type { FaultBoard } from '../faults/fault-board.js';
import type { Call } from '../simulation/call.js';
import type { Simulation } from '../simulation/simulation.js';
import type { TokenBucket } from '../simulation/token-bucket.js';
import { refuseCredentials, refuseHeaders } from './admission.js';
import { parseCallBody } from './call-body.js';
import { modalReply, suffer, type Exchange } from './exchange.js';
import type { HealthReplies } from './health-replies.js';
import { MODAL_REPLIES, type ModalReplyName } from './modal-replies.js';
import type { ResultLinks } from './result-links.js';
import type { WaitingCallers } from './waiting-callers.js';

export interface FunctionEdgeParts {
  readonly configuration: StandInConfiguration;
  readonly simulation: Simulation;
  readonly faults: FaultBoard;
  readonly rate: TokenBucket;
  readonly links: ResultLinks;
  readonly callers: WaitingCallers;
  readonly health: HealthReplies;
}

/** For calls that are refused before anyone read what they ask. */
const UNREAD: ModelRequest = { model: '', messages: [], temperature: 0, maxTokens: 0 };

/** Modal's HTTP front: every request that is not the stand-in's own comes through `handle`. */
export class FunctionEdge {
  readonly #endpoints: ReadonlyMap<string, EndpointSettings>;

  constructor(private readonly parts: FunctionEdgeParts) {
    this.#endpoints = new Map(parts.configuration.endpoints.map((endpoint) => [endpoint.path, endpoint]));
  }

  handle(exchange: Exchange): void {
    const endpoint = this.#endpoints.get(exchange.path);
    if (endpoint === undefined) return this.#elsewhere(exchange);
    const token = this.parts.links.tokenIn(exchange.query);
    if (token !== undefined) return this.#result(exchange, endpoint, token);
    if (exchange.method === 'POST') return this.#call(exchange, endpoint);
    return this.#otherMethod(exchange, endpoint);
  }

  /** Rule 1: a path nobody deployed. Health checks wake no container. */
  #elsewhere(exchange: Exchange): void {
    const { configuration, health } = this.parts;
    const subject = health.subjectOf(exchange.path);
    if (subject === undefined) return exchange.reply(modalReply('invalid_function_call'));
    if (suffer(exchange, health.outage(subject))) return;
    const refusal = health.appReply(subject) ?? refuseCredentials(exchange, configuration.proxy_auth);
    if (refusal !== undefined) return exchange.reply(modalReply(refusal));
    if (exchange.method !== 'GET') return exchange.reply(methodNotAllowed());
    exchange.reply({ kind: 'json', status: 200, body: health.body(subject) });
  }

  /** Rule 2 gives the order: workspace and app, credentials, headers, rate, queue. */
  #call(exchange: Exchange, endpoint: EndpointSettings): void {
    const { configuration, faults, simulation } = this.parts;
    const plan = faults.planCall(endpoint);
    const refusal =
      arrivalReply(plan, 'app') ??
      refuseCredentials(exchange, configuration.proxy_auth) ??
      refuseHeaders(exchange) ??
      arrivalReply(plan, 'edge');
    const key = exchange.header('idempotency-key');
    if (refusal !== undefined) {
      const call = simulation.mint(endpoint, key, UNREAD, plan);
      simulation.refuse(call, refusal);
      const retryAfterS = plan.arrival?.kind === 'status' ? plan.arrival.retryAfterS : undefined;
      return exchange.reply(modalReply(refusal, undefined, retryAfterS));
    }
    if (plan.arrival !== undefined) {
      return this.#breakOff(
        exchange,
        simulation.mint(endpoint, key, UNREAD, plan),
        plan.arrival.kind === 'reset',
      );
    }
    this.#serve(exchange, endpoint, key, plan);
  }

  #serve(exchange: Exchange, endpoint: EndpointSettings, key: string | undefined, plan: CallPlan): void {
    const { simulation, callers } = this.parts;
    const body = parseCallBody(exchange.body);
    const call = simulation.mint(endpoint, key, body.kind === 'valid' ? body.request : UNREAD, plan);
    const limit = this.#overLimit(endpoint);
    if (limit !== undefined) {
      simulation.refuse(call, limit);
      return exchange.reply(modalReply(limit));
    }
    if (body.kind === 'invalid') {
      simulation.refuse(call, 'invalid_body');
      return exchange.reply({ kind: 'json', status: 422, body: body.detail, callId: call.id });
    }
    const { model } = body.request;
    if (!endpoint.models.includes(model)) {
      simulation.refuse(call, 'model_not_served');
      const error = `model "${model.slice(0, 64)}" is not served here; models: ${endpoint.models.join(', ')}`;
      return exchange.reply({ kind: 'json', status: 200, body: { status: 'error', error }, callId: call.id });
    }
    callers.open(call, exchange);
    simulation.accept(call, (ended) => callers.ended(ended));
  }

  /** Rules 5 and 6. */
  #overLimit(endpoint: EndpointSettings): ModalReplyName | undefined {
    const { configuration, rate, simulation } = this.parts;
    if (!rate.take()) return 'rate_limited';
    if (simulation.queued(endpoint) >= configuration.limits.queued_per_endpoint) return 'queue_full';
    if (simulation.inSystem >= configuration.limits.in_system) return 'queue_full';
    return undefined;
  }

  /** Faults that leave the caller without an answer; a hanging call is in flight until the caller goes. */
  #breakOff(exchange: Exchange, call: Call, isReset: boolean): void {
    const { simulation } = this.parts;
    simulation.acceptUnserved(call);
    if (isReset) {
      simulation.finishUnserved(call, 'reset');
      exchange.reply({ kind: 'reset' });
      return;
    }
    exchange.onHangUp(() => simulation.finishUnserved(call, 'hung'));
  }

  /** Rules 13 to 15. */
  #result(exchange: Exchange, endpoint: EndpointSettings, token: string): void {
    const { configuration, faults, links, callers } = this.parts;
    if (suffer(exchange, faults.outage(endpoint))) return;
    const refusal = faults.appReply(endpoint) ?? refuseCredentials(exchange, configuration.proxy_auth);
    if (refusal !== undefined) return exchange.reply(modalReply(refusal));
    if (exchange.method !== 'GET') return exchange.reply(modalReply('bad_redirect_method'));
    const call = links.find(token);
    if (call === undefined || call.endpoint !== endpoint)
      return exchange.reply(modalReply('missing_request'));
    callers.join(call, exchange);
  }

  #otherMethod(exchange: Exchange, endpoint: EndpointSettings): void {
    const { configuration, faults } = this.parts;
    if (suffer(exchange, faults.outage(endpoint))) return;
    const refusal = faults.appReply(endpoint) ?? refuseCredentials(exchange, configuration.proxy_auth);
    exchange.reply(refusal === undefined ? methodNotAllowed() : modalReply(refusal));
  }
}

/** @returns the text of a fault that answers the call, if it arises there */
function arrivalReply(plan: CallPlan, arises: 'app' | 'edge'): ModalReplyName | undefined {
  if (plan.arrival?.kind !== 'status') return undefined;
  const isApp = MODAL_REPLIES[plan.arrival.body].arises === 'app';
  return isApp === (arises === 'app') ? plan.arrival.body : undefined;
}

/** FastAPI's words. */
function methodNotAllowed(): { kind: 'json'; status: number; body: unknown } {
  return { kind: 'json', status: 405, body: { detail: 'Method Not Allowed' } };
}
