import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  WARM_MODES,
  WARM_SETTINGS,
  decideWarmth,
  keepWarmSum,
  sumOf,
  windowOf,
  type RecentAttempt,
  type WarmFacts,
  type WarmPolicy,
} from './warm-policy.js';

const S = 1000;
const MIN = 60 * S;
const NOW = 100_000 * S;
const POLICY: WarmPolicy = {
  ...{ hybridWindowMs: 600 * S, hotWindowMs: 1200 * S },
  ...{ promoteAttempts: 4, promoteWithinMs: 15 * MIN, promoteColdStartMs: 45 * S, demoteAfterMs: 30 * MIN },
};

/** Calls of ten seconds that ended so many seconds ago. */
const endedAgo = (...seconds: readonly number[]): RecentAttempt[] =>
  seconds.map((ago) => ({ startedMs: NOW - (ago + 10) * S, finishedMs: NOW - ago * S }));

const facts = (overrides: Partial<WarmFacts> = {}): WarmFacts => ({
  ...{ setting: 'auto', canBeTold: true, mode: 'hybrid', configuredWindowMs: 300 * S, attempts: [] },
  ...{ coldStartMs: undefined, areGpusScarce: false, nowMs: NOW },
  ...overrides,
});

describe('the mode of an endpoint', () => {
  it.each<[string, Partial<WarmFacts>, string, string]>([
    [
      'is as configured where it is off',
      { setting: 'off', attempts: endedAgo(1, 20, 40, 60) },
      'configured',
      'off',
    ],
    ['is hot where it is on, called or not', { setting: 'on' }, 'hot', 'always'],
    [
      'is as configured where nobody can be told',
      { setting: 'on', canBeTold: false },
      'configured',
      'no_autoscaler',
    ],
    ['gives way where GPUs are scarce', { areGpusScarce: true, mode: 'hot' }, 'configured', 'gpus_scarce'],
    [
      'gives way there although it is on',
      { setting: 'on', areGpusScarce: true },
      'configured',
      'gpus_scarce',
    ],
    ['is hybrid where nobody has called', {}, 'hybrid', 'idle'],
    ['is hybrid after three attempts', { attempts: endedAgo(1, 20, 40) }, 'hybrid', 'kept'],
    ['is hot after four', { attempts: endedAgo(1, 20, 40, 60) }, 'hot', 'often_called'],
    [
      'is hybrid where one of the four is too long ago',
      { attempts: endedAgo(1, 20, 40, 15 * 60) },
      'hybrid',
      'kept',
    ],
    [
      'is hot where it starts slowly',
      { attempts: endedAgo(60), coldStartMs: 46 * S },
      'hot',
      'slow_cold_start',
    ],
    ['is hybrid where it starts in time', { attempts: endedAgo(60), coldStartMs: 45 * S }, 'hybrid', 'kept'],
    [
      'stays hot while it is called now and then',
      { mode: 'hot', attempts: endedAgo(29 * 60) },
      'hot',
      'kept',
    ],
    ['is no longer hot after half an hour', { mode: 'hot', attempts: endedAgo(30 * 60) }, 'hybrid', 'idle'],
    [
      'is no longer hot then, however slowly it starts, nor kept longer than configured in vain',
      { mode: 'hot', attempts: endedAgo(60 * 60), coldStartMs: 1000 * S },
      'configured',
      'does_not_pay',
    ],
    [
      'counts a call that runs as no idleness',
      { mode: 'hot', attempts: [{ startedMs: NOW - 60 * MIN, finishedMs: undefined }] },
      'hot',
      'kept',
    ],
    [
      'is hybrid where only that would have paid',
      // Three pauses of 310 s: both windows save 3 x 150 s for 3 x 10 s. Then 300 s more in vain, or 900 s.
      { attempts: endedAgo(1290, 1610, 1930, 2250), coldStartMs: 150 * S },
      'hybrid',
      'does_not_pay',
    ],
    [
      'is as configured where nothing would have paid',
      { attempts: endedAgo(800, 1600, 2400, 3200), coldStartMs: 46 * S },
      'configured',
      'does_not_pay',
    ],
  ])('%s', (_title, given, mode, reason) => {
    expect(decideWarmth(facts(given), POLICY)).toEqual({ mode, reason });
  });

  const anAttempt = fc
    .tuple(fc.integer({ min: 0, max: 7200 }), fc.integer({ min: 1, max: 600 }))
    .map(([agoS, tookS]): RecentAttempt => {
      const startedMs = NOW - agoS * S;
      const finishedMs = startedMs + tookS * S;
      return { startedMs, finishedMs: finishedMs > NOW ? undefined : finishedMs };
    });
  const anyFacts = fc
    .record({
      setting: fc.constantFrom(...WARM_SETTINGS),
      canBeTold: fc.boolean(),
      mode: fc.constantFrom(...WARM_MODES),
      configuredWindowMs: fc.integer({ min: 0, max: 2000 * S }),
      attempts: fc.array(anAttempt, { maxLength: 30 }),
      coldStartMs: fc.option(fc.integer({ min: 0, max: 400 * S }), { nil: undefined }),
      areGpusScarce: fc.boolean(),
    })
    .map((given) => facts(given));

  it('is wanted again once it is in force: it never goes back and forth', () => {
    fc.assert(
      fc.property(anyFacts, (given) => {
        const { mode } = decideWarmth(given, POLICY);
        expect(decideWarmth({ ...given, mode }, POLICY).mode).toBe(mode);
      }),
    );
  });

  it('is the configured one wherever GPUs are scarce, nobody can be told, or it is off', () => {
    fc.assert(
      fc.property(anyFacts, (given) => {
        fc.pre(given.areGpusScarce || !given.canBeTold || given.setting === 'off');
        expect(decideWarmth(given, POLICY).mode).toBe('configured');
      }),
    );
  });

  it('never is one under "auto" that is known to have cost more than it saved', () => {
    fc.assert(
      fc.property(anyFacts, (given) => {
        fc.pre(given.setting === 'auto');
        expect(sumOf(decideWarmth(given, POLICY).mode, given, POLICY).pays).not.toBe(false);
      }),
    );
  });
});

