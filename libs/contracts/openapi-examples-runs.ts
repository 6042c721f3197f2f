import type { CharterRunEvent } from './charter/run-events.js';
import type { ComparisonView } from './http/comparison.js';
import type { OrderPlanView } from './http/order-plan.js';
import type { Receipt, ReceiptKeyView, SignedReceipt } from './http/receipts.js';
import type { RunExtendView, RunRetryView, RunStateView } from './http/run-controls.js';
import type { RunCellsView } from './http/run-cells.js';
import type { RunForecastView } from './http/run-plan.js';
import type { RunTimelineView } from './http/run-timeline.js';
import type { RunWebhook } from './http/run-webhooks.js';
import type {
  CellResultView,
  GateDecidedView,
  RunCancelView,
  RunCreatedView,
  RunListView,
  RunPlanView,
  RunSummaryView,
  RunTotalsView,
  RunView,
} from './http/runs.js';
import type { ExamplesOf } from './openapi-examples-of.js';
import { JOB_ID, RUN_ID } from './openapi-parameters.js';

const MODEL = 'llama3.2-1b';
const sha = (digits: string): string => digits.repeat(64 / digits.length);

const request = {
  name: 'capitals across regions',
  questions: [
    { id: 'q1', text: 'What is the capital of Kenya?' },
    { id: 'q2', text: 'Who decides where a border lies?' },
  ],
  models: [MODEL],
  regions: ['US', 'EU', 'ASIA'],
  repeats: 1,
  order: 'auto',
  region_policy: 'pin',
  system_prompts: { EU: 'Answer in one sentence.' },
  gates: [{ after_question: 'q1', expires_in_s: 604_800 }],
  budget: { usd: 0.5 },
  seed: 7,
};

const orderPlan: OrderPlanView = {
  order: 'region',
  makespan_s: 184.6,
  gpu_seconds: { cold_start: 522.6, busy: 10.8, idle: 900, total: 1433.4 },
  cost_usd: 0.235,
  unpriced_gpus: [],
  cold_starts: 3,
  peak_gpus: 3,
  exact: true,
};
const { unpriced_gpus: _unpriced, ...orderTold } = orderPlan;

const plan: RunPlanView = {
  order: 'region',
  requested_order: 'auto',
  reason: 'region is planned to take 184.6 s, question 188.2 s',
  cells_per_endpoint: { 'us-llama3.2-1b': 2, 'eu-llama3.2-1b': 2, 'asia-llama3.2-1b': 2 },
  estimated_makespan_seconds: 184.6,
  estimated_cost_usd: 0.235,
  orders: [orderPlan],
  assumed_times: false,
};
const { cells_per_endpoint: _perEndpoint, ...planRest } = plan;
const planTold = { ...planRest, cells_per_region: { US: 2, EU: 2, ASIA: 2 }, orders: [orderTold] };

const created: RunCreatedView = {
  run_id: RUN_ID,
  status: 'planned',
  total_cells: 6,
  unavailable: [],
  plan,
  warnings: [],
};

const totals: RunTotalsView = {
  total: 6,
  accepted: 4,
  substituted: 0,
  failed: 0,
  cancelled: 0,
  running: 2,
  pending: 0,
};
const summary: RunSummaryView = {
  run_id: RUN_ID,
  name: 'capitals across regions',
  status: 'running',
  cancelling: false,
  order: 'region',
  total_cells: 6,
  progress: totals,
  created_at: '2026-11-22T09:00:00.000Z',
  started_at: '2026-11-22T09:00:00.120Z',
  finished_at: null,
};
const counts = { done: 2, total: 2, accepted: 2, failed: 0, running: 0, substituted: 0 };
const begun = { done: 1, total: 2, accepted: 1, failed: 0, running: 1, substituted: 0 };
const run: RunView = {
  ...summary,
  models: [MODEL],
  regions: ['US', 'EU', 'ASIA'],
  repeats: 1,
  region_policy: 'pin',
  seed: 7,
  question_order: 'given',
  progress: {
    ...totals,
    by_question: [
      {
        ...{ question_id: 'q1', done: 3, total: 3, accepted: 3, failed: 0, running: 0 },
        ...{ skew_s: null, skew_exceeded: false },
      },
      {
        ...{ question_id: 'q2', done: 1, total: 3, accepted: 1, failed: 0, running: 2 },
        ...{ skew_s: null, skew_exceeded: false },
      },
    ],
    by_region: { US: counts, EU: begun, ASIA: begun },
    by_model: { [MODEL]: { done: 4, total: 6, accepted: 4, failed: 0, running: 2, substituted: 0 } },
    by_pair: [
      { model: MODEL, region: 'US', ...counts },
      { model: MODEL, region: 'EU', ...begun },
      { model: MODEL, region: 'ASIA', ...begun },
    ],
  },
  eta_seconds: 2.1,
  max_skew_s: null,
  worst_skew_s: null,
  skew_kept: null,
  budget: {
    usd: 0.5,
    gpu_seconds: null,
    spent_usd: 0.184,
    spent_gpu_seconds: 1121.9,
    committed_usd: 0.05,
    committed_gpu_seconds: 305,
  },
  gates: [
    {
      gate_id: 'q1',
      after_question: 'q1',
      status: 'approved',
      expires_in_s: 604_800,
      waiting_since: '2026-11-22T09:03:04.000Z',
      expires_at: '2026-11-29T09:03:04.000Z',
      decided_at: '2026-11-22T09:10:00.000Z',
    },
  ],
  unavailable: [],
  plan,
  webhooks: null,
};

