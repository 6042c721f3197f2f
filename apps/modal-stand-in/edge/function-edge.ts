import type { StandInConfiguration } from '../configuration/configuration.js';
import type { EndpointSettings } from '../configuration/endpoint-settings.js';
import type { Deployed, Deployments } from '../deployment/deployments.js';
import type { FaultBoard } from '../faults/fault-board.js';
import type { Simulation } from '../simulation/simulation.js';
import type { JobGateway } from '../jobs/job-gateway.js';
import type { Arrivals } from './arrivals.js';
import type { AutoscalerRoutes } from './autoscaler-routes.js';
import { parseCallBody } from './call-body.js';
import { methodNotAllowed, modalReply, queueFullReply, type Exchange, type Reply } from './exchange.js';
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
  readonly arrivals: Arrivals;
  readonly links: ResultLinks;
  readonly callers: WaitingCallers;
  readonly gateways: Gateways;
  readonly jobs: JobGateway;
  readonly autoscaler: AutoscalerRoutes;
  readonly hop: RoutingHop;
}

/** `<gateway>/health`, `<gateway>/jobs`, `<gateway>/jobs/<call id>` */
const GATEWAY_PATH = /^(?<base>\/.*)\/(?:(?<health>health)|jobs(?:\/(?<callId>[^/]+))?)$/;

/** `<path>/autoscaler`, `<path>/autoscaler/release` */
const AUTOSCALER_PATH = /^(?<path>\/.*)\/autoscaler(?<release>\/release)?$/;

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
    const { deployments, gateways, faults, jobs, autoscaler } = this.parts;
    const { path, release } = AUTOSCALER_PATH.exec(exchange.path)?.groups ?? {};
    const scaled = path === undefined ? undefined : deployments.atPath(path);
    if (scaled !== undefined) return autoscaler.handle(exchange, scaled, release !== undefined);
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
    const { gateways, hop } = this.parts;
    if (gateways.isTurnedAway(exchange, gateway)) return;
    const isGet = exchange.method === 'GET';
    const reply: Reply = isGet
      ? { kind: 'json', status: 200, body: gateways.healthBody(gateway) }
      : methodNotAllowed();
    hop.reply(exchange, gateway[0].settings, reply);
  }

  #call(exchange: Exchange, deployed: Deployed): void {
    const { arrivals, simulation, callers } = this.parts;
    const { settings: endpoint } = deployed;
    const admitted = arrivals.admit({
      exchange,
      endpoint,
      appState: this.#appState(deployed),
      body: parseCallBody(exchange.body),
      models: endpoint.models,
      isSpawn: false,
    });
    if (admitted === undefined) return;
    const call = simulation.mint(endpoint, admitted.key, admitted.request, admitted.plan);
    const limit = this.#queueLimit(endpoint);
    if (limit !== undefined) {
      simulation.refuse(call, 'queue_full');
      return exchange.reply(queueFullReply(limit));
    }
    call.isStreamed = admitted.isStreamed || acceptsEvents(exchange);
    callers.open(call, exchange);
    simulation.accept(call, (ended) => callers.ended(ended));
  }

  /** Rules 1 and 21: an app that was stopped, and one that just crashed. */
  #appState({ settings, isStopped }: Deployed): ModalReplyName | undefined {
    if (isStopped) return 'stopped';
    return this.parts.simulation.isOffAir(settings) ? 'invalid_function_call' : undefined;
  }

  /** Rule 6. @returns the limit that was reached */
  #queueLimit(endpoint: EndpointSettings): number | undefined {
    const { configuration, simulation } = this.parts;
    const { queued_per_endpoint: mostQueued, in_system: mostInSystem } = configuration.limits;
    if (simulation.queued(endpoint) >= mostQueued) return mostQueued;
    return simulation.inSystem >= mostInSystem ? mostInSystem : undefined;
  }

  /** Rules 13 to 15. */
  #result(exchange: Exchange, deployed: Deployed, token: string): void {
    const { gateways, links, callers } = this.parts;
    if (gateways.isTurnedAway(exchange, [deployed])) return;
    if (exchange.method !== 'GET') return exchange.reply(modalReply('bad_redirect_method'));
    const call = links.find(token);
    if (call === undefined || call.endpoint.id !== deployed.settings.id)
      return exchange.reply(modalReply('missing_request'));
    callers.join(call, exchange);
  }

  #otherMethod(exchange: Exchange, deployed: Deployed): void {
    if (!this.parts.gateways.isTurnedAway(exchange, [deployed])) exchange.reply(methodNotAllowed());
  }
}

/** Rule 17. */
function acceptsEvents(exchange: Exchange): boolean {
  return exchange.header('accept')?.includes('text/event-stream') === true;
}
