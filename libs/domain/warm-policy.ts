/** What the configuration wants: `on` keeps it hot, `off` leaves the configured window alone, `auto` goes by use. */
export const WARM_SETTINGS = ['on', 'off', 'auto'] as const;
export type WarmSetting = (typeof WARM_SETTINGS)[number];

/** How long idle containers stay: as configured, or one of the policy's two windows. */
export const WARM_MODES = ['configured', 'hybrid', 'hot'] as const;
export type WarmMode = (typeof WARM_MODES)[number];

/**
 * Why a mode is wanted. `off`, `always`: it is configured so. `no_autoscaler`: the platform cannot be told.
 * `gpus_scarce`: more endpoints want a GPU than there are, and a longer window would make them wait. `often_called`,
 * `slow_cold_start`: promoted. `idle`: demoted. `kept`: nothing speaks for a change. `does_not_pay`: the mode that use
 * speaks for would have cost more GPU time than it saved. `asked`: an operator wants it warm for a time.
 */
export const WARM_REASONS = [
  'off',
  'always',
  'no_autoscaler',
  'gpus_scarce',
  'often_called',
  'slow_cold_start',
  'idle',
  'kept',
  'does_not_pay',
  'asked',
] as const;
export type WarmReason = (typeof WARM_REASONS)[number];

export interface WarmPolicy {
  readonly hybridWindowMs: number;
  readonly hotWindowMs: number;
  /** This many attempts within `promoteWithinMs` make an endpoint hot. */
  readonly promoteAttempts: number;
  readonly promoteWithinMs: number;
  /** So does a median cold start above this. */
  readonly promoteColdStartMs: number;
  /** Without any attempt for this long it is hot no longer. */
  readonly demoteAfterMs: number;
}

/** One attempt that began; Unix ms. */
export interface RecentAttempt {
  readonly startedMs: number;
  /** `undefined`: it runs. */
  readonly finishedMs: number | undefined;
}

export interface WarmFacts {
  readonly setting: WarmSetting;
  /** An operator wants it warm now; absent: nobody does. */
  readonly isAskedFor?: boolean;
  readonly canBeTold: boolean;
  /** In force now. */
  readonly mode: WarmMode;
  readonly configuredWindowMs: number;
  /** Of the endpoint, in any order. */
  readonly attempts: readonly RecentAttempt[];
  /** Median of what a container's first call takes longer; `undefined`: not known. */
  readonly coldStartMs: number | undefined;
  readonly areGpusScarce: boolean;
  readonly nowMs: number;
}

export interface WarmDecision {
  readonly mode: WarmMode;
  readonly reason: WarmReason;
}

/** @returns which mode is wanted; the same again once it is in force and nothing else has changed */
export function decideWarmth(facts: WarmFacts, policy: WarmPolicy): WarmDecision {
  // Before all else: somebody knows why. Its GPU still goes to work that waits for one.
  if (facts.isAskedFor === true && facts.canBeTold) return { mode: 'hot', reason: 'asked' };
  if (facts.setting === 'off') return { mode: 'configured', reason: 'off' };
  if (!facts.canBeTold) return { mode: 'configured', reason: 'no_autoscaler' };
  // Also where it is to be kept hot: one endpoint's comfort is another one's wait.
  if (facts.areGpusScarce) return { mode: 'configured', reason: 'gpus_scarce' };
  if (facts.setting === 'on') return { mode: 'hot', reason: 'always' };
  const wanted = byUse(facts, policy);
  const affordable = (mode: WarmMode): boolean => sumOf(mode, facts, policy).pays !== false;
  if (affordable(wanted.mode)) return wanted;
  const mode = wanted.mode === 'hot' && affordable('hybrid') ? 'hybrid' : 'configured';
  return { mode, reason: 'does_not_pay' };
}