const interval = { from_question: null, to_question: null };
const forecast: RunForecastView = {
  total_cells: 6,
  unavailable: [],
  order: 'region',
  requested_order: 'auto',
  reason: 'region is planned to take 184.6 s, question 188.2 s',
  feasible: true,
  gpu_limit: 8,
  cells_per_endpoint: plan.cells_per_endpoint,
  orders: [
    {
      ...orderPlan,
      feasible: true,
      infeasible_because: [],
      timeline: [
        {
          endpoint_id: 'eu-llama3.2-1b',
          intervals: [
            { state: 'warming', from_s: 0, to_s: 174.2, ...interval },
            { state: 'busy', from_s: 174.2, to_s: 177.8, from_question: 'q1', to_question: 'q2' },
            { state: 'idle', from_s: 177.8, to_s: 477.8, ...interval },
          ],
        },
      ],
      timeline_truncated: false,
    },
  ],
  best: {
    same_as: 'region',
    optimal: true,
    lower_bound_s: 184.6,
    gap: 0,
    sequences: [['us-llama3.2-1b'], ['eu-llama3.2-1b'], ['asia-llama3.2-1b']],
  },
  times: [
    {
      ...{ model: MODEL, region: 'EU', warm_s: 1.8, cold_start_s: 174.2 },
      ...{ warm_source: 'learned', cold_source: 'learned' },
    },
  ],
  notes: ['other work is left out: the run is taken to be alone'],
};
const place = { region: 'EU', models: [MODEL] };
const { cells_per_endpoint: _cells, ...forecastRest } = forecast;
const forecastTold = {
  ...forecastRest,
  cells_per_region: planTold.cells_per_region,
  orders: forecast.orders.map(({ unpriced_gpus: _gpus, timeline, ...order }) => ({
    ...order,
    timeline: timeline.map(({ intervals }) => ({ ...place, intervals })),
  })),
  best: {
    ...forecast.best,
    sequences: [[{ ...place, region: 'US' }], [place], [{ ...place, region: 'ASIA' }]],
  },
};

const result: CellResultView = {
  question_id: 'q1',
  model: MODEL,
  region: 'EU',
  repeat: 1,
  status: 'accepted',
  response: 'The capital of Kenya is Nairobi.',
  answered_region: 'EU',
  substituted: false,
  endpoint_id: 'eu-llama3.2-1b',
  job_id: JOB_ID,
  attempts: 1,
  inference_time: 1.71,
  tokens_generated: 9,
  error_code: null,
  accepted_at: '2026-11-22T09:03:01.000Z',
  model_revision: '4e20de362430cd3b72f300e6b0f18e50e7166e08',
  temperature: 0.1,
  max_tokens: 512,
  prompt_sha256: sha('9b1c'),
  seed: 1_204_337_812,
  asked_at: '2026-11-22T09:02:58.900Z',
  erased: false,
};
const { endpoint_id: _endpoint, ...resultTold } = result;

