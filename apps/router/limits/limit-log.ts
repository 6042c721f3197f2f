import type { Logger, Metrics } from '#observability';

/** Limits on callers, as metrics and logs name them. */
export type CallerLimit =
  'requests_of_key' | 'requests_in_all' | 'wrong_keys' | 'queued_of_key' | 'queued_in_region' | 'runs_of_key';

/** Whoever is refused comes back at once, a thousand times: one line per limit in this time says so. */
const LOGGED_EVERY_MS = 1000;

/** Counts refusals, and logs some of them. */
export class LimitLog {
  private readonly loggedAtMs = new Map<CallerLimit, number>();
  private readonly silent = new Map<CallerLimit, number>();

  constructor(
    private readonly metrics: Metrics,
    private readonly logger: Logger,
  ) {}

  /** @param about ids only; `refused` is how many were refused since the last line */
  refused(limit: CallerLimit, about: Readonly<Record<string, unknown>>): void {
    this.metrics.count('beacon_limited_requests_total', { limit });
    const refused = (this.silent.get(limit) ?? 0) + 1;
    this.silent.set(limit, refused);
    const nowMs = Date.now();
    if (nowMs - (this.loggedAtMs.get(limit) ?? 0) < LOGGED_EVERY_MS) return;
    this.loggedAtMs.set(limit, nowMs);
    this.silent.set(limit, 0);
    this.logger.warn(
      { event: 'limit.reached', limit, refused, ...about },
      'refused because of a limit on callers',
    );
  }
}
