import { AggregatorRegistry, Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';

const WAIT_BUCKETS_S = [0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 120, 300, 600, 1800, 3600];
const CALL_BUCKETS_S = [0.01, 0.05, 0.1, 0.5, 1, 2, 5, 10, 20, 40, 60, 120, 180, 300, 600];
const FAST_BUCKETS_S = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10];

interface MetricSpec {
  readonly kind: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly labels: readonly string[];
  readonly buckets?: readonly number[];
  /** Of a gauge, how several processes of one service become one series; left out: they are added up. */
  readonly aggregator?: 'max';
}

/**
 * Every metric, in one place. Label values are bounded: regions, models and endpoints of the configuration,
 * closed sets of states and codes, and route patterns. Source: docs/metrics.md (a test compares the two).
 */
export const METRICS = {
  beacon_key_refusals_total: {
    kind: 'counter',
    help: 'Requests refused because of their key',
    labels: ['reason'],
  },
  beacon_key_changes_total: {
    kind: 'counter',
    help: 'Keys made and revoked over HTTP',
    labels: ['change'],
  },
  beacon_queue_depth: {
    kind: 'gauge',
    help: 'Jobs by region, model and state',
    labels: ['region', 'model', 'state'],
  },
  beacon_queue_oldest_wait_seconds: {
    kind: 'gauge',
    help: 'Age of the oldest job that has not started',
    labels: ['region'],
  },
  beacon_queue_waiting: {
    kind: 'gauge',
    help: 'Jobs that wait, by why the first of them does',
    labels: ['region', 'reason'],
  },
  beacon_jobs_total: {
    kind: 'counter',
    help: 'Jobs that reached a final state',
    labels: ['region', 'state'],
  },
  beacon_jobs_accepted_total: {
    kind: 'counter',
    help: 'Jobs accepted by intake',
    labels: ['region', 'priority'],
  },
  beacon_openai_answers_total: {
    kind: 'counter',
    help: 'Requests of the OpenAI door that made jobs, by how their clients were kept waiting and how they ended',
    labels: ['route', 'kept', 'outcome'],
  },
  beacon_openai_retries_total: {
    kind: 'counter',
    help: 'Requests without an idempotency key that were taken over, or tried again in vain',
    labels: ['outcome'],
  },
  beacon_limited_requests_total: {
    kind: 'counter',
    help: 'Requests refused because of a limit on callers',
    labels: ['limit'],
  },
  beacon_job_wait_seconds: {
    kind: 'histogram',
    help: 'From acceptance to the start of the first call',
    labels: ['region'],
    buckets: WAIT_BUCKETS_S,
  },
  beacon_attempts_total: {
    kind: 'counter',
    help: 'Attempts by how they ended; code is "none" for a success',
    labels: ['region', 'endpoint', 'status', 'code'],
  },
  beacon_ledger_entries_total: {
    kind: 'counter',
    help: 'Entries of the ledger: one per call upstream, and those of idle time',
    labels: ['region', 'kind', 'outcome'],
  },
  beacon_execution_seconds: {
    kind: 'histogram',
    help: 'From the start of a call to its answer',
    labels: ['region', 'model', 'cold'],
    buckets: CALL_BUCKETS_S,
  },
  beacon_retries_total: {
    kind: 'counter',
    help: 'What followed failed attempts',
    labels: ['region', 'kind'],
  },
  beacon_retry_start_seconds: {
    kind: 'histogram',
    help: 'From the ticket of a second or later attempt to the start of its call',
    labels: ['region'],
    buckets: FAST_BUCKETS_S,
  },
  beacon_slots_in_use: {
    kind: 'gauge',
    help: 'Leased slots, the staged ticket included',
    labels: ['endpoint'],
  },
  beacon_slots_quarantined: {
    kind: 'gauge',
    help: 'Leased slots whose holder has fallen silent; each counts until no call can run behind it',
    labels: ['endpoint'],
  },
  beacon_endpoint_concurrency: {
    kind: 'gauge',
    help: 'Calls that an endpoint may have in flight',
    labels: ['endpoint'],
  },
  beacon_gpu_limit: {
    kind: 'gauge',
    help: 'GPUs that may be held at once',
    labels: [],
  },
  beacon_gpus_in_use: {
    kind: 'gauge',
    help: 'Endpoints that hold a GPU by the account of the router',
    labels: [],
  },
  beacon_endpoint_state: {
    kind: 'gauge',
    help: '1 for the state the endpoint is in',
    labels: ['region', 'endpoint', 'state'],
  },
  beacon_cold_starts_total: {
    kind: 'counter',
    help: 'Calls that an endpoint answered from a cold start',
    labels: ['endpoint'],
  },
  beacon_call_gap_seconds: {
    kind: 'histogram',
    help: 'From the end of a call to the start of the next at the same endpoint, where that is less than a minute',
    labels: ['endpoint'],
    buckets: FAST_BUCKETS_S,
  },
  beacon_breaker_transitions_total: {
    kind: 'counter',
    help: "Changes of an endpoint's breaker",
    labels: ['endpoint', 'to'],
  },
  beacon_warm_changes_total: {
    kind: 'counter',
    help: 'Changes of how long idle containers of an endpoint stay',
    labels: ['endpoint', 'to'],
  },
  beacon_calls_not_ended_total: {
    kind: 'counter',
    help: 'Calls that are over here and may still run upstream',
    labels: ['endpoint'],
  },
  beacon_callbacks_total: {
    kind: 'counter',
    help: 'Reports of endpoints that a job has ended',
    labels: ['result'],
  },
  beacon_gpu_releases_total: {
    kind: 'counter',
    help: 'Idle containers that the platform was asked to release because their GPU was wanted',
    labels: ['endpoint', 'outcome'],
  },
  beacon_gpu_turns_ended_total: {
    kind: 'counter',
    help: 'Times an endpoint with work had to give its GPU to another',
    labels: ['endpoint'],
  },
  beacon_stray_outcomes_total: {
    kind: 'counter',
    help: 'Outcomes of duplicate or superseded tickets',
    labels: ['region', 'kind'],
  },
  beacon_tickets_reissued_total: {
    kind: 'counter',
    help: 'Tickets issued again because they had no sign of life',
    labels: ['region'],
  },
  beacon_tickets_taken_back_total: {
    kind: 'counter',
    help: 'Tickets that had not begun and were taken back because their endpoint was paused',
    labels: ['endpoint'],
  },
  beacon_control_changes_total: {
    kind: 'counter',
    help: 'Changes of pauses, modes and settings, asked for, taken back, or ended by themselves',
    labels: ['kind', 'cause'],
  },
  beacon_ticket_crashes_total: {
    kind: 'counter',
    help: 'Tickets that were taken over from a dispatcher that is gone',
    labels: ['region'],
  },
  beacon_dead_letters: {
    kind: 'gauge',
    help: 'Open dead letters',
    labels: ['region', 'code'],
  },
  beacon_dead_letters_poison: {
    kind: 'gauge',
    help: 'Open dead letters whose payload is taken for poison',
    labels: ['region'],
  },
  beacon_dead_letters_oldest_seconds: {
    kind: 'gauge',
    help: 'Age of the oldest open dead letter',
    labels: ['region'],
  },
  beacon_dead_letters_created_total: {
    kind: 'counter',
    help: 'Jobs that became dead letters',
    labels: ['region', 'code'],
  },
  beacon_dead_letters_redriven_total: {
    kind: 'counter',
    help: 'Dead letters that were made new jobs of',
    labels: ['region'],
  },
  beacon_dead_letters_discarded_total: {
    kind: 'counter',
    help: 'Dead letters that were discarded',
    labels: ['region'],
  },
  beacon_contents_erased_total: {
    kind: 'counter',
    help: 'Jobs and runs whose contents were erased',
    labels: ['of', 'cause'],
  },
  beacon_settle_seconds: {
    kind: 'histogram',
    help: 'One transaction of recording and admission',
    labels: [],
    buckets: FAST_BUCKETS_S,
  },
  beacon_intake_batch_jobs: {
    kind: 'histogram',
    help: 'Jobs inserted by one statement',
    labels: [],
    buckets: [1, 2, 5, 10, 20, 50, 100, 200, 500],
  },
  beacon_http_requests_total: {
    kind: 'counter',
    help: 'HTTP requests',
    labels: ['method', 'route', 'status'],
  },
  beacon_http_request_seconds: {
    kind: 'histogram',
    help: 'HTTP request duration',
    labels: ['method', 'route'],
    buckets: FAST_BUCKETS_S,
  },
  beacon_charter_faults_total: {
    kind: 'counter',
    help: 'Answers that were held back from customers because the charter does not allow them',
    labels: ['route'],
  },
  beacon_files_total: {
    kind: 'counter',
    help: 'Files stored and deleted',
    labels: ['purpose', 'change'],
  },
  beacon_batches_total: { kind: 'counter', help: 'Batches that came to a status', labels: ['status'] },
  beacon_batches: { kind: 'gauge', help: 'Batches that have not ended', labels: ['status'] },
  beacon_batches_oldest_seconds: {
    kind: 'gauge',
    help: 'Age of the oldest batch that has not ended',
    labels: ['status'],
  },
  beacon_batch_lines_total: {
    kind: 'counter',
    help: 'Lines of batches that have ended',
    labels: ['outcome'],
  },
  beacon_tasks_accepted_total: { kind: 'counter', help: 'Tasks accepted', labels: ['task_type'] },
  beacon_runs_open: { kind: 'gauge', help: 'Runs that have not ended', labels: ['status'] },
  beacon_runs_total: { kind: 'counter', help: 'Runs that reached a final status', labels: ['status'] },
  beacon_webhook_deliveries_total: {
    kind: 'counter',
    help: 'Tries to deliver a webhook',
    labels: ['result'],
  },
  beacon_webhooks: { kind: 'gauge', help: 'Webhooks that wait, and that were given up', labels: ['status'] },
  beacon_webhooks_latest_by_seconds: {
    kind: 'gauge',
    help: 'How late the webhook is that has been due the longest',
    labels: [],
  },
  beacon_webhook_redeliveries_total: {
    kind: 'counter',
    help: 'Webhooks that somebody had sent again',
    labels: [],
  },
  beacon_run_cells_total: { kind: 'counter', help: 'Cells that were settled', labels: ['outcome'] },
  beacon_run_budgets_reached_total: {
    kind: 'counter',
    help: 'Runs that were stopped because their budget might have been passed',
    labels: [],
  },
  beacon_run_budgets: {
    kind: 'gauge',
    help: 'Runs with a budget that have not ended, by how much of it is used',
    labels: ['used'],
  },
  beacon_key_budgets: {
    kind: 'gauge',
    help: 'Keys with a daily budget, by how much of it is used today',
    labels: ['used'],
  },
  beacon_key_budget_used_max_ratio: {
    kind: 'gauge',
    help: 'The largest share of its daily budget that a key has used today',
    labels: [],
  },
  beacon_dependency_up: {
    kind: 'gauge',
    help: 'Whether what the router works with answers',
    labels: ['dependency'],
  },
  beacon_dispatcher_alive: {
    kind: 'gauge',
    help: 'Whether a dispatcher of the region gives signs of life',
    labels: ['region'],
  },
  beacon_process_start_time_seconds: {
    kind: 'gauge',
    help: 'Unix time at which the process started',
    labels: [],
    aggregator: 'max',
  },
  beacon_trace_spans_total: {
    kind: 'counter',
    help: 'Spans of traces by what became of them',
    labels: ['result'],
  },
  beacon_calls_in_flight: { kind: 'gauge', help: 'Calls a dispatcher has in flight', labels: ['endpoint'] },
} as const satisfies Record<string, MetricSpec>;

