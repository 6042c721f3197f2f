import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { backoffMs } from './backoff.js';
import { ATTEMPT_ERROR_CODES, traitsOf, type AttemptErrorCode } from './errors.js';
import { REGION_POLICIES } from './job.js';
import {
  planAfterFailure,
  type FailedAttempt,
  type Failure,
  type RetryPlan,
  type RetryPolicy,
} from './retry-plan.js';

const NOW_MS = 1_800_000_000_000;
const POLICY: RetryPolicy = { maxAttempts: 4, backoffMs: 2000, backoffMaxMs: 30_000 };

function aFailedAttempt(changes: Partial<FailedAttempt> = {}): FailedAttempt {
  return {
    attempt: 1,
    maxAttempts: 4,
    regionPolicy: 'prefer',
    region: 'US',
    failedRegions: [],
    healthyRegions: ['EU', 'ASIA'],
    regionsOutsideWorkspace: [],
    ...changes,
  };
}

function planFor(
  changes: Partial<FailedAttempt>,
  failure: AttemptErrorCode | Failure,
  jitter = 0.5,
): RetryPlan {
  return planAfterFailure(
    aFailedAttempt(changes),
    typeof failure === 'string' ? { code: failure } : failure,
    POLICY,
    NOW_MS,
    jitter,
  );
}

describe('after a failed attempt', () => {
  it('fails over at once where another healthy region may serve the job', () => {
    expect(planFor({}, 'UPSTREAM_ERROR')).toEqual({
      kind: 'failover',
      avoidRegions: ['US'],
      notBeforeMs: NOW_MS,
    });
  });

  it('fails over to a region that has not failed yet', () => {
    expect(
      planFor(
        { attempt: 2, region: 'EU', failedRegions: ['US'], healthyRegions: ['US', 'ASIA'] },
        'UPSTREAM_ERROR',
      ),
    ).toEqual({ kind: 'failover', avoidRegions: ['US', 'EU'], notBeforeMs: NOW_MS });
  });

  it('backs off before a second round over all regions, and does not go back where it just failed', () => {
    expect(
      planFor(
        { attempt: 3, region: 'ASIA', failedRegions: ['US', 'EU'], healthyRegions: ['US', 'EU'] },
        'UPSTREAM_ERROR',
      ),
    ).toEqual({ kind: 'failover', avoidRegions: ['ASIA'], notBeforeMs: NOW_MS + 4000 });
  });

  it('retries in the same region after the backoff where no other region is healthy', () => {
    expect(planFor({ healthyRegions: [] }, 'UPSTREAM_ERROR')).toEqual({
      kind: 'retry',
      notBeforeMs: NOW_MS + 1000,
    });
    expect(planFor({ healthyRegions: ['US'] }, 'UPSTREAM_ERROR')).toEqual({
      kind: 'retry',
      notBeforeMs: NOW_MS + 1000,
    });
  });

  it('retries a pinned job in its region, however healthy the others are', () => {
    expect(planFor({ regionPolicy: 'pin' }, 'UPSTREAM_ERROR')).toEqual({
      kind: 'retry',
      notBeforeMs: NOW_MS + 1000,
    });
  });

  it('waits as long as Retry-After says where that is longer than the backoff', () => {
    const failure: Failure = { code: 'RATE_LIMITED', retryAfterMs: 7000 };
    expect(planFor({ regionPolicy: 'pin' }, failure)).toEqual({ kind: 'retry', notBeforeMs: NOW_MS + 7000 });
    expect(planFor({ regionPolicy: 'pin' }, { ...failure, retryAfterMs: 10 })).toEqual({
      kind: 'retry',
      notBeforeMs: NOW_MS + 1000,
    });
  });

  it('does not hold a failover back for the Retry-After of the region it leaves', () => {
    expect(planFor({}, { code: 'RATE_LIMITED', retryAfterMs: 60_000 })).toEqual({
      kind: 'failover',
      avoidRegions: ['US'],
      notBeforeMs: NOW_MS,
    });
  });

  it.each(['SPEND_LIMIT_REACHED', 'WORKSPACE_DISABLED'] as const)(
    'after %s fails over outside the workspace, and otherwise waits where it is',
    (code) => {
      expect(planFor({ regionsOutsideWorkspace: ['ASIA'] }, code)).toEqual({
        kind: 'failover',
        avoidRegions: ['EU', 'US'],
        notBeforeMs: NOW_MS,
      });
      expect(planFor({}, code)).toEqual({ kind: 'retry', notBeforeMs: NOW_MS + 1000 });
    },
  );

  it.each(['UPSTREAM_UNKNOWN', 'INPUT_UNDELIVERED'] as const)(
    'tries once more after %s, not twice',
    (code) => {
      expect(planFor({ regionPolicy: 'pin' }, { code }).kind).toBe('retry');
      expect(planFor({}, { code, seenBefore: true })).toEqual({ kind: 'deadLetter', code });
      expect(planFor({}, { code: 'UPSTREAM_ERROR', seenBefore: true }).kind).toBe('failover');
    },
  );

  it('dead-letters a job when its last attempt fails', () => {
    expect(planFor({ attempt: 4 }, 'EXECUTION_TIMEOUT')).toEqual({
      kind: 'deadLetter',
      code: 'EXECUTION_TIMEOUT',
    });
  });

  it('leaves the workspace that rejects the credentials, and never tries there again', () => {
    const code = 'ENDPOINT_CREDENTIALS_REJECTED';
    expect(planFor({ regionsOutsideWorkspace: ['EU'] }, code)).toMatchObject({
      kind: 'failover',
      avoidRegions: ['ASIA', 'US'],
    });
    expect(planFor({}, code).kind).toBe('deadLetter');
    expect(planFor({ regionPolicy: 'pin', regionsOutsideWorkspace: ['EU'] }, code).kind).toBe('deadLetter');
  });

  it.each(ATTEMPT_ERROR_CODES.map((code) => [code, traitsOf(code).retryable] as const))(
    'a pinned job with attempts left is tried again after %s: %s',
    (code, retryable) => {
      expect(planFor({ regionPolicy: 'pin' }, code).kind).toBe(retryable ? 'retry' : 'deadLetter');
    },
  );
});

