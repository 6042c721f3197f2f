import type { Configuration } from '#config';
import {
  FRESH_ENDPOINT,
  gpuPaidFor,
  learnPairTimes,
  priceTableOf,
  pricesAt,
  type EndpointRecord,
  type LearnedSamples,
  type PlanInput,
  type PlannedEndpoint,
} from '#domain';
import { specInForce } from '../engine/window-in-force.js';
import { assumedTimesOf, handoverOf, specOf } from '../engine/endpoints.js';
import type { ResolvedRun } from './resolve-run.js';

/** A release that nobody has measured: Modal's shortest window is 2 s, and it is polled. */
const UNKNOWN_RELEASE_MS = 4000;
/** In the list of what has no price. */
const NO_GPU = 'none (openai)';

/** What a plan is made of besides the run: what has been learned, and how the endpoints stand. */
export interface PlanFacts {
  readonly learned: readonly LearnedSamples[];
  readonly stored: ReadonlyMap<string, { readonly record: EndpointRecord; readonly leases: number }>;
  /** Unix ms. */
  readonly nowMs: number;
}

/** As much of a run as a plan needs; one that is stored has it as well as one that was just submitted. */
export interface PlannableRun {
  readonly spec: Pick<ResolvedRun['spec'], 'pairs' | 'repeats' | 'region_policy'>;
  readonly questions: { readonly length: number };
  readonly gates: readonly { readonly afterQuestionNo: number }[];
}

export function planInputOf(run: PlannableRun, configuration: Configuration, facts: PlanFacts): PlanInput {
  const { pairs, repeats, region_policy: regionPolicy } = run.spec;
  return {
    endpoints: configuration.endpoints.map((endpoint) => plannedEndpoint(endpoint, facts)),
    gpuLimit: configuration.limits.gpus,
    prices: pricesAt(priceTableOf(configuration.prices), facts.nowMs),
    handover: handoverOf(configuration),
    pairs,
    questions: run.questions.length,
    repeats,
    gatesAfter: run.gates.map(({ afterQuestionNo }) => afterQuestionNo).sort((left, right) => left - right),
    regionPolicy,
    timeoutMs: configuration.timeouts.execution_ms,
    timesOf: learnPairTimes(facts.learned, assumedTimesOf(configuration)),
  };
}

/** Whether nothing at all has been learned about the run's models: a plan is then a guess from its first figure on. */
export function isAllAssumed({ pairs, timesOf }: PlanInput): boolean {
  return pairs.every(({ region, model }) => {
    const { warmSource, coldSource } = timesOf(region, model);
    return warmSource === 'assumed' && coldSource === 'assumed';
  });
}

function plannedEndpoint(
  endpoint: Configuration['endpoints'][number],
  { stored, nowMs }: PlanFacts,
): PlannedEndpoint {
  const { record, leases } = stored.get(endpoint.id) ?? { record: FRESH_ENDPOINT, leases: 0 };
  const spec = specInForce(specOf(endpoint), record);
  const { scaledownWindowMs } = spec;
  const leftMs = (untilMs: number): number => Math.max(0, Math.round(untilMs - nowMs));
  const isWarm = record.warmUntilMs > nowMs;
  // Other work is left out of the plan: its calls are taken to end now, and their containers to idle from now on.
  const idle = {
    warmUntilMs: isWarm ? scaledownWindowMs : 0,
    gpuUntilMs: Math.max(scaledownWindowMs, leftMs(record.gpuUntilMs)),
  };
  const free = { warmUntilMs: leftMs(record.warmUntilMs), gpuUntilMs: leftMs(record.gpuUntilMs) };
  return {
    spec,
    gpu: gpuPaidFor(endpoint) ?? NO_GPU,
    record: {
      ...record,
      gpuSinceMs: record.gpuSinceMs - nowMs,
      idleSinceMs: leases > 0 ? 0 : record.idleSinceMs - nowMs,
      releasingUntilMs: 0,
      ...(leases > 0 ? idle : free),
    },
    releaseMs: spec.canRelease ? (record.releaseMs ?? UNKNOWN_RELEASE_MS) : null,
  };
}
