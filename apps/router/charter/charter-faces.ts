import {
  batchErasedSchema,
  batchListSchema,
  batchSchema,
  charterCancelSchema,
  charterComparisonSchema,
  charterDeadLetterDetailSchema,
  charterDeadLetterListSchema,
  charterDeadLetterSchema,
  charterDeadLetterSummarySchema,
  charterDiscardedManySchema,
  charterForecastSchema,
  charterGateDecidedSchema,
  charterInferenceSchema,
  charterJobErasedSchema,
  charterJobStatusSchema,
  charterQuestionBankSchema,
  charterQueueStatusSchema,
  charterQueuedSchema,
  charterRedeliveredSchema,
  charterRedrivenManySchema,
  charterRedrivenSchema,
  charterRegionQueueSchema,
  charterRunCancelSchema,
  charterRunCellsSchema,
  charterRunCreatedSchema,
  charterRunErasedSchema,
  charterRunExtendSchema,
  charterRunListSchema,
  charterRunResultsSchema,
  charterRunRetrySchema,
  charterRunSchema,
  charterRunStateSchema,
  charterRunTimelineSchema,
  charterSignedReceiptSchema,
  charterWaitingGatesSchema,
  charterWebhookDeliveryDetailsSchema,
  charterWebhookDeliveryListSchema,
  charterWebhookDeliverySchema,
  fileDeletedSchema,
  fileListSchema,
  fileSchema,
  taskAcceptedSchema,
  taskCancelSchema,
  taskListSchema,
  taskSchema,
  chatCompletionSchema,
  openAiModelListSchema,
  openAiModelSchema,
  textCompletionSchema,
} from '#contracts';
import type { z } from 'zod';

/** How a route answers a customer: one document by a schema, or pieces, each of which was checked when it was made. */
export type CharterFace =
  | { readonly kind: 'document'; readonly schema: z.ZodType }
  | { readonly kind: 'stream'; readonly schema?: z.ZodType };

const document = (schema: z.ZodType): CharterFace => ({ kind: 'document', schema });
/** @param schema what the pieces make together, where that is JSON: for the description of the API */
const stream = (schema?: z.ZodType): CharterFace => ({
  kind: 'stream',
  ...(schema === undefined ? {} : { schema }),
});

/**
 * What a caller without the role `operate` is answered with, for every route that needs the role `submit` or `read`: a
 * test holds it against route-access.ts. Where a route has no face here, customers are refused.
 */
export const CHARTER_FACES: Readonly<Record<string, CharterFace>> = {
  'GET /queue/status': document(charterQueueStatusSchema),
  'GET /queue/status/{region}': document(charterRegionQueueSchema),

  'POST /inference/queued': document(charterQueuedSchema),
  'POST /inference': document(charterInferenceSchema),
  'POST /v1/inference': document(charterInferenceSchema),
  'GET /inference/status/{job_id}': document(charterJobStatusSchema),
  'DELETE /inference/{job_id}': document(charterCancelSchema),

  'GET /v1/models': document(openAiModelListSchema),
  'GET /v1/models/{model}': document(openAiModelSchema),
  'POST /v1/chat/completions': stream(chatCompletionSchema),
  'POST /v1/completions': stream(textCompletionSchema),

  'POST /runs': document(charterRunCreatedSchema),
  'POST /runs/plan': document(charterForecastSchema),
  'GET /runs': document(charterRunListSchema),
  'GET /questions': document(charterQuestionBankSchema),
  'GET /gates': document(charterWaitingGatesSchema),
  'GET /runs/{id}': document(charterRunSchema),
  'GET /runs/{id}/results': stream(charterRunResultsSchema),
  'GET /runs/{id}/events': stream(),
  'GET /runs/{id}/receipt': stream(charterSignedReceiptSchema),
  'GET /runs/{id}/comparison': document(charterComparisonSchema),
  'GET /runs/{id}/cells': document(charterRunCellsSchema),
  'GET /runs/{id}/timeline': document(charterRunTimelineSchema),
  'POST /runs/{id}/cancel': document(charterRunCancelSchema),
  'POST /runs/{id}/pause': document(charterRunStateSchema),
  'POST /runs/{id}/resume': document(charterRunStateSchema),
  'POST /runs/{id}/retry-failed': document(charterRunRetrySchema),
  'POST /runs/{id}/extend': document(charterRunExtendSchema),
  'POST /runs/{id}/gates/{gate}/approve': document(charterGateDecidedSchema),
  'POST /runs/{id}/gates/{gate}/reject': document(charterGateDecidedSchema),

  'POST /v1/files': document(fileSchema),
  'GET /v1/files': document(fileListSchema),
  'GET /v1/files/{file_id}': document(fileSchema),
  'GET /v1/files/{file_id}/content': stream(),
  'DELETE /v1/files/{file_id}': document(fileDeletedSchema),
  'POST /v1/batches': document(batchSchema),
  'GET /v1/batches': document(batchListSchema),
  'GET /v1/batches/{batch_id}': document(batchSchema),
  'POST /v1/batches/{batch_id}/cancel': document(batchSchema),
  'POST /v1/batches/{batch_id}/erase': document(batchErasedSchema),

  'GET /webhook-deliveries': document(charterWebhookDeliveryListSchema),
  'GET /webhook-deliveries/{event_id}': document(charterWebhookDeliveryDetailsSchema),
  'POST /webhook-deliveries/{event_id}/redeliver': document(charterWebhookDeliverySchema),
  'POST /webhook-deliveries/redeliver': document(charterRedeliveredSchema),

  'GET /dead-letters': document(charterDeadLetterListSchema),
  'GET /dead-letters/summary': document(charterDeadLetterSummarySchema),
  'GET /dead-letters/{job_id}': document(charterDeadLetterDetailSchema),
  'POST /dead-letters/redrive': document(charterRedrivenManySchema),
  'POST /dead-letters/discard': document(charterDiscardedManySchema),
  'POST /dead-letters/{job_id}/redrive': document(charterRedrivenSchema),
  'POST /dead-letters/{job_id}/discard': document(charterDeadLetterSchema),

  'POST /inference/{job_id}/erase': document(charterJobErasedSchema),
  'POST /runs/{id}/erase': document(charterRunErasedSchema),

  'POST /api/modal/execute-task': document(taskAcceptedSchema),
  'GET /tasks': document(taskListSchema),
  'GET /tasks/{task_id}': document(taskSchema),
  'DELETE /tasks/{task_id}': document(taskCancelSchema),
};
