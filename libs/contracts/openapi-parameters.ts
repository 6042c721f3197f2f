import { PRIORITIES, REGION_POLICIES } from '#domain';
import type { SchemaDocument } from './openapi-components.js';

interface Described {
  readonly description: string;
  readonly example?: string | number;
  readonly schema?: SchemaDocument;
}

export const JOB_ID = '6f1c9d2e-3b57-4c1a-9e0d-2a4b8c6d0e1f';
export const RUN_ID = 'b7a1f0c4-52d8-4e39-8a6b-9c0d1e2f3a4b';

/** By the first part of the path, where a name means something else in each, and by the name alone. */
const PATH: Readonly<Record<string, Described>> = {
  job_id: { description: 'Id of the job', example: JOB_ID },
  'runs.id': { description: 'Id of the run', example: RUN_ID },
  'endpoints.id': { description: 'Id of the endpoint in the configuration', example: 'eu-llama3.2-1b' },
  'operations.id': { description: 'Number of the change, or `latest`', example: '17' },
  gate: { description: 'Id of the gate: that of the question it comes after', example: 'q4' },
  region: { description: 'Name of the region, or one of its aliases', example: 'EU' },
  key_id: { description: 'Id of the key, which is its first part', example: 'k7f3a9c2d1e4' },
  event_id: {
    description: 'Id of the event, as in the header `webhook-id`',
    example: '3c2b1a09-8d7e-4f6a-b5c4-d3e2f1a0b9c8',
  },
  name: {
    description: 'Name of the setting, as `GET /operations/settings` lists it',
    example: 'limits.gpus',
  },
  tenant: { description: 'Name of the tenant', example: 'bias-lab' },
  task_id: {
    description: "The client's name for the task, or the id that it was given",
    example: 'nightly-042',
  },
  model: { description: 'A model, or `model@region`', example: 'llama3.2-1b@us' },
  file_id: { description: 'Id of the file', example: 'file-0a1b2c3d4e5f' },
  batch_id: { description: 'Id of the batch', example: 'batch_0a1b2c3d4e5f' },
};

const HEADERS: Readonly<Record<string, Described>> = {
  'Idempotency-Key': {
    description:
      'Makes the request safe to repeat: the same key and request is the same job, run, task or batch; with another request it is refused',
    example: 'bias-study-7/q1/US/1',
  },
  'Last-Event-ID': {
    description: 'Id of the last event that is known: the stream goes on after it. Left out: from the first',
    example: '41',
  },
  'X-Webhook-Secret': { description: 'The secret that deployments report with' },
  'X-Beacon-Region': { description: 'The preferred region, or one of its aliases', example: 'EU' },
  'X-Beacon-Region-Policy': {
    description: '`pin` never leaves the region, `prefer` fails over, `any` goes where it starts first',
    schema: { type: 'string', enum: REGION_POLICIES },
    example: 'pin',
  },
  'X-Beacon-Priority': {
    description: "Before or after the tenant's other jobs",
    schema: { type: 'string', enum: PRIORITIES },
    example: 'normal',
  },
  'X-Beacon-Deadline': {
    description: 'RFC 3339; after it the job is expired',
    schema: { type: 'string', format: 'date-time' },
    example: '2026-11-22T12:00:00Z',
  },
  'X-Beacon-Timeout-Ms': {
    description: 'Milliseconds for one call, from its start to its answer; waiting never counts',
    schema: { type: 'integer', minimum: 1 },
    example: 300_000,
  },
  'X-Beacon-Run-Id': {
    description: "The caller's own label of the run; kept with the job",
    example: 'bias-study-7',
  },
  'X-Beacon-Cell-Id': {
    description: "The caller's own label of the cell; kept with the job",
    example: 'q1/EU/1',
  },
  'X-Beacon-Keep-Alive': {
    description: 'Whether the connection is kept alive while the job waits; left out: `on`',
    schema: { type: 'string', enum: ['on', 'off'] },
    example: 'on',
  },
};

/** Of those that mean the same wherever they are; others are described in their schemas. */
const QUERY: Readonly<Record<string, string>> = {
  limit: 'Entries on one page, at most',
  cursor: '`next_cursor` of the page before; left out: the first page',
  after: 'Id of the last entry of the page before; left out: the first page',
  before: '`next` of the page before; left out: the first page',
  format: '`jsonl` and `csv` stream everything that matches',
  group_by: 'What is counted together',
  status: 'Only those with this status',
  state: 'Only those in this state',
  order: 'By the time they were made',
  purpose: 'Only those with this purpose',
  kind: 'Only entries of this kind',
  outcome: 'Only calls that ended so',
  event_type: 'Only events of this type',
  code: 'Only those with this error code',
  tenant: "Only this tenant's",
  key_id: "Only this key's",
  model: 'Only of this model',
  region: 'Only of this region',
  endpoint_id: 'Only of this endpoint',
  task_type: 'Only tasks of this type',
  owner_id: 'Only tasks that this owner answers for',
  job_id: 'Only of this job',
  run_id: 'Only of this run',
  poison: 'Whether the request seems to be the cause',
  repeat: 'Which repeat, from 1',
  question: 'Id of the question; left out: the first',
};

export function pathParameter(path: string, name: string): SchemaDocument {
  const [, place = ''] = path.split('/');
  return parameter(name, 'path', PATH[`${place}.${name}`] ?? PATH[name]);
}

export function headerParameter(name: string): SchemaDocument {
  return parameter(name, 'header', HEADERS[name]);
}

export function queryDescription(name: string): string | undefined {
  return QUERY[name];
}

/** One that nobody has described stands there without a description; a specification names it. */
function parameter(name: string, place: 'path' | 'header', described: Described | undefined): SchemaDocument {
  return {
    name,
    in: place,
    required: place === 'path',
    ...(described === undefined ? {} : { description: described.description }),
    schema: described?.schema ?? { type: 'string' },
    ...(described?.example === undefined ? {} : { example: described.example }),
  };
}