function byUse(facts: WarmFacts, policy: WarmPolicy): WarmDecision {
  const { attempts, coldStartMs, mode, nowMs } = facts;
  const lastMs = Math.max(...attempts.map(({ finishedMs }) => finishedMs ?? nowMs));
  // Before promotion: a slow cold start alone must not keep hot what nobody calls.
  if (nowMs - lastMs >= policy.demoteAfterMs) return { mode: 'hybrid', reason: 'idle' };
  const recent = attempts.filter(({ startedMs }) => nowMs - startedMs <= policy.promoteWithinMs);
  if (recent.length >= policy.promoteAttempts) return { mode: 'hot', reason: 'often_called' };
  if (coldStartMs !== undefined && coldStartMs > policy.promoteColdStartMs)
    return { mode: 'hot', reason: 'slow_cold_start' };
  return { mode: mode === 'hot' ? 'hot' : 'hybrid', reason: 'kept' };
}

export function windowOf(
  mode: WarmMode,
  { configuredWindowMs }: Pick<WarmFacts, 'configuredWindowMs'>,
  policy: WarmPolicy,
): number {
  switch (mode) {
    case 'configured':
      return configuredWindowMs;
    case 'hybrid':
      return policy.hybridWindowMs;
    case 'hot':
      return policy.hotWindowMs;
  }
}

/** What a window costs and saves against the configured one, both in time of the GPU. */
export interface KeepWarmSum {
  /** Spent on containers that idled longer; negative for a shorter window. */
  readonly idleGpuMs: number;
  /** Not spent on starting containers; `undefined` where it is not known how long they take to start. */
  readonly coldStartMsSaved: number | undefined;
  /** `undefined`: nothing to judge by. */
  readonly pays: boolean | undefined;
}

/**
 * Sums what a window would have cost and saved over the recent attempts, whichever window was in force: for each pause
 * between calls the container idles as long as the pause or the window lasts, and the call after a pause that is longer
 * than the window starts a container. The pause that goes on now counts once it has outlasted both windows: until then
 * it may still end in a start that was saved.
 */
export function keepWarmSum(
  attempts: readonly RecentAttempt[],
  windowMs: number,
  configuredWindowMs: number,
  coldStartMs: number | undefined,
  nowMs: number,
): KeepWarmSum {
  let idleGpuMs = 0;
  let coldStarts = 0;
  for (const { lengthMs, hasEnded } of pausesOf(attempts, nowMs)) {
    if (!hasEnded && lengthMs <= Math.max(windowMs, configuredWindowMs)) continue;
    idleGpuMs += Math.min(lengthMs, windowMs) - Math.min(lengthMs, configuredWindowMs);
    if (hasEnded) coldStarts += Number(lengthMs > configuredWindowMs) - Number(lengthMs > windowMs);
  }
  const isIdle = idleGpuMs === 0 && coldStarts === 0;
  if (isIdle || coldStartMs === undefined)
    return { idleGpuMs, coldStartMsSaved: isIdle ? 0 : undefined, pays: undefined };
  const coldStartMsSaved = coldStarts * coldStartMs;
  return { idleGpuMs, coldStartMsSaved, pays: coldStartMsSaved >= idleGpuMs };
}

/** The sum for the window of a mode. */
export function sumOf(mode: WarmMode, facts: WarmFacts, policy: WarmPolicy): KeepWarmSum {
  const { attempts, configuredWindowMs, coldStartMs, nowMs } = facts;
  return keepWarmSum(attempts, windowOf(mode, facts, policy), configuredWindowMs, coldStartMs, nowMs);
}

/** Times at which no call ran, the one that goes on now included; calls may overlap. */
function pausesOf(
  attempts: readonly RecentAttempt[],
  nowMs: number,
): { lengthMs: number; hasEnded: boolean }[] {
  const pauses: { lengthMs: number; hasEnded: boolean }[] = [];
  let busyUntilMs: number | undefined;
  for (const { startedMs, finishedMs } of [...attempts].sort((a, b) => a.startedMs - b.startedMs)) {
    if (busyUntilMs !== undefined && startedMs > busyUntilMs)
      pauses.push({ lengthMs: startedMs - busyUntilMs, hasEnded: true });
    busyUntilMs = Math.max(busyUntilMs ?? 0, finishedMs ?? nowMs);
  }
  if (busyUntilMs !== undefined && nowMs > busyUntilMs)
    pauses.push({ lengthMs: nowMs - busyUntilMs, hasEnded: false });
  return pauses;
}
