import type { StandInConfiguration } from '../configuration/configuration.js';
import type { EndpointSettings } from '../configuration/endpoint-settings.js';
import type { Admitted, Arrivals } from '../edge/arrivals.js';
import { parseCallBody } from '../edge/call-body.js';
import { methodNotAllowed, modalReply, queueFullReply, type Exchange } from '../edge/exchange.js';
import type { Gateway, Gateways } from '../edge/gateways.js';
import type { RoutingHop } from '../edge/routing-hop.js';
import type { AnswerFault, CallPlan } from '../faults/call-plan.js';
import type { EventSink } from '../simulation/simulation-event.js';
import type { Simulation } from '../simulation/simulation.js';
import type { CompletionCallback } from './completion-callback.js';
import type { JobBook } from './job-book.js';
import { isSettled, jobDocument, jobError } from './job-result.js';

export interface JobGatewayParts {
  readonly configuration: StandInConfiguration;
  readonly simulation: Simulation;
  readonly arrivals: Arrivals;
  readonly gateways: Gateways;
  readonly hop: RoutingHop;
  readonly book: JobBook;
  readonly callback: CompletionCallback | undefined;
  readonly emit: EventSink;
}

/** Rule 26: the job routes of a deployment, which spawn, poll and cancel so that no request is held open. */
export class JobGateway {
  constructor(private readonly parts: JobGatewayParts) {}

  /** @param callId absent at `<gateway>/jobs` itself */
  handle(exchange: Exchange, gateway: Gateway, callId: string | undefined): void {
    if (callId === undefined && exchange.method === 'POST') return this.#spawn(exchange, gateway);
    if (this.parts.gateways.isTurnedAway(exchange, gateway)) return;
    if (callId !== undefined && exchange.method === 'GET') return this.#poll(exchange, gateway, callId);
    if (callId !== undefined && exchange.method === 'DELETE') return this.#cancel(exchange, gateway, callId);
    this.parts.hop.reply(exchange, gateway[0].settings, methodNotAllowed());
  }

  #spawn(exchange: Exchange, gateway: Gateway): void {
    const { arrivals, gateways } = this.parts;
    const body = parseCallBody(exchange.body);
    const model = body.kind === 'valid' ? body.request.model : undefined;
    const serving = gateway.filter(({ isStopped }) => !isStopped);
    const asked = serving.find(({ settings }) => model !== undefined && settings.models.includes(model));
    const { settings: endpoint } = asked ?? gateway[0];
    const admitted = arrivals.admit({
      exchange,
      endpoint,
      appState: gateways.appReply(gateway),
      body,
      models: serving.flatMap(({ settings }) => settings.models),
      isSpawn: true,
    });
    if (admitted !== undefined) this.#accept(exchange, endpoint, admitted);
  }

  /** The key before the queue: a spawn that was answered before, or whose answer was lost, is the same job. */
  #accept(exchange: Exchange, endpoint: EndpointSettings, { request, key, plan }: Admitted): void {
    const { configuration, simulation, book, callback, emit } = this.parts;
    const known = book.withKey(endpoint.region, key);
    if (known !== undefined) {
      emit({ kind: 'job_spawned_again', call: known.call });
      return this.#answerSpawn(exchange, endpoint, known.call.id, plan.answer);
    }
    const call = simulation.mint(endpoint, key, request, withoutSpawnFault(plan), true);
    const most = configuration.limits.spawned_queued_per_endpoint;
    if (simulation.spawnedQueued(endpoint) >= most) {
      simulation.refuse(call, 'queue_full');
      return exchange.reply(queueFullReply(most));
    }
    const job = book.add(call);
    simulation.accept(call, () => {
      book.ended(job);
      callback?.ended(job);
    });
    this.#answerSpawn(exchange, endpoint, call.id, plan.answer);
  }

  /** A fault at the answer strikes this one: the job is there, and the caller may not know its id. */
  #answerSpawn(
    exchange: Exchange,
    endpoint: EndpointSettings,
    callId: string,
    fault: AnswerFault | undefined,
  ): void {
    const { hop } = this.parts;
    const body = { status: 'pending', call_id: callId };
    switch (fault?.kind) {
      case 'status':
        return hop.reply(exchange, endpoint, modalReply(fault.body, undefined, fault.retryAfterS));
      case 'reset':
        return hop.reply(exchange, endpoint, { kind: 'reset' });
      case 'truncated':
        return hop.reply(exchange, endpoint, { kind: 'truncated', body });
      case 'model_error':
      case undefined:
        return hop.reply(exchange, endpoint, { kind: 'json', status: 202, body });
    }
  }

  #poll(exchange: Exchange, gateway: Gateway, callId: string): void {
    const { book, emit } = this.parts;
    const job = book.find(gateway[0].settings.region, callId);
    if (job === undefined) return this.#unknown(exchange, gateway, callId);
    if (job === 'expired') return this.#expired(exchange, gateway);
    emit({ kind: 'job_polled', call: job.call });
    if (isSettled(job.call)) return this.#json(exchange, gateway, 200, jobDocument(job.call));
    this.#json(exchange, gateway, 202, { status: 'pending', call_id: callId });
  }

  /** Without `terminate_containers`: a container that boots for the job goes on booting. */
  #cancel(exchange: Exchange, gateway: Gateway, callId: string): void {
    const { book, simulation } = this.parts;
    const job = book.find(gateway[0].settings.region, callId);
    if (job === undefined) return this.#unknown(exchange, gateway, callId);
    if (job === 'expired') return this.#expired(exchange, gateway);
    const { call } = job;
    const isFinished = call.state === 'ended' && call.end?.kind !== 'cancelled';
    if (!isFinished) simulation.cancel(call, false);
    const status = isFinished ? 'finished' : 'cancelled';
    this.#json(exchange, gateway, 200, { status, call_id: callId });
  }

  #unknown(exchange: Exchange, gateway: Gateway, callId: string): void {
    this.#json(exchange, gateway, 404, { detail: `Unknown call_id "${callId.slice(0, 64)}"` });
  }

  #expired(exchange: Exchange, gateway: Gateway): void {
    this.#json(exchange, gateway, 410, jobError('expired', 'The result of this call has expired'));
  }

  #json(exchange: Exchange, gateway: Gateway, status: number, body: unknown): void {
    this.parts.hop.reply(exchange, gateway[0].settings, { kind: 'json', status, body });
  }
}

/** What a job's result can suffer; the other faults of the answer strike the answer to the spawn. */
function withoutSpawnFault(plan: CallPlan): CallPlan {
  if (plan.answer === undefined || plan.answer.kind === 'model_error') return plan;
  const { answer: _answer, ...others } = plan;
  return others;
}
