import type { CallbackAccepted } from './http/callbacks.js';
import type {
  DeadLetterDetailView,
  DeadLetterListView,
  DeadLetterSummaryView,
  DeadLetterView,
  DiscardedManyView,
  RedrivenManyView,
  RedrivenView,
} from './http/dead-letters.js';
import type { JobErasedView, RunErasedView, TenantErasedView } from './http/erasure.js';
import type { InferenceResponse, JobStatusView, QueuedResponse } from './http/inference.js';
import type { JobWebhook, TaskWebhook } from './http/job-webhooks.js';
import type { QueueStatusView, RegionQueueView } from './http/queue.js';
import type {
  RedeliveredView,
  WebhookDeliveryDetailsView,
  WebhookDeliveryListView,
  WebhookDeliveryView,
} from './http/webhook-deliveries.js';
import type { ExamplesOf } from './openapi-examples-of.js';
import { JOB_ID, RUN_ID } from './openapi-parameters.js';

const MODEL = 'llama3.2-1b';
const NEXT_JOB_ID = '0b9a8c7d-6e5f-4a3b-8c2d-1e0f9a8b7c6d';

const request = {
  model: MODEL,
  prompt: 'Name the three largest cities of Kenya.',
  temperature: 0.1,
  max_tokens: 128,
  region_preference: 'EU',
  region_policy: 'prefer',
  priority: 'normal',
  metadata: { study: 'capitals-7' },
};

const queued: QueuedResponse = {
  success: true,
  job_id: JOB_ID,
  status: 'queued',
  queue_position: 3,
  estimated_wait_seconds: 42.5,
  region: 'EU',
  message: 'queued in EU at position 3; expected to start in 42.5 s',
  warnings: [],
};

const answer = 'Nairobi, Mombasa and Kisumu.';

const status: JobStatusView = {
  job_id: JOB_ID,
  status: 'completed',
  model: MODEL,
  region: 'US',
  region_policy: 'prefer',
  priority: 'normal',
  queue_position: null,
  estimated_wait_seconds: null,
  wait_reason: null,
  retry_count: 1,
  attempts: [
    {
      attempt: 1,
      endpoint_id: 'eu-llama3.2-1b',
      region: 'EU',
      status: 'failed',
      error_code: 'UPSTREAM_ERROR',
      started_at: '2026-11-22T09:00:02.120Z',
      finished_at: '2026-11-22T09:00:03.480Z',
    },
    {
      attempt: 2,
      endpoint_id: 'us-llama3.2-1b',
      region: 'US',
      status: 'succeeded',
      error_code: null,
      started_at: '2026-11-22T09:00:03.501Z',
      finished_at: '2026-11-22T09:00:05.340Z',
    },
  ],
  result: {
    success: true,
    response: answer,
    model: MODEL,
    region: 'US',
    substituted: true,
    inference_time: 1.71,
    tokens_generated: 11,
  },
  error: null,
  metadata: { study: 'capitals-7' },
  erased_at: null,
  redriven_from: null,
  created_at: '2026-11-22T09:00:01.000Z',
  started_at: '2026-11-22T09:00:02.120Z',
  completed_at: '2026-11-22T09:00:05.344Z',
  duration: 4.344,
};

const inference: InferenceResponse = {
  success: true,
  response: answer,
  error: null,
  provider_used: 'eu-llama3.2-1b',
  inference_time: 1.71,
  cost_estimate: null,
  region: 'EU',
  job_id: JOB_ID,
  metadata: { study: 'capitals-7' },
};

const models = {
  [MODEL]: {
    queued: 2,
    retrying: 0,
    processing: 1,
    median_execution_seconds: 1.8,
    median_cold_start_seconds: 174.2,
  },
};
const region: RegionQueueView = {
  queue_size: 2,
  retry_queue_size: 0,
  processing: true,
  in_flight: 1,
  completed: 412,
  failed: 3,
  cancelled: 1,
  expired: 0,
  oldest_wait_seconds: 3.4,
  dispatcher_alive: true,
  paused: null,
  wait_reason: 'every endpoint that could serve it is busy',
  models,
  endpoints: [
    {
      id: 'eu-llama3.2-1b',
      region: 'EU',
      models: [MODEL],
      state: 'warm',
      concurrency: 1,
      slots_in_use: 1,
      holds_gpu: true,
      consecutive_failures: 0,
      last_error_code: null,
      paused: [],
    },
  ],
};
const { endpoints: _endpoints, ...regionTold } = { ...region, paused: false };
const queues: QueueStatusView = {
  global_retry_queue_size: 0,
  regions: { EU: region },
  gpus_in_use: 1,
  gpu_limit: 8,
  as_of: '2026-11-22T09:00:04.000Z',
};

