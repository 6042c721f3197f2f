import { attemptsOf, endpointParts, makespanS } from './findings.js';
import type { DemoResult } from './run-demo.js';

/** The machine-readable account of a demo (`--json`). */
export function summaryJson(
  { experiment, evidence, checks, isComplete }: DemoResult,
  seed: number,
  totalS: number,
): unknown {
  const { run, cells, account, faults, gpuLimit } = evidence;
  const attempts = attemptsOf(evidence);
  const seconds = makespanS(evidence);
  const { totals } = account;
  return {
    ok: isComplete,
    seed,
    order: run.plan.order,
    simulated_answers: !experiment.isReal,
    about_the_answers: experiment.about.join(' '),
    cells: {
      total: cells.length,
      accepted: run.progress.accepted,
      substituted: run.progress.substituted,
      by_region: Object.fromEntries(
        Object.entries(run.progress.by_region).map(([region, { accepted }]) => [region, accepted]),
      ),
      by_question: run.progress.by_question.map(({ question_id, done, total }) => ({
        question_id,
        done,
        total,
      })),
    },
    unavailable: run.unavailable,
    makespan_seconds: seconds,
    makespan_simulated_seconds: seconds * account.time_scale,
    command_seconds: totalS,
    attempts: attempts.total,
    retries: attempts.retries,
    failovers: attempts.failovers,
    errors: Object.fromEntries(attempts.byErrorCode),
    faults: faults.map(({ target, what, state, hits }) => ({ target, what, state, hits })),
    account: {
      calls: totals.calls_received,
      repeated_keys: account.repeated_keys.length,
      overlaps: totals.overlaps,
      max_in_flight: totals.max_in_flight,
      cold_starts: totals.cold_starts,
      redirects_303: totals.redirects_303,
      gpus_peak: totals.gpus_peak,
      gpu_limit: gpuLimit,
      gpu_seconds: totals.gpu_seconds,
      cost_usd: totals.cost_usd,
    },
    endpoints: endpointParts(evidence).map((part) => ({
      endpoint_id: part.id,
      gpu: part.gpu,
      answers: part.answers,
      attempts: part.attempts,
      failed_attempts: part.failedAttempts,
      cold_start_simulated_seconds: part.coldStartS,
      gpu_seconds: part.gpuSeconds,
      cost_usd: part.costUsd,
    })),
    checks,
    answers: cells.map(({ question_id, model, region, endpoint_id, attempts: tries, response }) => ({
      question_id,
      model,
      region,
      endpoint_id,
      attempts: tries,
      response,
    })),
  };
}
