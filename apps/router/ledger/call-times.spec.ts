import type { AttemptCalls, Outcome } from '#contracts';
import type { CalledJob } from '#persistence';
import { describe, expect, it } from '@jest/globals';
import { callsOf } from './call-identity.js';
import { callTimes } from './call-times.js';

const NOW = 100_000;
const OWN = 'b6c0a7a2-5d0f-4a59-9a07-4f3f0f6f9d10';
const OTHER = '0f6f1d0e-2f4b-4b0c-8a56-1f0a3a1b2c3d';

function anOutcome(changes: Partial<Outcome> = {}): Outcome {
  return {
    ...{ v: 1, job_id: OTHER, attempt: 1, epoch: 3, endpoint_id: 'e', region: 'US' },
    ...{ duration_ms: 2000, reattached: false },
    result: { kind: 'succeeded', response: 'x', model: 'm', region: 'US' },
    ...changes,
  };
}

function aJob(changes: Partial<CalledJob> = {}): CalledJob {
  return {
    ...{ jobId: OTHER, tenant: 't', keyId: null, runId: null, taskType: null, model: 'm' },
    ...{ slotEpoch: 3, startedMs: null, firstBeganMs: null, seenMs: null, leftMs: null, ...changes },
  };
}

const calls = (changes: Partial<AttemptCalls> = {}): AttemptCalls => ({
  ...{ id: OWN, earlier: [], ended_ms_ago: 0, ...changes },
});
const ORPHANED = calls({ earlier: [{ id: OTHER, endpoint_id: 'e' }] });

describe('when a call was in flight', () => {
  it('is what its dispatcher measured, ending when its outcome came', () => {
    const { own } = callTimes(anOutcome(), calls(), undefined, NOW);
    expect(own).toEqual({ fromMs: 98_000, untilMs: 100_000, isEstimated: false });
  });

  it('is earlier by as long as the outcome could not be stored, or recorded', () => {
    expect(callTimes(anOutcome(), calls({ ended_ms_ago: 500 }), undefined, NOW).own.untilMs).toBe(99_500);
    const started = aJob({ startedMs: 50_000 });
    expect(callTimes(anOutcome(), calls(), started, NOW).own).toMatchObject({
      fromMs: 50_000,
      untilMs: 52_000,
    });
    // Of another ticket the slot says nothing.
    const other = aJob({ slotEpoch: 4, startedMs: 50_000 });
    expect(callTimes(anOutcome(), calls(), other, NOW).own.untilMs).toBe(NOW);
  });

  it('begins where it was begun, not where it was found again', () => {
    const job = aJob({ startedMs: 97_000, firstBeganMs: 60_000 });
    const { own } = callTimes(anOutcome({ reattached: true, duration_ms: 1000 }), calls(), job, NOW);
    expect(own).toEqual({ fromMs: 60_000, untilMs: NOW, isEstimated: false });
  });

  it('is, for one that was made again, until the last sign of life of who made it first', () => {
    const job = aJob({ startedMs: 90_000, seenMs: 99_000, leftMs: 92_000 });
    const { own, earlier } = callTimes(anOutcome(), ORPHANED, job, NOW);
    expect(earlier).toEqual({ fromMs: 90_000, untilMs: 92_000, isEstimated: true });
    expect(own).toEqual({ fromMs: 98_000, untilMs: NOW, isEstimated: false });
  });

  it('never overlaps its successor, and is nothing where nobody heard of it', () => {
    const job = aJob({ startedMs: 90_000, leftMs: 99_500 });
    expect(callTimes(anOutcome(), ORPHANED, job, NOW).earlier.untilMs).toBe(98_000);
    const { earlier } = callTimes(anOutcome(), ORPHANED, undefined, NOW);
    expect(earlier).toMatchObject({ fromMs: 98_000, untilMs: 98_000 });
  });

  it('is, for one that was lost, until its last sign of life', () => {
    const lost = anOutcome({
      duration_ms: 60_000,
      result: { kind: 'failed', code: 'ATTEMPT_LOST', detail: 'silent' },
    });
    const job = aJob({ startedMs: 40_000, seenMs: 45_000 });
    const { own } = callTimes(lost, calls(), job, NOW);
    expect(own).toEqual({ fromMs: 40_000, untilMs: 45_000, isEstimated: true });
  });
});

describe('which calls an outcome is about', () => {
  it('is what it says', () => {
    expect(callsOf(anOutcome({ calls: ORPHANED }))).toBe(ORPHANED);
  });

  it('is one call where an older dispatcher does not say: the same one when it is delivered again', () => {
    const one = callsOf(anOutcome());
    expect(one).toEqual(callsOf(anOutcome()));
    expect(one.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(callsOf(anOutcome({ duration_ms: 2001 })).id).not.toBe(one.id);
    expect(callsOf(anOutcome({ epoch: 4 })).id).not.toBe(one.id);
  });
});
