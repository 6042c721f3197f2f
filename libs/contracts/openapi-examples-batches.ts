import type { BatchRequest, BatchView } from './openai/batches.js';
import type { FileView } from './openai/files.js';
import type { ExamplesOf } from './openapi-examples-of.js';

const FILE_ID = 'file-6f1c9d2e3b574c1a9e0d2a4b8c6d0e1f';
const OUTPUT_ID = 'file-0a1b2c3d4e5f40718293a4b5c6d7e8f9';
const BATCH_ID = 'batch_b7a1f0c452d84e398a6b9c0d1e2f3a4b';
const CREATED = 1_795_338_000;
const LINE = {
  custom_id: 'kenya',
  method: 'POST',
  url: '/v1/chat/completions',
  body: { model: 'llama3.2-1b@us', messages: [{ role: 'user', content: 'What is the capital of Kenya?' }] },
};

const file: FileView = {
  id: FILE_ID,
  object: 'file',
  bytes: 18_204,
  created_at: CREATED,
  expires_at: CREATED + 30 * 86_400,
  filename: 'capitals.jsonl',
  purpose: 'batch',
  status: 'processed',
};
const request: BatchRequest = {
  input_file_id: FILE_ID,
  endpoint: '/v1/chat/completions',
  completion_window: '24h',
  metadata: { study: 'capitals' },
};
const batch: BatchView = {
  id: BATCH_ID,
  object: 'batch',
  endpoint: '/v1/chat/completions',
  errors: null,
  input_file_id: FILE_ID,
  completion_window: '24h',
  status: 'completed',
  output_file_id: OUTPUT_ID,
  error_file_id: null,
  created_at: CREATED,
  in_progress_at: CREATED + 1,
  expires_at: CREATED + 86_400,
  finalizing_at: CREATED + 640,
  completed_at: CREATED + 641,
  failed_at: null,
  expired_at: null,
  cancelling_at: null,
  cancelled_at: null,
  request_counts: { total: 120, completed: 120, failed: 0 },
  metadata: { study: 'capitals' },
  model: 'llama3.2-1b@us',
};
const pageOf = (item: FileView | BatchView): object => ({
  object: 'list',
  data: [item],
  first_id: item.id,
  last_id: item.id,
  has_more: false,
});

/** Files and batches. */
export const BATCH_EXAMPLES: ExamplesOf = {
  schemas: {
    FileUpload: { file: `${JSON.stringify(LINE)}\n`, purpose: 'batch' },
    File: file,
    FileList: pageOf(file),
    FileDeleted: { id: FILE_ID, object: 'file', deleted: true },
    BatchRequest: request,
    Batch: batch,
    BatchList: pageOf(batch),
    BatchErased: { id: BATCH_ID, object: 'batch', erased: true },
  },
  texts: {
    'GET /v1/files/{file_id}/content': { 'application/octet-stream': `${JSON.stringify(LINE)}\n` },
  },
};
