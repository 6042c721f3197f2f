import { Account } from './account/account.js';
import { ScaledClock, type Clock } from './clock/clock.js';
import type { StandInConfiguration } from './configuration/configuration.js';
import { Deployments } from './deployment/deployments.js';
import { Arrivals } from './edge/arrivals.js';
import { AutoscalerRoutes } from './edge/autoscaler-routes.js';
import { FunctionEdge } from './edge/function-edge.js';
import { Gateways } from './edge/gateways.js';
import { ResultLinks } from './edge/result-links.js';
import { RoutingHop } from './edge/routing-hop.js';
import { WaitingCallers } from './edge/waiting-callers.js';
import type { AnswerEngine } from './engine/answer-engine.js';
import { SimulatedModels } from './engine/simulated-models.js';
import { FaultBoard } from './faults/fault-board.js';
import { CompletionCallback } from './jobs/completion-callback.js';
import { JobBook } from './jobs/job-book.js';
import { JobGateway } from './jobs/job-gateway.js';
import type { Call } from './simulation/call.js';
import { Simulation } from './simulation/simulation.js';
import { TokenBucket } from './simulation/token-bucket.js';

export interface StandInOptions {
  /** Default: real time, multiplied by the configuration's time scale. */
  readonly clock?: Clock;
  /** Default: deterministic canned answers. */
  readonly engine?: AnswerEngine;
}

/** The simulation with everything around it but HTTP. */
export class StandIn {
  readonly clock: Clock;
  readonly faults: FaultBoard;
  readonly account: Account;
  readonly deployments: Deployments;
  readonly simulation: Simulation;
  readonly edge: FunctionEdge;

  constructor(
    readonly configuration: StandInConfiguration,
    { clock, engine = new SimulatedModels() }: StandInOptions = {},
  ) {
    this.clock = clock ?? new ScaledClock(configuration.time_scale);
    this.faults = new FaultBoard(this.clock, configuration.seed);
    this.account = new Account(configuration, this.clock);
    const emit = this.account.record.bind(this.account);
    this.simulation = new Simulation({
      clock: this.clock,
      configuration,
      engine,
      faults: this.faults,
      emit,
    });
    this.deployments = new Deployments(configuration);
    this.deployments.observe({
      deployed: (endpoint) => {
        this.account.open(endpoint);
        this.simulation.deploy(endpoint);
      },
      stopped: (endpoint) => this.simulation.stop(endpoint),
      removed: (endpoint) => this.simulation.remove(endpoint),
    });
    const hop = new RoutingHop(this.clock);
    const links = new ResultLinks(configuration.result_url);
    const callers = new WaitingCallers({
      clock: this.clock,
      configuration,
      links,
      hop,
      emit,
      cancel: (call) => this.simulation.cancel(call),
    });
    const isCutOff = ({ endpoint }: Call): boolean => this.faults.outage(endpoint) !== undefined;
    this.faults.onChange(() => callers.drop(isCutOff));
    const gateways = new Gateways(this.deployments, this.faults, configuration.proxy_auth);
    const { limits, callback } = configuration;
    const arrivals = new Arrivals({
      configuration,
      simulation: this.simulation,
      faults: this.faults,
      hop,
      rate: new TokenBucket(this.clock, limits.requests_per_s, limits.requests_per_s * limits.burst_s),
      spawnRate: new TokenBucket(this.clock, limits.spawns_per_s, limits.spawns_per_s * limits.spawn_burst_s),
    });
    const jobs = new JobGateway({
      configuration,
      simulation: this.simulation,
      arrivals,
      gateways,
      hop,
      book: new JobBook(this.clock, configuration.job_result_kept_s),
      callback: callback === undefined ? undefined : new CompletionCallback(this.clock, callback, emit),
      emit,
    });
    this.edge = new FunctionEdge({
      configuration,
      deployments: this.deployments,
      simulation: this.simulation,
      faults: this.faults,
      arrivals,
      links,
      callers,
      gateways,
      jobs,
      autoscaler: new AutoscalerRoutes({
        ...{ configuration, gateways, hop },
        ...{ clock: this.clock, simulation: this.simulation },
      }),
      hop,
    });
  }
}