describe('what keeping warm costs and saves', () => {
  const sum = (attempts: readonly RecentAttempt[], windowS: number, coldStartS: number | undefined = 180) =>
    keepWarmSum(attempts, windowS * S, 300 * S, coldStartS === undefined ? undefined : coldStartS * S, NOW);

  it.each([
    ['no call', [], 600, 0, 0, undefined],
    ['a pause that the configured window covers', endedAgo(0, 200), 600, 0, 0, undefined],
    ['a pause that only the longer one covers', endedAgo(0, 410), 600, 100, 180, true],
    ['a pause that is too long for either', endedAgo(0, 2010), 600, 300, 0, false],
    ['the pause that goes on, which may still save a start', endedAgo(400), 600, 0, 0, undefined],
    ['the pause that goes on, in vain', endedAgo(700), 600, 300, 0, false],
    ['both kinds together', endedAgo(0, 410, 2420), 600, 400, 180, false],
    ['the same with a window that covers half of it more', endedAgo(0, 410, 820), 1200, 200, 360, true],
    ['a shorter window', endedAgo(0, 260), 100, -150, -180, false],
  ])('%s', (_title, attempts, windowS, idleS, savedS, pays) => {
    expect(sum(attempts, windowS)).toEqual({ idleGpuMs: idleS * S, coldStartMsSaved: savedS * S, pays });
  });

  it('is not judged where nobody knows how long a start takes', () => {
    const attempts = endedAgo(0, 410);
    expect(keepWarmSum(attempts, 600 * S, 300 * S, undefined, NOW)).toEqual({
      idleGpuMs: 100 * S,
      coldStartMsSaved: undefined,
      pays: undefined,
    });
  });

  it('counts no pause while calls overlap', () => {
    const long: RecentAttempt = { startedMs: NOW - 3000 * S, finishedMs: NOW };
    expect(sum([long, ...endedAgo(100, 2000)], 1200)).toMatchObject({ idleGpuMs: 0, coldStartMsSaved: 0 });
  });

  it('is nothing for the configured window itself', () => {
    expect(windowOf('configured', { configuredWindowMs: 300 * S }, POLICY)).toBe(300 * S);
    expect(sum(endedAgo(10, 500, 5000), 300)).toMatchObject({ idleGpuMs: 0, pays: undefined });
  });
});
