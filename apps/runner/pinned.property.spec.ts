import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { JobStatusView } from '#contracts';
import { JOB_STATES, statusOf } from '#domain';
import { outcomeOf } from './cell-outcome.js';

// Names by which endpoints call regions are among them: here, a name is not the region.
const region = fc.constantFrom('US', 'EU', 'ASIA', 'us-east', 'eu-west', 'us', '');
const job = fc.record({
  // Half of them completed, so that there is something to take.
  status: fc.oneof(
    fc.constant(statusOf('completed', 1)),
    fc.constantFrom(...JOB_STATES.map((state) => statusOf(state, 1))),
  ),
  region,
  result: fc.option(fc.record({ region, substituted: fc.boolean(), response: fc.string() })),
  attempts: fc.array(fc.record({ region, status: fc.constantFrom('succeeded', 'failed', 'lost') }), {
    maxLength: 4,
  }),
});

type Drawn = typeof job extends fc.Arbitrary<infer T> ? T : never;

function jobView({ status, region: at, result, attempts }: Drawn): JobStatusView {
  return {
    ...{ job_id: 'j', status, model: 'm', region: at, region_policy: 'pin', priority: 'normal' },
    ...{ queue_position: null, estimated_wait_seconds: null, wait_reason: null, retry_count: 0 },
    attempts: attempts.map((attempt, index) => ({
      ...attempt,
      ...{ attempt: index + 1, endpoint_id: `${attempt.region}-m`, error_code: null },
      ...{ started_at: null, finished_at: null },
    })),
    result: result && { ...result, success: true, model: 'm', inference_time: null, tokens_generated: null },
    ...{ erased_at: null, redriven_from: null },
    ...{ error: null, metadata: null, created_at: '', started_at: null, completed_at: null, duration: 0 },
  };
}

describe('a cell takes from its job', () => {
  const cell = { cellNo: 1, cellAttempt: 1 };

  it('no answer but its own region’s while it is pinned, whatever the job says', () => {
    const seen = { taken: 0, refused: 0 };
    fc.assert(
      fc.property(region, job, (own, drawn) => {
        const view = jobView(drawn);
        const outcome = outcomeOf(cell, own, true, view);
        if (outcome?.kind === 'answered') {
          expect(view).toMatchObject({ status: 'completed', result: { region: own, substituted: false } });
          expect(outcome.answer.answeredRegion).toBe(own);
          seen.taken += 1;
        } else if (view.status === 'completed' && view.result !== null) {
          expect(outcome).toMatchObject({ kind: 'unanswered', cell: { code: 'REGION_MISMATCH' } });
          seen.refused += 1;
        }
      }),
      { numRuns: 5000 },
    );
    expect(Math.min(...Object.values(seen))).toBeGreaterThan(20);
  });

  it('any region’s answer while it is not, under the name of the region that gave it', () => {
    fc.assert(
      fc.property(region, job, (own, drawn) => {
        const view = jobView(drawn);
        const outcome = outcomeOf(cell, own, false, view);
        const isAnswered = view.status === 'completed' && view.result !== null;
        expect(outcome?.kind === 'answered').toBe(isAnswered);
        if (outcome?.kind === 'answered') expect(outcome.answer.answeredRegion).toBe(view.result?.region);
      }),
      { numRuns: 1000 },
    );
  });
});
