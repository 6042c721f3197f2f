export * as subjects from './subjects.js';
export {
  chatMessageSchema,
  modelRequestSchema,
  ticketSchema,
  type ChatMessage,
  type ModelRequest,
  type Ticket,
} from './wire/ticket.js';
export {
  answerSchema,
  failureSchema,
  outcomeSchema,
  storedAttemptSchema,
  type Answer,
  type AttemptCalls,
  type BegunCall,
  type CallFailure,
  type Outcome,
  type OutcomeResult,
  type StoredAttempt,
} from './wire/outcome.js';
export {
  AUTOSCALER_ERRORS,
  RELEASE_MARGIN_S,
  RELEASE_TIMEOUT_S_MAX,
  autoscalerReplySchema,
  autoscalerRequestSchema,
  type AutoscalerReply,
  type AutoscalerRequest,
} from './wire/autoscaler.js';
export {
  callEndedSchema,
  cancelSchema,
  heartbeatSchema,
  jobEventSchema,
  metricsReplySchema,
  probeReplySchema,
  probeSchema,
  runEventHintSchema,
  startedSchema,
  ticketCheckReplySchema,
  ticketCheckSchema,
  controlEventSchema,
  withdrawReplySchema,
  type WithdrawReply,
  withdrawSchema,
  type ControlEvent,
  type CallEnded,
  type Cancel,
  type Heartbeat,
  type JobEventMessage,
  type ProbeReply,
  type Started,
  type TicketCheck,
  type TicketCheckReply,
} from './wire/control.js';
export {
  PROBLEMS,
  ProblemError,
  detailOf,
  parseRequest,
  problemSchema,
  problemType,
  type FieldError,
  type Problem,
} from './problems.js';
export { wordsOfIssue } from './issue-words.js';
export {
  DEFAULT_REQUEST_LIMITS,
  cancelResponseSchema,
  inferenceRequestSchema,
  inferenceResponseSchema,
  jobStatusSchema,
  queuedResponseSchema,
  storableText,
  type InferenceRequest,
  type InferenceResponse,
  type JobStatusView,
  type QueuedResponse,
  type RequestLimits,
} from './http/inference.js';
export { type RunBudgetRequest, type RunBudgetView } from './http/run-budget.js';
export {
  runExtendRequestSchema,
  runExtendSchema,
  runRetryRequestSchema,
  runRetrySchema,
  runStateSchema,
  type RunExtendView,
  type RunRetryView,
  type RunStateView,
} from './http/run-controls.js';
export {
  RESULT_FORMATS,
  cellResultSchema,
  gateDecidedSchema,
  runCancelSchema,
  runCreatedSchema,
  runListQuerySchema,
  runListSchema,
  runRequestSchema,
  runResultsQuerySchema,
  runViewSchema,
  type CellCountsView,
  type CellResultView,
  type GateDecidedView,
  type GateView,
  type RegionCountsView,
  type ResultFormat,
  type RunCancelView,
  type RunCreatedView,
  type RunListView,
  type RunPlanView,
  type RunRequest,
  type RunSummaryView,
  type RunTotalsView,
  type RunView,
} from './http/runs.js';
export { questionBankQuerySchema, questionBankSchema, type QuestionBankView } from './http/question-bank.js';
export { waitingGatesQuerySchema, waitingGatesSchema, type WaitingGatesView } from './http/waiting-gates.js';
export {
  runWebhookSchema,
  webhookSummarySchema,
  type RunWebhook,
  type WebhookSummaryView,
} from './http/run-webhooks.js';
export {
  jobWebhookSchema,
  taskWebhookSchema,
  type JobWebhook,
  type TaskWebhook,
} from './http/job-webhooks.js';
export {
  REDELIVER_MAX,
  deliveryListQuerySchema,
  redeliverRequestSchema,
  redeliveredSchema,
  webhookDeliveryDetailsSchema,
  webhookDeliveryListSchema,
  webhookDeliverySchema,
  type RedeliveredView,
  type WebhookDeliveryDetailsView,
  type WebhookDeliveryListView,
  type WebhookDeliveryView,
} from './http/webhook-deliveries.js';
export { orderPlanSchema, type OrderPlanView } from './http/order-plan.js';
export {
  plannedOrderSchema,
  runForecastSchema,
  runPlanRequestSchema,
  type PlannedOrderView,
  type RunForecastView,
} from './http/run-plan.js';
export {
  SIGNATURE_ALGORITHM,
  receiptKeySchema,
  receiptSchema,
  runTurnSchema,
  signedReceiptSchema,
  type Receipt,
  type ReceiptCell,
  type ReceiptCounts,
  type ReceiptKeyView,
  type ReceiptMissing,
  type ReceiptQuestion,
  type ReceiptSignature,
  type ReceiptStray,
  type ReceiptSubstitute,
  type SignedReceipt,
} from './http/receipts.js';
export { cellKey, checkReceipt } from './http/check-receipt.js';
export { runProgressEventSchema, type RunProgressEvent } from './http/run-progress-event.js';
export {
  COMPARISON_ANSWERS_MAX,
  comparisonQuerySchema,
  comparisonSchema,
  type ComparedAnswer,
  type ComparisonView,
} from './http/comparison.js';
export {
  CELLS_PAGE,
  CELL_LETTERS,
  runCellsQuerySchema,
  runCellsSchema,
  type RunCellsView,
} from './http/run-cells.js';
export { runTimelineSchema, type RunTimelineView, type TimelineLaneView } from './http/run-timeline.js';
export { charterRunCellsSchema, charterRunTimelineSchema } from './charter/run-overviews.js';
export {
  endpointViewSchema,
  healthSchema,
  livenessSchema,
  providerSchema,
  providersSchema,
  queueStatusSchema,
  readinessSchema,
  regionQueueSchema,
  type EndpointStatusView,
  type HealthView,
  type ModelTimesView,
  type ProviderView,
  type WarmthView,
  type QueueStatusView,
  type RegionQueueView,
} from './http/queue.js';
export {
  controlChangeSchema,
  controlChangesSchema,
  controlRequestSchema,
  drainRequestSchema,
  operationsSchema,
  orderedSchema,
  changedSchema,
  settingChangeSchema,
  settingSchema,
  settingsSchema,
  singleRegionRequestSchema,
  undoRequestSchema,
  warmRequestSchema,
  type ChangedView,
  type ControlChangeView,
  type ControlView,
  type OperationsView,
  type OrderedView,
  type SettingView,
} from './http/operations.js';
export { operationsOperations } from './openapi-operations.js';
export { callbackAcceptedSchema, callbackSchema, type CallbackAccepted } from './http/callbacks.js';
export { coreOperations, type Operation } from './openapi.js';
export { openApiDocument, type DocumentOptions } from './openapi-document.js';
export { runOperations } from './openapi-runs.js';
export { keyOperations } from './openapi-keys.js';
export { webhookOperations } from './openapi-webhooks.js';
export { deadLetterOperations } from './openapi-dead-letters.js';
export {
  deadLetterQuerySchema,
  deadLetterSummaryQuerySchema,
  deadLetterSummarySchema,
  discardManyRequestSchema,
  discardRequestSchema,
  discardedManySchema,
  receivedDeadLetterDetailSchema,
  receivedDeadLetterListSchema,
  receivedDeadLetterSchema,
  redriveRequestSchema,
  redrivenManySchema,
  redrivenSchema,
  type DeadLetterBodyFilter,
  type DeadLetterDetailView,
  type DeadLetterListView,
  type DeadLetterSummaryView,
  type DeadLetterView,
  type DiscardedManyView,
  type ReceivedDeadLetterDetail,
  type ReceivedDeadLetterList,
  type RedrivenManyView,
  type RedrivenView,
} from './http/dead-letters.js';
export {
  tenantEraseRequestSchema,
  type JobErasedView,
  type RunErasedView,
  type TenantErasedView,
} from './http/erasure.js';
export { serviceHeadersSchema, type ServiceHeaders } from './http/service.js';
export {
  auditListSchema,
  auditQuerySchema,
  keyCreatedSchema,
  keyLimitsSchema,
  keyListSchema,
  keyRequestSchema,
  keyRotationSchema,
  keySelfSchema,
  keyViewSchema,
  tenantSchema,
  type AuditListView,
  type KeyCreatedView,
  type KeyListView,
  type KeyRequest,
  type KeySelfView,
  type KeyView,
} from './http/keys.js';
export {
  LEDGER_FORMATS,
  LEDGER_ORDERS,
  LEDGER_SUMMARY_GROUPS,
  ledgerEntrySchema,
  ledgerPageSchema,
  ledgerQuerySchema,
  ledgerSummaryQuerySchema,
  ledgerSummarySchema,
  type LedgerEntryView,
  type LedgerFormat,
  type LedgerPage,
  type LedgerSummaryGroup,
  type LedgerSummaryView,
  type LedgerSumsView,
} from './http/ledger.js';
export { ledgerOperations } from './openapi-ledger.js';
export { runListOperations } from './openapi-run-lists.js';
export { taskOperations } from './openapi-tasks.js';
export { CharterFault, charterView, isCharterView, type CharterView } from './charter/charter-view.js';
export { FORBIDDEN_FIELDS, forbiddenFieldsIn } from './charter/forbidden.js';
export { errorSentence } from './charter/error-sentences.js';
export {
  charterCancelSchema,
  charterInferenceSchema,
  charterJobStatusSchema,
  charterQueuedSchema,
} from './charter/jobs.js';
export {
  charterQueueStatusSchema,
  charterRegionQueueSchema,
  type CharterRegionQueue,
} from './charter/queues.js';
export { charterForecastSchema, charterRunPlanSchema, type CharterRunPlan } from './charter/plans.js';
export {
  charterComparisonSchema,
  charterGateDecidedSchema,
  charterResultRowSchema,
  charterRunCancelSchema,
  charterRunCreatedSchema,
  charterRunExtendSchema,
  charterRunListSchema,
  charterRunResultsSchema,
  charterRunRetrySchema,
  charterRunSchema,
  charterRunStateSchema,
} from './charter/runs.js';
export { charterQuestionBankSchema, charterWaitingGatesSchema } from './charter/run-lists.js';
export { charterRunEventSchema, type CharterRunEvent } from './charter/run-events.js';
export {
  charterReceiptCellSchema,
  charterReceiptFrameSchema,
  charterReceiptStraySchema,
  charterSignedReceiptSchema,
  type CharterReceiptCell,
} from './charter/receipts.js';
export { charterProblemSchema } from './charter/problems.js';
export {
  charterDeadLetterDetailSchema,
  charterDeadLetterListSchema,
  charterDeadLetterSchema,
  charterDeadLetterSummarySchema,
  charterDiscardedManySchema,
  charterRedrivenManySchema,
  charterRedrivenSchema,
} from './charter/dead-letters.js';
export {
  charterRedeliveredSchema,
  charterWebhookDeliveryDetailsSchema,
  charterWebhookDeliveryListSchema,
  charterWebhookDeliverySchema,
} from './charter/webhook-deliveries.js';
export { charterJobErasedSchema, charterRunErasedSchema } from './charter/erasure.js';
export {
  taskAcceptedSchema,
  taskCancelSchema,
  taskListQuerySchema,
  taskListSchema,
  taskRequestSchema,
  taskSchema,
  type TaskRequest,
  type TaskStatus,
} from './charter/tasks.js';
export { openAiOperations } from './openapi-openai.js';
export {
  isOpenAiPath,
  openAiErrorOf,
  openAiErrorSchema,
  openAiFailureOf,
  openAiStatus,
  type JobFailure,
  type OpenAiError,
  type OpenAiErrorBody,
} from './openai/errors.js';
export {
  openAiModel,
  openAiModelListSchema,
  openAiModelSchema,
  pinnedName,
  readModelName,
  type KnownModels,
  type NamedModel,
  type OpenAiModel,
  type OpenAiModelList,
} from './openai/models.js';
export {
  chatChunkSchema,
  chatCompletionSchema,
  chatRequestSchema,
  type ChatChunk,
  type ChatCompletion,
  type ChatRequest,
} from './openai/chat.js';
export {
  PROMPTS_MAX,
  completionRequestSchema,
  textChunkSchema,
  textCompletionSchema,
  type CompletionRequest,
  type TextChunk,
  type TextCompletion,
} from './openai/completions.js';
export type { BeaconFacts, OpenAiUsage } from './openai/facts.js';
export { toldBy } from './openai/answers.js';
export { pageOf } from './openai/lists.js';
export {
  chatChunksOf,
  chatCompletionOf,
  factsOf,
  jobOfChat,
  jobsOfCompletion,
  textChunksOf,
  textCompletionOf,
  type AnsweredJob,
  type JobBody,
  type JobPlace,
} from './openai/jobs.js';
export {
  FILE_PURPOSES,
  OUTPUT_PURPOSE,
  expiresAfterSchema,
  fileDeletedSchema,
  fileFieldsSchema,
  fileIdOf,
  fileListQuerySchema,
  fileListSchema,
  fileSchema,
  fileUploadSchema,
  parseFileId,
  type FileView,
} from './openai/files.js';
export {
  batchErasedSchema,
  batchErrorSchema,
  batchIdOf,
  batchListQuerySchema,
  batchListSchema,
  batchRequestSchema,
  batchSchema,
  parseBatchId,
  type BatchRequest,
  type BatchView,
} from './openai/batches.js';
export { batchOperations } from './openapi-batches.js';
export { DOOR_HEADERS, noRegion, placeOf, readDoorHeaders, type DoorHeaders } from './openai/headers.js';
