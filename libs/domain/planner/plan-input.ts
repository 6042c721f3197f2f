import type { EndpointRecord, EndpointSpec } from '../endpoint.js';
import type { HandoverPolicy } from '../gpu-handover.js';
import type { RegionPolicy } from '../job.js';
import type { Prices } from '../ledger/prices.js';
import type { PairTimes } from './pair-times.js';

/** An endpoint as the plan finds it. Times are virtual: ms from the moment the run begins. */
export interface PlannedEndpoint {
  readonly spec: EndpointSpec;
  readonly gpu: string;
  /** `warmUntilMs` and `gpuUntilMs` in virtual ms; not above 0: cold. */
  readonly record: EndpointRecord;
  /** How long the platform takes to release an idle container on demand, or null where it must be waited for. */
  readonly releaseMs: number | null;
}

export interface PlannedPair {
  readonly region: string;
  readonly model: string;
}

/** A run to be planned, on endpoints that are otherwise left alone. */
export interface PlanInput {
  readonly endpoints: readonly PlannedEndpoint[];
  readonly gpuLimit: number;
  /** In force now. */
  readonly prices: Prices;
  readonly handover: HandoverPolicy;
  /** In the run's order: cells of one question and repeat are submitted like this. */
  readonly pairs: readonly PlannedPair[];
  readonly questions: number;
  readonly repeats: number;
  /** Numbers (from 1) of the questions with a gate behind them, ascending. People are taken to decide at once. */
  readonly gatesAfter: readonly number[];
  readonly regionPolicy: RegionPolicy;
  /** What a call may take; admission takes an endpoint to be warm for that long when it gives it a call. */
  readonly timeoutMs: number;
  /** Times of a model in the region of the endpoint that answers. */
  readonly timesOf: (region: string, model: string) => PairTimes;
}