const receipt: Receipt = {
  version: 1,
  issued_at: '2026-11-22T09:12:00.000Z',
  ended: true,
  run: {
    run_id: RUN_ID,
    name: 'capitals across regions',
    status: 'completed',
    models: [MODEL],
    regions: ['EU'],
    pairs: [{ model: MODEL, region: 'EU' }],
    unavailable: [],
    repeats: 1,
    region_policy: 'pin',
    order: 'region',
    requested_order: 'auto',
    parameters: { temperature: 0.1, max_tokens: 512, seed: null, question_order: 'given' },
    max_skew_s: null,
    budget: { usd: 0.5, gpu_seconds: null },
    history: [],
    total_cells: 1,
    created_at: '2026-11-22T09:00:00.000Z',
    started_at: '2026-11-22T09:00:00.120Z',
    finished_at: '2026-11-22T09:03:01.000Z',
  },
  questions: [
    {
      question_id: 'q1',
      text_sha256: sha('77aa'),
      erased: false,
      prompts: { EU: { system_sha256: null, prompt_sha256: sha('9b1c') } },
    },
  ],
  gates: [],
  cells: [
    {
      cell_no: 1,
      question_id: 'q1',
      model: MODEL,
      region: 'EU',
      repeat: 1,
      status: 'accepted',
      job_id: JOB_ID,
      answer_sha256: sha('c0de'),
      answered_region: 'EU',
      substituted: false,
      endpoint_id: 'eu-llama3.2-1b',
      inference_time: 1.71,
      tokens_in: 18,
      tokens_generated: 9,
      model_revision: '4e20de362430cd3b72f300e6b0f18e50e7166e08',
      gpu: 'T4',
      container_id: 'ta-01JDABCDEF',
      cold_start: true,
      error_code: null,
      finished_at: '2026-11-22T09:03:01.000Z',
      attempts_counted: 1,
      seed: null,
      asked_at: '2026-11-22T09:02:58.900Z',
      erased: false,
      jobs: [
        {
          job_id: JOB_ID,
          cell_attempt: 1,
          state: 'completed',
          error_code: null,
          answer_sha256: sha('c0de'),
          answered_region: 'EU',
          seed: null,
          attempts: [
            {
              attempt: 1,
              endpoint_id: 'eu-llama3.2-1b',
              region: 'EU',
              status: 'succeeded',
              error_code: null,
              started_at: '2026-11-22T09:00:00.300Z',
              finished_at: '2026-11-22T09:03:00.900Z',
              execution_ms: 180_600,
              upstream_call_id: 'fc-01JDABCDEFGH',
              reattached: false,
            },
          ],
        },
      ],
    },
  ],
  counts: {
    cells: 1,
    answered: 1,
    substituted: 0,
    missing: 0,
    failed: 0,
    cancelled: 0,
    submitted: 0,
    pending: 0,
    by_region: { EU: { cells: 1, answered: 1, substituted: 0, missing: 0 } },
    jobs: 1,
    attempts: 1,
    answers_not_taken: 0,
    stray_outcomes: 0,
  },
  missing: [],
  substitutes: [],
  stray_outcomes: [],
};
const signature: SignedReceipt['signature'] = {
  algorithm: 'Ed25519',
  key_id: '4f6d2c1b0a998877',
  public_key: 'MCowBQYDK2VwAyEAm3lqV0mC0cQq4nq8T1Zp4kN1l3q5s0Qy2s1s9o3Tt1A=',
  value: 'q83vEjRWeJq83vEjRWeJq83vEjRWeJq83vEjRWeJq83vEjRWeJq83vEjRWeJq83vEjRWeJq83vEjRWeJqw==',
};
const receiptTold = {
  receipt: {
    ...receipt,
    face: 'charter',
    cells: receipt.cells.map(
      ({ endpoint_id: _e, tokens_in: _t, gpu: _g, container_id: _c, jobs, ...cell }) => ({
        ...cell,
        jobs: jobs.map(({ attempts, ...job }) => ({
          ...job,
          attempts: attempts.map(({ endpoint_id: _id, upstream_call_id: _call, ...attempt }) => attempt),
        })),
      }),
    ),
  },
  signature,
};

const webhook: RunWebhook = {
  type: 'gate.waiting',
  timestamp: '2026-11-22T09:03:04.000Z',
  data: {
    run_id: RUN_ID,
    sequence: 1,
    counts: { total: 6, accepted: 3, failed: 0, cancelled: 0 },
    path: `/runs/${RUN_ID}`,
    gate_id: 'q1',
    status: 'waiting',
    expires_at: '2026-11-29T09:03:04.000Z',
  },
};

const decided = (status: 'approved' | 'rejected'): GateDecidedView => ({
  run_id: RUN_ID,
  gate_id: 'q1',
  status,
});
const state = (status: RunStateView['status']): RunStateView => ({ run_id: RUN_ID, status });

