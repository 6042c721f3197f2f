import { afterAll, beforeAll, expect } from '@jest/globals';
import { Caller } from './caller.js';
import type { Candidate, Target } from './target.js';

/** A target that was started, and who asks it. */
export interface Running {
  readonly target: Target;
  readonly caller: Caller;
  /** The one that most calls are for, and its URL. */
  readonly model: string;
  readonly url: string;
}

/** Starts a candidate before the tests of a group and stops it after them. @returns it, for use in tests only */
export function running({ title, traits, limitMs, start }: Candidate): () => Running {
  let current: Running | undefined;
  beforeAll(async () => {
    const target = await start();
    const [model] = target.models;
    current = { target, caller: new Caller(target), model, url: target.urlOf(model) };
    // Which tests there are was decided by the traits.
    expect({
      isGuarded: target.credentials !== undefined,
      offersJobs: target.jobsUrl !== undefined,
      offersAutoscaler: target.jobsUrl !== undefined && target.autoscalerUrlOf !== undefined,
    }).toEqual({
      isGuarded: traits.isGuarded,
      offersJobs: traits.offersJobs,
      offersAutoscaler: traits.offersAutoscaler,
    });
  }, limitMs);
  afterAll(() => current?.target.stop());
  return () => {
    if (current === undefined) throw new Error(`${title} does not run`);
    return current;
  };
}

export function expectRegion({ regionNames }: Target, region: string): void {
  expect(regionNames.map((known) => known.toLowerCase())).toContain(region.toLowerCase());
}
