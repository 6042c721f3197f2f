import type { AuditListView, KeyCreatedView, KeyListView, KeySelfView, KeyView } from './http/keys.js';
import type { LedgerEntryView, LedgerPage, LedgerSummaryView } from './http/ledger.js';
import type {
  ChangedView,
  ControlChangeView,
  ControlView,
  OperationsView,
  OrderedView,
  SettingView,
} from './http/operations.js';
import type { HealthView, ProviderView } from './http/queue.js';
import type { ExamplesOf } from './openapi-examples-of.js';
import { JOB_ID, RUN_ID } from './openapi-parameters.js';

const ENDPOINT = 'eu-llama3.2-1b';
const KEY_ID = 'k7f3a9c2d1e4';

const control: ControlView = {
  change_id: 17,
  reason: 'the provider has an incident',
  by: KEY_ID,
  since: '2026-11-22T09:00:00.000Z',
  until: '2026-11-22T10:00:00.000Z',
};
const asked = { reason: control.reason, for_s: 3600 };

const ordered = (inForce: boolean): OrderedView => ({
  target: { kind: 'endpoint', id: ENDPOINT },
  change_id: 17,
  in_force: inForce ? control : null,
  endpoints: [{ id: ENDPOINT, region: 'EU', state: inForce ? 'paused' : 'warm', in_flight: inForce ? 0 : 1 }],
  drained: inForce,
  tickets_taken_back: inForce ? 1 : 0,
  left_out: [],
});
const warmed: OrderedView = {
  ...ordered(false),
  in_force: { ...control, reason: 'a run starts at ten' },
  endpoints: [{ id: ENDPOINT, region: 'EU', state: 'warming', in_flight: 0 }],
};
const inRegion = (view: OrderedView): OrderedView => ({ ...view, target: { kind: 'region', id: 'EU' } });

const changed: ChangedView = {
  kind: 'mode',
  target: 'single_region',
  change_id: 18,
  in_force: { ...control, change_id: 18 },
  models_that_wait: ['mistral-7b'],
};
const left = (target: string): ChangedView => ({ ...changed, target, in_force: null, models_that_wait: [] });

const setting: SettingView = {
  name: 'limits.gpus',
  configured: 8,
  in_force: 6,
  bound: 'ceiling',
  changed: { ...control, change_id: 19 },
};
const change: ControlChangeView = {
  id: 17,
  at: control.since,
  kind: 'pause',
  target: `endpoint:${ENDPOINT}`,
  cause: 'asked',
  by: KEY_ID,
  reason: control.reason,
  undoes: null,
  before: null,
  after: { drain: false, until: control.until },
};

const provider: ProviderView = {
  id: ENDPOINT,
  region: 'EU',
  models: ['llama3.2-1b'],
  state: 'warm',
  concurrency: 1,
  slots_in_use: 1,
  holds_gpu: true,
  consecutive_failures: 0,
  last_error_code: null,
  paused: [],
  warm: {
    setting: 'auto',
    mode: 'hybrid',
    window_s: 600,
    since: '2026-11-22T08:40:00.000Z',
    reason: 'often_called',
    judged_window_s: 600,
    idle_gpu_seconds: 410,
    cold_start_seconds_saved: 522.6,
    pays: true,
  },
  times: {
    'llama3.2-1b': { warm_p50_s: 1.8, warm_p95_s: 3.1, cold_p50_s: 176, cold_p95_s: 241.5, samples: 50 },
  },
};

const key: KeyView = {
  key_id: KEY_ID,
  name: 'bias-lab runner',
  tenant: 'bias-lab',
  roles: ['submit'],
  limits: { regions: ['US', 'EU', 'ASIA'], requests_per_s: 10, budget_micro_usd_per_day: 5_000_000 },
  source: 'database',
  status: 'active',
  created_at: '2026-11-22T09:00:00.000Z',
  expires_at: '2027-11-22T09:00:00.000Z',
  revoked_at: null,
  replaces: null,
};
const made: KeyCreatedView = { ...key, key: 'bk_k7f3a9c2d1e4_EXAMPLE', webhook_secret: null };

const entry: LedgerEntryView = {
  entry_no: '1041',
  kind: 'call',
  began_at: '2026-11-22T09:00:02.120Z',
  at: '2026-11-22T09:00:12.620Z',
  recorded_at: '2026-11-22T09:00:12.640Z',
  call_id: '1c2d3e4f-5a6b-4c7d-8e9f-0a1b2c3d4e5f',
  job_id: JOB_ID,
  attempt: 1,
  epoch: 1,
  call_no: 1,
  run_id: RUN_ID,
  tenant: 'bias-lab',
  key_id: KEY_ID,
  task_type: null,
  model: 'llama3.2-1b',
  region: 'EU',
  endpoint_id: ENDPOINT,
  provider: 'modal',
  gpu: 'A10G',
  outcome: 'succeeded',
  accepted: true,
  http_status: 200,
  error_code: null,
  error: null,
  cold_start: false,
  estimated: false,
  duration_ms: 10_500,
  gpu_ms: 10_500,
  cold_start_ms: 0,
  busy_ms: 10_500,
  idle_ms: 0,
  gpu_nano_usd_per_s: 400_000,
  region_multiplier_millionths: 1_000_000,
  gpu_cost_micro_usd: 4200,
  tokens_in: 1000,
  tokens_out: 2000,
  input_micro_usd_per_million_tokens: 250_000,
  output_micro_usd_per_million_tokens: 1_250_000,
  llm_cost_micro_usd: 2750,
  total_micro_usd: 6950,
  total_usd: '0.006950',
  unpriced: false,
  prices_from: '2026-01-01',
};
const sums = {
  ...{ entries: 2, calls: 1, accepted: 1, cold_starts: 0, estimated_entries: 0, unpriced_entries: 0 },
  ...{ gpu_ms: 10_500, cold_start_ms: 0, busy_ms: 10_500, idle_ms: 0, tokens_in: 1000, tokens_out: 2000 },
  ...{ gpu_cost_micro_usd: 4200, llm_cost_micro_usd: 2750, total_micro_usd: 6950, total_usd: '0.006950' },
};