/** Runs: what is asked of them, how they stand and what they answered. */
export const RUN_EXAMPLES: ExamplesOf = {
  schemas: {
    WaitingGates: {
      gates: [
        {
          run_id: RUN_ID,
          run_name: 'capitals across regions',
          run_status: 'awaiting_approval',
          gate_id: 'q1',
          after_question: 'q1',
          waiting_since: '2026-11-22T09:12:00.000Z',
          expires_at: '2026-11-29T09:12:00.000Z',
        },
      ],
      next_cursor: null,
    },
    QuestionBank: {
      questions: [{ id: 'math_basic', text: 'What is 7 times 8?', system: null }],
      next_cursor: null,
    },
    RunRequest: request,
    RunCreated: created,
    RunCreatedCharter: { ...created, plan: planTold },
    RunPlanCharter: planTold,
    RunPlanRequest: { ...request, budget: undefined, budget_usd: 0.5 },
    RunForecast: forecast,
    RunForecastCharter: forecastTold,
    RunList: { runs: [summary], next_cursor: null } satisfies RunListView,
    Run: run,
    RunResults: { run_id: RUN_ID, status: 'completed', results: [result] },
    SignedReceipt: { receipt, signature } satisfies SignedReceipt,
    SignedReceiptCharter: receiptTold,
    ReceiptKey: {
      algorithm: 'Ed25519',
      key_id: signature.key_id,
      public_key: signature.public_key,
      created_at: '2026-11-01T00:00:00.000Z',
      retired: [],
    } satisfies ReceiptKeyView,
    Comparison: {
      run_id: RUN_ID,
      status: 'completed',
      question_id: 'q1',
      question: 'What is the capital of Kenya?',
      question_erased: false,
      repeat: 1,
      repeats: 1,
      answers: [
        {
          ...{ model: MODEL, region: 'EU', status: 'accepted', answered_region: 'EU', substituted: false },
          ...{ response: 'The capital of Kenya is Nairobi.', characters: 32, words: 6 },
          ...{ refusal: false, refusal_phrase: null, error_code: null, erased: false },
        },
        {
          ...{ model: MODEL, region: 'US', status: 'accepted', answered_region: 'US', substituted: false },
          ...{ response: 'Nairobi is the capital of Kenya.', characters: 32, words: 6 },
          ...{ refusal: false, refusal_phrase: null, error_code: null, erased: false },
        },
      ],
      similarities: [
        {
          left: { model: MODEL, region: 'EU' },
          right: { model: MODEL, region: 'US' },
          substituted: false,
          similarity: 0.6,
        },
      ],
      next_cursor: null,
      next_question: 'q2',
    } satisfies ComparisonView,
    RunCells: {
      run_id: RUN_ID,
      status: 'running',
      pairs: [
        { model: MODEL, region: 'EU' },
        { model: MODEL, region: 'US' },
      ],
      repeats: 1,
      questions: [
        { question_id: 'q1', cells: 'af', failures: { MODEL_ERROR: [1] } },
        { question_id: 'q2', cells: 'rp', failures: {} },
      ],
      last_event_id: '12',
      next_cursor: null,
    } satisfies RunCellsView,
    RunTimeline: {
      run_id: RUN_ID,
      status: 'running',
      zero_at: '2026-11-02T09:00:00.000Z',
      as_of: '2026-11-02T09:05:00.000Z',
      gpu_limit: 8,
      planned_makespan_s: 270,
      lanes: [
        {
          endpoint_id: 'eu-llama3.2-1b',
          ...{ regions: ['EU'], models: [MODEL], calls: 1, failed_calls: 0 },
          intervals: [
            { state: 'warming', from_s: 0.2, to_s: 160.4, calls: 0 },
            { state: 'busy', from_s: 160.4, to_s: 199.1, calls: 1 },
            { state: 'running', from_s: 199.2, to_s: 300, calls: 0 },
          ],
          planned: [
            { state: 'warming', from_s: 0, to_s: 150 },
            { state: 'busy', from_s: 150, to_s: 270 },
          ],
        },
      ],
      truncated: false,
    } satisfies RunTimelineView,
    RunCancel: { run_id: RUN_ID, status: 'running', cancelling: true } satisfies RunCancelView,
    RunState: state('paused'),
    RunRetryRequest: { budget: { usd: 1 } },
    RunRetry: { ...state('running'), retried_cells: 2 } satisfies RunRetryView,
    RunExtendRequest: { repeats: 3, budget: { usd: 1.5 } },
    RunExtend: {
      ...state('running'),
      repeats: 3,
      total_cells: 18,
      added_cells: 12,
    } satisfies RunExtendView,
    GateDecided: decided('approved'),
    RunWebhook: webhook,
  },
  operations: {
    'POST /runs/{id}/resume': { answer: state('running') },
    'POST /runs/{id}/gates/{gate}/reject': { answer: decided('rejected') },
  },
  texts: {
    'GET /runs/{id}/results': {
      'application/x-ndjson': `${JSON.stringify(resultTold)}\n`,
      'text/csv': `${Object.keys(resultTold).join(',')}\n${Object.values(resultTold)
        .map((value) => (value === null ? '' : String(value)))
        .join(',')}\n`,
    },
    'GET /runs/{id}/events': {
      'text/event-stream': {
        type: 'question.completed',
        run_id: RUN_ID,
        at: '2026-11-22T09:03:01.000Z',
        question_id: 'q1',
      } satisfies CharterRunEvent,
    },
  },
};