describe('whatever failed, wherever', () => {
  const regions = ['US', 'EU', 'ASIA', 'ME'];
  const aJob = fc
    .record({
      attempt: fc.integer({ min: 1, max: 20 }),
      maxAttempts: fc.integer({ min: 1, max: 20 }),
      regionPolicy: fc.constantFrom(...REGION_POLICIES),
      region: fc.constantFrom(...regions),
      failedRegions: fc.subarray(regions),
      healthyRegions: fc.subarray(regions),
      outside: fc.subarray(regions),
    })
    .map(({ outside, ...job }): FailedAttempt => ({
      ...job,
      regionsOutsideWorkspace: job.healthyRegions.filter((region) => outside.includes(region)),
    }));
  const aFailure = fc.record(
    {
      code: fc.constantFrom(...ATTEMPT_ERROR_CODES),
      retryAfterMs: fc.integer({ min: 0, max: 600_000 }),
      seenBefore: fc.boolean(),
    },
    { requiredKeys: ['code'] },
  );
  const aJitter = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

  /** Checks a property of the plan for jobs, failures and draws of all kinds. */
  function always(
    property: (plan: RetryPlan, job: FailedAttempt, failure: Failure, jitter: number) => void,
  ): void {
    fc.assert(
      fc.property(aJob, aFailure, aJitter, (job, failure, jitter) => {
        property(planAfterFailure(job, failure, POLICY, NOW_MS, jitter), job, failure, jitter);
      }),
      { numRuns: 1000 },
    );
  }

  it('a pinned job never leaves its region', () => {
    always((plan, job) => {
      if (job.regionPolicy === 'pin') expect(plan.kind).not.toBe('failover');
    });
  });

  it('caller rule 12: attempts never exceed their maximum', () => {
    always((plan, job) => {
      if (job.attempt >= job.maxAttempts) expect(plan.kind).toBe('deadLetter');
    });
  });

  it('caller rule 12: a job that is itself at fault is tried nowhere else', () => {
    always((plan, _job, failure) => {
      const { retryable, scope } = traitsOf(failure.code);
      if (!retryable && scope === 'request') expect(plan).toEqual({ kind: 'deadLetter', code: failure.code });
    });
  });

  it('a code that is not retryable is never retried in the same region', () => {
    always((plan, _job, failure) => {
      if (!traitsOf(failure.code).retryable) expect(plan.kind).not.toBe('retry');
    });
  });

  it('a retryable failure with attempts left is never the end, but for the second of one that passes once', () => {
    always((plan, job, failure) => {
      const isSpent = traitsOf(failure.code).once === true && failure.seenBefore === true;
      if (isSpent) expect(plan.kind).toBe('deadLetter');
      else if (traitsOf(failure.code).retryable && job.attempt < job.maxAttempts)
        expect(plan.kind).not.toBe('deadLetter');
    });
  });

  it('a failover avoids the region that just failed and leaves at least one healthy region', () => {
    always((plan, job) => {
      if (plan.kind !== 'failover') return;
      expect(plan.avoidRegions).toContain(job.region);
      expect(job.healthyRegions.some((region) => !plan.avoidRegions.includes(region))).toBe(true);
      expect(new Set(plan.avoidRegions).size).toBe(plan.avoidRegions.length);
    });
  });

  it('a fault of the whole workspace leads to no region that lies only within it', () => {
    always((plan, job, failure) => {
      if (plan.kind !== 'failover' || traitsOf(failure.code).sharedByWorkspace !== true) return;
      const left = job.healthyRegions.filter((region) => !plan.avoidRegions.includes(region));
      expect(left.filter((region) => !job.regionsOutsideWorkspace.includes(region))).toEqual([]);
    });
  });

  it('a failover waits only where every other region it may go to has failed before', () => {
    always((plan, job, failure) => {
      if (plan.kind !== 'failover' || plan.notBeforeMs === NOW_MS) return;
      const shared = traitsOf(failure.code).sharedByWorkspace === true;
      const reachable = shared ? job.regionsOutsideWorkspace : job.healthyRegions;
      const untried = reachable.filter(
        (region) => region !== job.region && !job.failedRegions.includes(region),
      );
      expect(untried).toEqual([]);
    });
  });

  it('caller rule 12: a wait is the jittered backoff, or Retry-After where that is longer', () => {
    always((plan, job, failure, jitter) => {
      if (plan.kind !== 'retry') return;
      const waitMs = Math.max(backoffMs(job.attempt, POLICY, jitter), failure.retryAfterMs ?? 0);
      expect(plan.notBeforeMs).toBe(NOW_MS + waitMs);
    });
  });

  it('a dead letter carries the code of the last failure', () => {
    always((plan, _job, failure) => {
      if (plan.kind === 'deadLetter') expect(plan.code).toBe(failure.code);
    });
  });
});
