import type { StandInConfiguration } from '../configuration/configuration.js';
import type { Deployed } from '../deployment/deployments.js';
import { refuseArrival, refuseCredentials } from '../edge/admission.js';
import { breakOff } from '../edge/broken-calls.js';
import { modelNotServed, parseCallBody } from '../edge/call-body.js';
import { methodNotAllowed, modalReply, queueFullReply, suffer, type Exchange } from '../edge/exchange.js';
import type { Gateway, Gateways } from '../edge/gateways.js';
import type { RoutingHop } from '../edge/routing-hop.js';
import type { ModelRequest } from '../engine/answer-engine.js';
import type { AnswerFault, CallPlan } from '../faults/call-plan.js';
import type { FaultBoard } from '../faults/fault-board.js';
import type { EventSink } from '../simulation/simulation-event.js';
import type { Simulation } from '../simulation/simulation.js';
import type { TokenBucket } from '../simulation/token-bucket.js';
import type { CompletionCallback } from './completion-callback.js';
import type { JobBook } from './job-book.js';
import { isSettled, jobDocument, jobError } from './job-result.js';

export interface JobGatewayParts {
  readonly configuration: StandInConfiguration;
  readonly simulation: Simulation;
  readonly faults: FaultBoard;
  readonly gateways: Gateways;
  readonly hop: RoutingHop;
  /** Rule 26: spawns have a rate of their own. */
  readonly rate: TokenBucket;
  readonly book: JobBook;
  readonly callback: CompletionCallback | undefined;
  readonly emit: EventSink;
}

const UNREAD: ModelRequest = { model: '', messages: [], temperature: 0, maxTokens: 0 };

/** Rule 26: the job routes of a deployment, which spawn, poll and cancel so that no request is held open. */
export class JobGateway {
  constructor(private readonly parts: JobGatewayParts) {}

  /** @param callId absent at `<gateway>/jobs` itself */
  handle(exchange: Exchange, gateway: Gateway, callId: string | undefined): void {
    if (callId === undefined && exchange.method === 'POST') return this.#spawn(exchange, gateway);
    const { configuration, gateways } = this.parts;
    if (suffer(exchange, gateways.outage(gateway))) return;
    const refusal = gateways.appReply(gateway) ?? refuseCredentials(exchange, configuration.proxy_auth);
    if (refusal !== undefined) return exchange.reply(modalReply(refusal));
    if (callId !== undefined && exchange.method === 'GET') return this.#poll(exchange, gateway, callId);
    if (callId !== undefined && exchange.method === 'DELETE') return this.#cancel(exchange, gateway, callId);
    this.parts.hop.reply(exchange, gateway[0].settings, methodNotAllowed());
  }

  #spawn(exchange: Exchange, gateway: Gateway): void {
    const { configuration, simulation, faults, gateways } = this.parts;
    const body = parseCallBody(exchange.body);
    const model = body.kind === 'valid' ? body.request.model : undefined;
    const serving = gateway.find(({ settings, isStopped }) => !isStopped && includes(settings.models, model));
    const { settings: endpoint } = serving ?? gateway[0];
    const plan = faults.planCall(endpoint);
    const refusal = refuseArrival(exchange, configuration.proxy_auth, plan, gateways.appReply(gateway));
    const key = exchange.header('idempotency-key');
    const mint = (request: ModelRequest, given: CallPlan) =>
      simulation.mint(endpoint, key, request, given, true);
    if (refusal !== undefined) {
      simulation.refuse(mint(UNREAD, plan), refusal);
      const retryAfterS = plan.arrival?.kind === 'status' ? plan.arrival.retryAfterS : undefined;
      return exchange.reply(modalReply(refusal, undefined, retryAfterS));
    }
    if (plan.arrival !== undefined) {
      return breakOff(exchange, simulation, mint(UNREAD, plan), plan.arrival.kind === 'reset');
    }
    if (body.kind === 'invalid') {
      simulation.refuse(mint(UNREAD, plan), 'invalid_body');
      return this.#json(exchange, gateway, 422, body.detail);
    }
    if (serving === undefined) {
      simulation.refuse(mint(body.request, plan), 'model_not_served');
      const models = gateway.flatMap(({ settings }) => settings.models);
      return this.#json(exchange, gateway, 200, modelNotServed(body.request.model, models));
    }
    this.#accept(exchange, serving, mint(body.request, withoutSpawnFault(plan)), plan.answer);
  }

  /** The key first: a spawn that was answered before, or whose answer was lost, is the same job. */
  #accept(
    exchange: Exchange,
    { settings: endpoint }: Deployed,
    call: ReturnType<Simulation['mint']>,
    fault: AnswerFault | undefined,
  ): void {
    const { configuration, simulation, book, rate, callback, emit } = this.parts;
    const known = book.withKey(endpoint.region, call.key);
    if (known !== undefined) {
      emit({ kind: 'job_spawned_again', call: known.call });
      return this.#answerSpawn(exchange, endpoint, known.call.id, fault);
    }
    if (!rate.take()) {
      simulation.refuse(call, 'rate_limited');
      return exchange.reply(modalReply('rate_limited'));
    }
    const most = configuration.limits.spawned_queued_per_endpoint;
    if (simulation.spawnedQueued(endpoint) >= most) {
      simulation.refuse(call, 'queue_full');
      return exchange.reply(queueFullReply(most));
    }
    const job = book.add(call, endpoint.region);
    simulation.accept(call, () => {
      book.ended(job);
      callback?.ended(job);
    });
    this.#answerSpawn(exchange, endpoint, call.id, fault);
  }

  /** A fault at the answer strikes this one: the job is there, and the caller may not know its id. */
  #answerSpawn(
    exchange: Exchange,
    endpoint: Deployed['settings'],
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
    const job = book.find(callId);
    if (job === undefined) return this.#unknown(exchange, gateway, callId);
    if (job === 'expired') return this.#expired(exchange, gateway);
    emit({ kind: 'job_polled', call: job.call });
    if (isSettled(job.call)) return this.#json(exchange, gateway, 200, jobDocument(job.call));
    this.#json(exchange, gateway, 202, { status: 'pending', call_id: callId });
  }

  /** Without `terminate_containers`: a container that boots for the job goes on booting. */
  #cancel(exchange: Exchange, gateway: Gateway, callId: string): void {
    const { book, simulation } = this.parts;
    const job = book.find(callId);
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

function includes(models: readonly string[], model: string | undefined): boolean {
  return model !== undefined && models.includes(model);
}
