import { ProblemError } from '#contracts';
import { decimalUsd, type Caller } from '#domain';
import { readSpentToday, type Database } from '#persistence';

/** For so long what a key has spent is believed. */
const KEPT_MS = 1000;
/** More keys than ask within that time. */
const KEPT_KEYS_MAX = 10_000;
const DAY_MS = 24 * 3600 * 1000;

/**
 * Keeps keys within what they may cost in a UTC day. Calls are entered when they have ended, so those in flight are not
 * counted: a key may pass its budget by what was under way. Idle time counts for the key whose call left it behind.
 */
export class DailyBudget {
  private readonly spent = new Map<string, { readonly atMs: number; readonly microUsd: Promise<bigint> }>();

  constructor(
    private readonly database: Database,
    private readonly now: () => number = Date.now,
  ) {}

  /** @throws ProblemError BUDGET_EXHAUSTED naming the limit, and when it is lifted */
  async refuseOverBudget(caller: Pick<Caller, 'keyId' | 'limits'>): Promise<void> {
    const over = await this.overBudget(caller);
    if (over !== undefined) throw over;
  }

  /**
   * For those who know only later, with rows locked, whether it matters.
   * @returns the refusal BUDGET_EXHAUSTED; undefined: the key may cost more today
   */
  async overBudget({ keyId, limits }: Pick<Caller, 'keyId' | 'limits'>): Promise<ProblemError | undefined> {
    const limit = limits.budget_micro_usd_per_day;
    if (keyId === null || limit === undefined) return undefined;
    const spent = await this.spentToday(keyId);
    if (spent < BigInt(limit)) return undefined;
    const nowMs = this.now();
    const retryAfterS = Math.ceil((DAY_MS - (nowMs % DAY_MS)) / 1000);
    const lifted = new Date(nowMs - (nowMs % DAY_MS) + DAY_MS).toISOString();
    return new ProblemError(
      'BUDGET_EXHAUSTED',
      `budget_micro_usd_per_day: the key may cost ${decimalUsd(BigInt(limit))} US dollars a day, which it has; lifted at ${lifted}`,
      [{ field: 'budget_micro_usd_per_day', message: `is ${limit} for this key` }],
      { retryAfterS },
    );
  }

  private async spentToday(keyId: string): Promise<bigint> {
    const nowMs = this.now();
    const kept = this.spent.get(keyId);
    if (kept !== undefined && nowMs - kept.atMs < KEPT_MS) return kept.microUsd;
    if (this.spent.size >= KEPT_KEYS_MAX) this.spent.clear();
    const microUsd = readSpentToday(this.database, [keyId]).then((spent) => spent.get(keyId) ?? 0n);
    this.spent.set(keyId, { atMs: nowMs, microUsd });
    // What failed is asked again at once.
    microUsd.catch(() => this.spent.delete(keyId));
    return microUsd;
  }
}
