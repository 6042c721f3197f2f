import type { StandInConfiguration } from '../configuration/configuration.js';
import type { EndpointSettings } from '../configuration/endpoint-settings.js';
import type { Deployed, Deployments } from '../deployment/deployments.js';
import type { ModelRequest } from '../engine/answer-engine.js';
import type { CallPlan } from '../faults/call-plan.js';
import type { FaultBoard } from '../faults/fault-board.js';
import type { Simulation } from '../simulation/simulation.js';
import type { TokenBucket } from '../simulation/token-bucket.js';
import type { JobGateway } from '../jobs/job-gateway.js';
import { refuseArrival, refuseCredentials } from './admission.js';
import { modelNotServed, parseCallBody } from './call-body.js';
import { breakOff } from './broken-calls.js';
import {
  methodNotAllowed,
  modalReply,
  queueFullReply,
  suffer,
  type Exchange,
  type Reply,
} from './exchange.js';
import type { Gateway, Gateways } from './gateways.js';
import type { ModalReplyName } from './modal-replies.js';
import type { ResultLinks } from './result-links.js';
import type { RoutingHop } from './routing-hop.js';
import type { WaitingCallers } from './waiting-callers.js';

export interface FunctionEdgeParts {
  readonly configuration: StandInConfiguration;
  readonly deployments: Deployments;
  readonly simulation: Simulation;
  readonly faults: FaultBoard;
  readonly rate: TokenBucket;
  readonly links: ResultLinks;
  readonly callers: WaitingCallers;
  readonly gateways: Gateways;
  readonly jobs: JobGateway;
  readonly hop: RoutingHop;
}

/** For calls that are refused before anyone read what they ask. */
const UNREAD: ModelRequest = { model: '', messages: [], temperature: 0, maxTokens: 0 };

/** `<gateway>/health`, `<gateway>/jobs`, `<gateway>/jobs/<call id>` */
const GATEWAY_PATH = /^(?<base>\/.*)\/(?:(?<health>health)|jobs(?:\/(?<callId>[^/]+))?)$/;

/** Modal's HTTP front: every request that is not the stand-in's own comes through `handle`. */
export class FunctionEdge {
  constructor(private readonly parts: FunctionEdgeParts) {}

  handle(exchange: Exchange): void {
    const deployed = this.parts.deployments.atPath(exchange.path);
    if (deployed === undefined) return this.#elsewhere(exchange);
    const token = this.parts.links.tokenIn(exchange.query);
    if (token !== undefined) return this.#result(exchange, deployed, token);
    if (exchange.method === 'POST') return this.#call(exchange, deployed);
    return this.#otherMethod(exchange, deployed);
  }

