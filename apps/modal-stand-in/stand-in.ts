import { Account } from './account/account.js';
import { ScaledClock, type Clock } from './clock/clock.js';
import type { StandInConfiguration } from './configuration/configuration.js';
import { FunctionEdge } from './edge/function-edge.js';
import { HealthReplies } from './edge/health-replies.js';
import { ResultLinks } from './edge/result-links.js';
import { WaitingCallers } from './edge/waiting-callers.js';
import type { AnswerEngine } from './engine/answer-engine.js';
import { SimulatedModels } from './engine/simulated-models.js';
import { FaultBoard } from './faults/fault-board.js';
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
    const links = new ResultLinks(configuration.result_url);
    const callers = new WaitingCallers({
      clock: this.clock,
      configuration,
      links,
      emit,
      cancel: (call) => this.simulation.cancel(call),
    });
    const isCutOff = ({ endpoint }: Call): boolean => this.faults.outage(endpoint) !== undefined;
    this.faults.onChange(() => callers.drop(isCutOff));
    const { requests_per_s: perS, burst_s: burstS } = configuration.limits;
    this.edge = new FunctionEdge({
      configuration,
      simulation: this.simulation,
      faults: this.faults,
      rate: new TokenBucket(this.clock, perS, perS * burstS),
      links,
      callers,
      health: new HealthReplies(configuration, this.faults),
    });
  }
}
