import { endpointsByLongestWindow, type Configuration } from '#config';
import {
  BUDGET_BANDS,
  budgetBand,
  costRateOf,
  priceTableOf,
  pricesAt,
  shareOfBudget,
  spentInAll,
  type BudgetBand,
} from '#domain';
import type { Metrics } from '#observability';
import {
  countOpenRuns,
  countSilentSlots,
  countUnfinishedBatches,
  readBudgetedRuns,
  readDailyBudgetShares,
  tallyDeadLetters,
  type Database,
} from '#persistence';
import { setDeadLetterGauges } from '../dead-letters/dead-letter-gauges.js';
import type { Endpoints } from '../engine/endpoints.js';
import { setBatchGauges } from '../openai/batches/batch-gauges.js';
import type { InForce } from '../operations/in-force.js';
import type { QueueView } from '../queue/queue-view.js';
import { setQueueGauges } from './queue-gauges.js';

/** More runs with a budget are not looked at in one scrape. */
const RUNS_MAX = 500;
/** A scrape answers within Prometheus's usual ten seconds, whatever is away. */
const ROWS_TIMEOUT_MS = 3000;

export interface RowGaugesParts {
  readonly database: Database;
  readonly configuration: Configuration;
  readonly queueView: QueueView;
  readonly endpoints: Endpoints;
  readonly inForce: Pick<InForce, 'gpuLimit' | 'onlyRegion' | 'configuration'>;
  readonly metrics: Metrics;
}

/** Gauges that are read from rows when Prometheus asks, so that they are right after a restart too. */
export class RowGauges {
  constructor(private readonly parts: RowGaugesParts) {}

  /** Never throws: where the database is away, the counters are still worth scraping, and that it is away is a gauge. */
  async refresh(): Promise<void> {
    const { database, metrics } = this.parts;
    const isThere = await within(ROWS_TIMEOUT_MS, database.ping()).then(
      () => true,
      () => false,
    );
    metrics.set('beacon_dependency_up', { dependency: 'database' }, isThere ? 1 : 0);
    this.setWhatIsKnownHere();
    if (!isThere) return;
    const reads = [
      ...[this.queues(), this.deadLetters(), this.slots(), this.keyBudgets(), this.runs()],
      this.batches(),
    ];
    // One that fails leaves its gauges as they were.
    await Promise.allSettled(reads.map((read) => within(ROWS_TIMEOUT_MS, read)));
  }

  private setWhatIsKnownHere(): void {
    const { metrics, endpoints, inForce } = this.parts;
    const nowMs = Date.now();
    metrics.set('beacon_gpu_limit', {}, inForce.gpuLimit);
    for (const region of endpoints.regions)
      metrics.set('beacon_dispatcher_alive', { region }, endpoints.dispatcherAlive(region, nowMs) ? 1 : 0);
    for (const { id, concurrency } of endpoints.specs)
      metrics.set('beacon_endpoint_concurrency', { endpoint: id }, concurrency);
  }

  private async queues(): Promise<void> {
    const { queueView, metrics, inForce, endpoints } = this.parts;
    setQueueGauges(metrics, await queueView.read(), inForce, endpoints.regions);
  }

  private async deadLetters(): Promise<void> {
    setDeadLetterGauges(this.parts.metrics, await tallyDeadLetters(this.parts.database));
  }

  private async batches(): Promise<void> {
    setBatchGauges(this.parts.metrics, await countUnfinishedBatches(this.parts.database));
  }

  private async slots(): Promise<void> {
    const { database, metrics, endpoints } = this.parts;
    const silent = await countSilentSlots(database);
    for (const endpoint of endpoints.ids)
      metrics.set('beacon_slots_quarantined', { endpoint }, silent.get(endpoint) ?? 0);
  }

  private async keyBudgets(): Promise<void> {
    const { database, metrics } = this.parts;
    const shares = await readDailyBudgetShares(database);
    for (const [used, keys] of counted(shares)) metrics.set('beacon_key_budgets', { used }, keys);
    metrics.set('beacon_key_budget_used_max_ratio', {}, Math.max(0, ...shares));
  }

  private async runs(): Promise<void> {
    const { database, metrics, configuration } = this.parts;
    const open = await countOpenRuns(database);
    metrics.reset('beacon_runs_open');
    for (const [status, runs] of open) metrics.set('beacon_runs_open', { status }, runs);
    const prices = pricesAt(priceTableOf(configuration.prices), Date.now());
    const rates = endpointsByLongestWindow(configuration).map((endpoint) => costRateOf(endpoint, prices));
    const shares = (await readBudgetedRuns(database, RUNS_MAX)).flatMap(({ spending, usd, gpuSeconds }) => {
      const share = shareOfBudget(spentInAll(spending, rates), { usd, gpuSeconds });
      return share === undefined ? [] : [share];
    });
    for (const [used, runs] of counted(shares)) metrics.set('beacon_run_budgets', { used }, runs);
  }
}

function counted(shares: readonly number[]): Map<BudgetBand, number> {
  const bands = shares.map(budgetBand);
  return new Map(BUDGET_BANDS.map((band) => [band, bands.filter((each) => each === band).length]));
}

async function within<T>(timeoutMs: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error('took too long')), timeoutMs);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}