  /** What the gateways serve; rule 1: the rest is a path nobody deployed. */
  #elsewhere(exchange: Exchange): void {
    const { gateways, faults, jobs } = this.parts;
    const { base, health, callId } = GATEWAY_PATH.exec(exchange.path)?.groups ?? {};
    const gateway = base === undefined ? undefined : gateways.at(base);
    if (gateway === undefined) {
      return exchange.reply(modalReply(faults.workspaceReply() ?? 'invalid_function_call'));
    }
    if (health === undefined) jobs.handle(exchange, gateway, callId);
    else this.#health(exchange, gateway);
  }

  /** Health checks wake no container. */
  #health(exchange: Exchange, gateway: Gateway): void {
    const { configuration, gateways, hop } = this.parts;
    if (suffer(exchange, gateways.outage(gateway))) return;
    const refusal = gateways.appReply(gateway) ?? refuseCredentials(exchange, configuration.proxy_auth);
    if (refusal !== undefined) return exchange.reply(modalReply(refusal));
    const isGet = exchange.method === 'GET';
    const reply: Reply = isGet
      ? { kind: 'json', status: 200, body: gateways.healthBody(gateway) }
      : methodNotAllowed();
    hop.reply(exchange, gateway[0].settings, reply);
  }

  /** Rule 2 gives the order: workspace, app, credentials, headers, rate, queue. */
  #call(exchange: Exchange, deployed: Deployed): void {
    const { configuration, faults, simulation } = this.parts;
    const { settings: endpoint } = deployed;
    const plan = faults.planCall(endpoint);
    const refusal = refuseArrival(exchange, configuration.proxy_auth, plan, this.#appState(deployed));
    const key = exchange.header('idempotency-key');
    if (refusal !== undefined) {
      const call = simulation.mint(endpoint, key, UNREAD, plan);
      simulation.refuse(call, refusal);
      const retryAfterS = plan.arrival?.kind === 'status' ? plan.arrival.retryAfterS : undefined;
      return exchange.reply(modalReply(refusal, undefined, retryAfterS));
    }
    if (plan.arrival !== undefined) {
      const call = simulation.mint(endpoint, key, UNREAD, plan);
      return breakOff(exchange, simulation, call, plan.arrival.kind === 'reset');
    }
    this.#serve(exchange, deployed, key, plan);
  }

  /** Rules 1 and 21: an app that was stopped, and one that just crashed. */
  #appState({ settings, isStopped }: Deployed): ModalReplyName | undefined {
    if (isStopped) return 'stopped';
    return this.parts.simulation.isOffAir(settings) ? 'invalid_function_call' : undefined;
  }

  #serve(
    exchange: Exchange,
    { settings: endpoint }: Deployed,
    key: string | undefined,
    plan: CallPlan,
  ): void {
    const { simulation, callers, hop } = this.parts;
    const body = parseCallBody(exchange.body);
    const call = simulation.mint(endpoint, key, body.kind === 'valid' ? body.request : UNREAD, plan);
    const limit = this.#overLimit(endpoint);
    if (limit !== undefined) {
      simulation.refuse(call, limit.outcome);
      return exchange.reply(limit.reply);
    }
    if (body.kind === 'invalid') {
      simulation.refuse(call, 'invalid_body');
      return hop.reply(exchange, endpoint, {
        kind: 'json',
        status: 422,
        body: body.detail,
        callId: call.id,
      });
    }
    const { model } = body.request;
    if (!endpoint.models.includes(model)) {
      simulation.refuse(call, 'model_not_served');
      const refused = modelNotServed(model, endpoint.models);
      return hop.reply(exchange, endpoint, { kind: 'json', status: 200, body: refused, callId: call.id });
    }
    call.isStreamed = body.isStreamed || acceptsEvents(exchange);
    callers.open(call, exchange);
    simulation.accept(call, (ended) => callers.ended(ended));
  }

  /** Rules 5 and 6. */
  #overLimit(endpoint: EndpointSettings): { outcome: ModalReplyName; reply: Reply } | undefined {
    const { configuration, rate, simulation } = this.parts;
    if (!rate.take()) return { outcome: 'rate_limited', reply: modalReply('rate_limited') };
    const { queued_per_endpoint: mostQueued, in_system: mostInSystem } = configuration.limits;
    if (simulation.queued(endpoint) >= mostQueued) {
      return { outcome: 'queue_full', reply: queueFullReply(mostQueued) };
    }
    if (simulation.inSystem >= mostInSystem) {
      return { outcome: 'queue_full', reply: queueFullReply(mostInSystem) };
    }
    return undefined;
  }

  /** Rules 13 to 15. */
  #result(exchange: Exchange, deployed: Deployed, token: string): void {
    const { configuration, faults, gateways, links, callers } = this.parts;
    if (suffer(exchange, faults.outage(deployed.settings))) return;
    const refusal = gateways.appReplyOf(deployed) ?? refuseCredentials(exchange, configuration.proxy_auth);
    if (refusal !== undefined) return exchange.reply(modalReply(refusal));
    if (exchange.method !== 'GET') return exchange.reply(modalReply('bad_redirect_method'));
    const call = links.find(token);
    if (call === undefined || call.endpoint.id !== deployed.settings.id)
      return exchange.reply(modalReply('missing_request'));
    callers.join(call, exchange);
  }

  #otherMethod(exchange: Exchange, deployed: Deployed): void {
    const { configuration, faults, gateways } = this.parts;
    if (suffer(exchange, faults.outage(deployed.settings))) return;
    const refusal = gateways.appReplyOf(deployed) ?? refuseCredentials(exchange, configuration.proxy_auth);
    exchange.reply(refusal === undefined ? methodNotAllowed() : modalReply(refusal));
  }
}

/** Rule 17. */
function acceptsEvents(exchange: Exchange): boolean {
  return exchange.header('accept')?.includes('text/event-stream') === true;
}