/** What operators, administrators and finance ask for. */
export const OPERATION_EXAMPLES: ExamplesOf = {
  schemas: {
    ControlRequest: asked,
    DrainRequest: { ...asked, release: true },
    WarmRequest: { reason: 'a run starts at ten', for_s: 900 },
    UndoRequest: { reason: 'the incident is over' },
    SingleRegionRequest: { region: 'EU', ...asked },
    SettingChange: { value: 6, ...asked },
    Ordered: ordered(true),
    Changed: changed,
    Setting: setting,
    SettingList: { settings: [setting] },
    Operations: {
      pauses: [
        {
          ...control,
          target: { kind: 'endpoint', id: ENDPOINT },
          ...{ drain: false, release: false, in_flight: 0, drained: true },
        },
      ],
      warm: [],
      modes: [],
      settings: [setting],
    } satisfies OperationsView,
    ControlChangeList: { changes: [change], next: null },
    ProviderList: { providers: [provider] },
    Health: {
      status: 'degraded',
      providers_total: 8,
      providers_healthy: 7,
      regions: ['US', 'EU', 'ASIA'],
    } satisfies HealthView,
    Readiness: { status: 'ready', database: true, nats: true },
    Liveness: { status: 'alive' },

    KeyRequest: {
      name: 'bias-lab runner',
      tenant: 'bias-lab',
      roles: ['submit'],
      limits: key.limits,
      expires_in_s: 31_536_000,
    },
    KeyCreated: made,
    KeyRotation: { overlap_s: 86_400 },
    KeyList: { keys: [key] } satisfies KeyListView,
    Key: { ...key, status: 'revoked', revoked_at: '2026-11-22T12:00:00.000Z' } satisfies KeyView,
    KeySelf: {
      key_id: KEY_ID,
      tenant: 'bias-lab',
      roles: ['submit', 'read'],
      limits: key.limits,
    } satisfies KeySelfView,
    AuditList: {
      entries: [
        {
          entry_no: '12',
          at: '2026-11-22T09:00:00.000Z',
          actor: KEY_ID,
          tenant: 'operations',
          act: 'key.created',
          target: 'k0a1b2c3d4e5',
          detail: { name: 'bias-lab runner', roles: ['submit'] },
          request_id: '0d3f4c1e-6f0b-4f4f-9a55-1d2f0c8f6f4e',
        },
      ],
      next_cursor: null,
    } satisfies AuditListView,
    LedgerPage: { entries: [entry], next_cursor: null } satisfies LedgerPage,
    LedgerSummary: {
      group_by: 'region',
      groups: [{ value: 'EU', ...sums }],
      total: sums,
      truncated: false,
    } satisfies LedgerSummaryView,
  },
  operations: {
    'POST /endpoints/{id}/resume': { answer: ordered(false) },
    'POST /endpoints/{id}/warm': { answer: warmed },
    'POST /regions/{region}/pause': { answer: inRegion(ordered(true)) },
    'POST /regions/{region}/drain': { answer: inRegion(ordered(true)) },
    'POST /regions/{region}/resume': { answer: inRegion(ordered(false)) },
    'POST /regions/{region}/warm': { answer: inRegion(warmed) },
    'PUT /operations/modes/direct': {
      answer: { ...changed, target: 'direct', models_that_wait: [] } satisfies ChangedView,
    },
    'DELETE /operations/modes/direct': { answer: left('direct') },
    'DELETE /operations/modes/single-region': { answer: left('single_region') },
    'DELETE /operations/settings/{name}': {
      answer: { ...setting, in_force: 8, changed: null } satisfies SettingView,
    },
    'POST /operations/changes/{id}/undo': {
      answer: {
        kind: 'pause',
        target: `endpoint:${ENDPOINT}`,
        change_id: 20,
        in_force: null,
        models_that_wait: [],
      } satisfies ChangedView,
    },
  },
  texts: {
    'GET /openapi.json': {
      'application/json': { openapi: '3.1.0', info: { title: 'Beacon', version: '0.1.0' }, paths: {} },
    },
    'GET /ledger': {
      'application/x-ndjson': `${JSON.stringify(entry)}\n`,
      'text/csv': `${Object.keys(entry).join(',')}\n${Object.values(entry)
        .map((value) => (value === null ? '' : String(value)))
        .join(',')}\n`,
    },
    'GET /metrics': { 'text/plain': 'beacon_jobs_accepted_total{region="EU",priority="normal"} 412\n' },
  },
};