const letter: DeadLetterView = {
  job_id: JOB_ID,
  task_id: null,
  tenant: 'bias-lab',
  code: 'MODEL_ERROR',
  detail: 'the endpoint said: prompt is too long for the context window',
  model: MODEL,
  region: 'EU',
  endpoint_id: 'eu-llama3.2-1b',
  task_type: null,
  run_id: null,
  attempt_count: 4,
  poison: false,
  payload_sha256: 'a3f5'.repeat(16),
  state: 'open',
  redriven_as: null,
  redriven_from: null,
  resolved_at: null,
  resolved_by: null,
  reason: null,
  failed_at: '2026-11-22T09:04:11.000Z',
  erased_at: null,
};
const letterTold = {
  ...letter,
  message: 'The model answered with an error',
};
const { detail: _detail, endpoint_id: _endpointId, resolved_by: _by, ...charterLetter } = letterTold;
const letterAttempt = {
  attempt: 4,
  endpoint_id: 'eu-llama3.2-1b',
  region: 'EU',
  status: 'failed',
  error_code: 'MODEL_ERROR',
  detail: 'prompt is too long for the context window',
  http_status: 200,
  execution_ms: 812,
  started_at: '2026-11-22T09:04:10.100Z',
  finished_at: '2026-11-22T09:04:10.912Z',
};
const { endpoint_id: _id, detail: _said, http_status: _http, ...attemptTold } = letterAttempt;
const letterCounts = { open: 1, redriven: 4, discarded: 0, poison: 0 };

const delivery: WebhookDeliveryView = {
  event_id: '3c2b1a09-8d7e-4f6a-b5c4-d3e2f1a0b9c8',
  event_type: 'run.finished',
  job_id: null,
  run_id: RUN_ID,
  sequence: 3,
  receiver: 'hooks.example.org:443',
  status: 'delivered',
  tries: 2,
  last_error_code: null,
  last_status: 204,
  created_at: '2026-11-22T09:08:00.000Z',
  next_try_at: null,
  finished_at: '2026-11-22T09:08:05.210Z',
};

const jobTold: JobWebhook = {
  type: 'job.completed',
  timestamp: '2026-11-22T09:00:05.344Z',
  data: {
    job_id: JOB_ID,
    sequence: 1,
    status: 'completed',
    region: 'US',
    retry_count: 1,
    execution_time_s: 1.839,
    metadata: { study: 'capitals-7' },
    path: `/inference/status/${JOB_ID}`,
    substituted: true,
    error_code: null,
  },
};

const task = {
  task_id: 'nightly-042',
  task_type: 'research',
  owner_id: 'scout_ang',
  status: 'completed',
  created_at: '2026-11-22T09:00:00.000Z',
};
const taskSeen = {
  ...task,
  event: 'task.completed',
  execution_time: 12.4,
  worker_id: 'worker-7f3a',
  result_summary: 'Three studies compare answers across regions; two of them',
  error: null,
  started_at: '2026-11-22T09:00:01.200Z',
  completed_at: '2026-11-22T09:00:13.900Z',
  erased_at: null,
  redriven_from: null,
  redriven_as: null,
};
const taskTold: TaskWebhook = {
  type: 'task.completed',
  timestamp: '2026-11-22T09:00:13.900Z',
  data: {
    task_id: 'nightly-042',
    sequence: 1,
    task_type: 'research',
    status: 'completed',
    execution_time_s: 12.4,
    path: '/tasks/nightly-042',
  },
};