export type MetricName = keyof typeof METRICS;
type LabelsOf<Name extends MetricName> = Record<(typeof METRICS)[Name]['labels'][number], string>;

/** One registry per process. A name or label that the catalogue lacks does not compile. */
export class Metrics {
  readonly registry = new Registry();
  private readonly instruments = new Map<string, Counter | Gauge | Histogram>();

  constructor(service: string) {
    this.registry.setDefaultLabels({ service });
    collectDefaultMetrics({ register: this.registry });
    for (const [name, spec] of Object.entries(METRICS) as [MetricName, MetricSpec][]) {
      const common = {
        ...{ name, help: spec.help, labelNames: [...spec.labels], registers: [this.registry] },
        ...(spec.aggregator === undefined ? {} : { aggregator: spec.aggregator }),
      };
      switch (spec.kind) {
        case 'counter':
          this.instruments.set(name, new Counter(common));
          break;
        case 'gauge':
          this.instruments.set(name, new Gauge(common));
          break;
        case 'histogram':
          this.instruments.set(name, new Histogram({ ...common, buckets: [...(spec.buckets ?? [])] }));
          break;
      }
    }
    // The one that comes with the process's own metrics is left out where those of several processes become one answer.
    this.set('beacon_process_start_time_seconds', {}, Date.now() / 1000 - process.uptime());
  }

  /** Adds to a counter. */
  count<Name extends MetricName>(name: Name, labels: LabelsOf<Name>, by = 1): void {
    (this.instruments.get(name) as Counter).inc(labels, by);
  }

  /** Sets a gauge. */
  set<Name extends MetricName>(name: Name, labels: LabelsOf<Name>, value: number): void {
    (this.instruments.get(name) as Gauge).set(labels, value);
  }

  /** Adds one observation to a histogram; seconds where the name says so. */
  observe<Name extends MetricName>(name: Name, labels: LabelsOf<Name>, value: number): void {
    (this.instruments.get(name) as Histogram).observe(labels, value);
  }

  /** Drops a gauge's values, before it is set anew. */
  reset(name: MetricName): void {
    this.instruments.get(name)?.reset();
  }

  /** This process's metrics, for the process that is scraped. */
  snapshot(): Promise<object[]> {
    return this.registry.getMetricsAsJSON();
  }

  /** @param others snapshots of other processes; the label `service` tells them apart */
  async expose(others: readonly object[][] = []): Promise<{ contentType: string; body: string }> {
    const all = AggregatorRegistry.aggregate([await this.snapshot(), ...others]);
    return { contentType: this.registry.contentType, body: await all.metrics() };
  }
}
