import { withSettings, type Configuration } from '#config';
import {
  isDirectMode,
  ordersOf,
  singleRegionOf,
  type BreakerPolicy,
  type Control,
  type RetryPolicy,
  type StandingOrders,
} from '#domain';
import type { Logger } from '#observability';
import { readControls, type Queryable } from '#persistence';

/**
 * What holds now: the configuration with the settings that operators have changed, and their pauses and modes. Whoever
 * decides reads it here each time it decides, and keeps no copy. The database has the truth; the engine reads it in
 * every transaction, others go by what was read last, which is at most a poll old.
 */
export class InForce {
  private version = -1;
  private inForce: Configuration;
  private known: readonly Control[] = [];

  constructor(
    private readonly configured: Configuration,
    private readonly logger: Logger,
  ) {
    this.inForce = configured;
  }

  get configuration(): Configuration {
    return this.inForce;
  }

  get controls(): readonly Control[] {
    return this.known;
  }

  get gpuLimit(): number {
    return this.inForce.limits.gpus;
  }

  get isDirect(): boolean {
    return isDirectMode(this.known);
  }

  get onlyRegion(): string | undefined {
    return singleRegionOf(this.known);
  }

  get breaker(): BreakerPolicy {
    const { failures, open_ms: openMs, open_max_ms: openMaxMs } = this.inForce.breaker;
    return { failures, openMs, openMaxMs };
  }

  get retries(): RetryPolicy {
    const {
      max_attempts: maxAttempts,
      backoff_ms: backoffMs,
      backoff_max_ms: backoffMaxMs,
    } = this.inForce.retries;
    return { maxAttempts, backoffMs, backoffMaxMs };
  }

  ordersFor(endpoint: { readonly id: string; readonly region: string }): StandingOrders {
    return ordersOf(endpoint, this.known);
  }

  /**
   * Reads what is in force. Older news than what is known already changes nothing: two readers may overtake each other.
   * @returns whether it has changed, and whether something's time is over
   */
  async refresh(database: Queryable): Promise<{ changed: boolean; isDue: boolean }> {
    const { controls, version, isDue } = await readControls(database);
    if (version <= this.version) return { changed: false, isDue };
    const values = new Map(
      controls.flatMap(({ target, value }): [string, number][] =>
        value.kind === 'setting' ? [[target, value.value]] : [],
      ),
    );
    const { configuration, refused } = withSettings(this.configured, values);
    for (const name of refused)
      this.logger.warn(
        { event: 'setting.not_applied', setting: name },
        'a setting that was changed does not go with the configuration of today: the configured value holds',
      );
    this.inForce = configuration;
    this.known = controls;
    this.version = version;
    return { changed: true, isDue };
  }
}