/** Jobs, queues, tasks, dead letters, erasure and webhooks. */
export const JOB_EXAMPLES: ExamplesOf = {
  schemas: {
    InferenceRequest: request,
    JobQueued: queued,
    JobStatus: status,
    JobCancel: { job_id: JOB_ID, status: 'cancelling' },
    InferenceAnswer: inference,
    JobWebhook: jobTold,
    QueueStatus: queues,
    QueueStatusCharter: { ...queues, regions: { EU: regionTold } },
    RegionQueueStatus: { ...region, region: 'EU' },
    RegionQueueStatusCharter: { ...regionTold, region: 'EU' },
    Callback: { key: `${JOB_ID}:1`, status: 'success' },
    CallbackAccepted: { accepted: true } satisfies CallbackAccepted,

    DeadLetter: letter,
    DeadLetterCharter: charterLetter,
    DeadLetterList: {
      dead_letters: [letter],
      next_cursor: null,
      counts: letterCounts,
    } satisfies DeadLetterListView,
    DeadLetterListCharter: { dead_letters: [charterLetter], next_cursor: null, counts: letterCounts },
    DeadLetterDetail: { ...letter, attempts: [letterAttempt] } satisfies DeadLetterDetailView,
    DeadLetterDetailCharter: { ...charterLetter, attempts: [attemptTold] },
    DeadLetterSummary: {
      group_by: ['code', 'model', 'region'],
      groups: [
        {
          code: 'MODEL_ERROR',
          model: MODEL,
          region: 'EU',
          endpoint: null,
          open: 12,
          poison: 2,
          payloads: 3,
          oldest_at: '2026-11-22T08:10:00.000Z',
          newest_at: '2026-11-22T09:04:11.000Z',
        },
      ],
    } satisfies DeadLetterSummaryView,
    Redriven: { job_id: JOB_ID, redriven_as: NEXT_JOB_ID, already: false } satisfies RedrivenView,
    RedriveRequest: { filter: { code: 'UPSTREAM_ERROR', region: 'EU' }, limit: 100 },
    RedrivenMany: {
      redriven: 1,
      jobs: [{ job_id: JOB_ID, redriven_as: NEXT_JOB_ID }],
      skipped: [{ job_id: '5d4c3b2a-1f0e-4d9c-8b7a-6f5e4d3c2b1a', reason: 'POISON' }],
      skipped_by_reason: { POISON: 1 },
      more: false,
    } satisfies RedrivenManyView,
    DiscardRequest: { reason: 'the prompt is longer than the context window' },
    DiscardManyRequest: { filter: { code: 'MODEL_ERROR' }, limit: 100, reason: 'prompts too long' },
    DiscardedMany: { discarded: 12, more: false } satisfies DiscardedManyView,

    JobErased: { job_id: JOB_ID, erased: true, also_erased: [] } satisfies JobErasedView,
    RunErased: { run_id: RUN_ID, erased: true, complete: true } satisfies RunErasedView,
    TenantEraseRequest: { confirm: 'bias-lab' },
    TenantErased: { tenant: 'bias-lab', jobs: 1204, runs: 9, complete: true } satisfies TenantErasedView,

    WebhookDelivery: delivery,
    WebhookDeliveryList: { deliveries: [delivery], next_cursor: null } satisfies WebhookDeliveryListView,
    WebhookDeliveryDetails: {
      ...delivery,
      url: 'https://hooks.example.org/beacon',
      body: {
        type: 'run.finished',
        timestamp: '2026-11-22T09:08:00.000Z',
        data: {
          run_id: RUN_ID,
          sequence: 3,
          counts: { total: 64, accepted: 64, failed: 0, cancelled: 0 },
          path: `/runs/${RUN_ID}`,
          status: 'completed',
        },
      },
    } satisfies WebhookDeliveryDetailsView,
    RedeliverRequest: { status: 'failed', run_id: RUN_ID },
    Redelivered: { redelivered: 3, more: false } satisfies RedeliveredView,

    TaskRequest: {
      task_type: 'research',
      prompt: 'Which studies compare answers of language models across regions?',
      task_id: 'nightly-042',
      priority: 'normal',
    },
    TaskAccepted: {
      success: true,
      ...task,
      status: 'queued',
      queue_position: 1,
      estimated_wait_seconds: 4,
      message: 'queued at position 1; expected to start in 4 s',
    },
    Task: {
      ...taskSeen,
      result: 'Three studies compare answers across regions; two of them pin the region of the endpoint.',
      priority: 'normal',
      retry_count: 0,
      metadata: null,
    },
    TaskList: { tasks: [taskSeen], next_cursor: null },
    TaskCancel: { task_id: 'nightly-042', status: 'cancelled' },
    TaskWebhook: taskTold,
  },
  operations: {
    'POST /webhook-deliveries/{event_id}/redeliver': {
      answer: {
        ...delivery,
        status: 'pending',
        next_try_at: '2026-11-22T09:30:00.000Z',
        finished_at: null,
      } satisfies WebhookDeliveryView,
    },
    'POST /dead-letters/{job_id}/discard': {
      answer: {
        ...letter,
        state: 'discarded',
        resolved_at: '2026-11-22T10:00:00.000Z',
        resolved_by: 'k7f3a9c2d1e4',
        reason: 'the prompt is longer than the context window',
      } satisfies DeadLetterView,
    },
  },
};
