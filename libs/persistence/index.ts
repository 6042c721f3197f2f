export { LOCK_BATCHES, LOCK_TRIALS } from './advisory-locks.js';
export { Database, type DatabaseOptions, type Queryable } from './database.js';
export { CharterDatabase } from './charter-database.js';
export { isRefusedRow } from './refused-row.js';
export {
  readCharterAttempts,
  readCharterJob,
  type CharterAttempt,
  type CharterJob,
} from './sql/charter/charter-jobs.js';
export {
  findCharterGates,
  findCharterRun,
  listCharterRuns,
  type CharterRun,
} from './sql/charter/charter-runs.js';
export {
  findTask,
  findTaskJob,
  listTasks,
  type TaskFilter,
  type TaskOwner,
  type TaskRow,
} from './sql/charter/tasks.js';
export { AttemptEntity } from './entities/attempt.entity.js';
export { JobEntity, type StoredResult } from './entities/job.entity.js';
export {
  SLOT_LEASE_MS,
  admitJobs,
  nextRetryDueMs,
  readAwaitedCandidates,
  readCandidates,
  readTenantShares,
  TENANTS_PER_LOOK,
  type LookedUntil,
  readEndpoints,
  type AdmittedJob,
} from './sql/admission.js';
export { setAwaited } from './sql/awaited-jobs.js';
export { addToTotals, cancelJob, type CancelledJob } from './sql/cancel-job.js';
export {
  changeControl,
  findTicketsNotBegun,
  latestChangeToUndo,
  listChanges,
  listDueControls,
  readChange,
  readControls,
  readSettingInForce,
  type ControlsInForce,
  type StoredChange,
  type WantedChange,
} from './sql/controls.js';
export { writeEndpointRecords } from './sql/endpoint-states.js';
export {
  claimWindowChange,
  confirmWindowChange,
  postponeWindowChange,
  readRecentAttempts,
  readWarmth,
  type StoredWarmth,
  type WindowChange,
} from './sql/endpoint-warmth.js';
export { addExecutionTimes, readExecutionTimes, type ExecutionSample } from './sql/execution-times.js';
export {
  insertApiKey,
  keepFileKey,
  readApiKeys,
  readKeysStamp,
  retireApiKey,
  revokeApiKey,
  type ApiKeyRow,
  type NewApiKey,
} from './sql/api-keys.js';
export { appendAudit, readAudit, type AuditEntry, type StoredAuditEntry } from './sql/audit-log.js';
export {
  findJobsByIdempotencyKey,
  insertJobs,
  type IdempotencyName,
  type JobOfKey,
  type NewJob,
} from './sql/insert-jobs.js';
export {
  hasIdledOut,
  readIdledOut,
  readLedgerFacts,
  type CalledJob,
  type IdleOut,
  type LedgerFacts,
  type StoredMeter,
} from './sql/ledger/ledger-facts.js';
export {
  readLedger,
  readSpentToday,
  summariseLedger,
  type LedgerEntry,
  type LedgerFilter,
  type LedgerOrder,
  type LedgerGroup,
  type LedgerSums,
  type LedgerSummary,
} from './sql/ledger/read-ledger.js';
export type { NewLedgerEntry } from './sql/ledger/new-entry.js';
export { recordEntries } from './sql/ledger/record-entries.js';
export { readCurrentAttempt, readJobTenant } from './sql/job-tenant.js';
export { markStarted, type SignOfLife, type StartedJob } from './sql/mark-started.js';
export {
  countJobsAhead,
  countOpenJobs,
  readRegionTotals,
  type JobsAhead,
  type QueueCount,
  type TenantBacklog,
  type RegionTotals,
} from './sql/queue-view.js';
export {
  countOpenRuns,
  countSilentSlots,
  readBudgetedRuns,
  readDailyBudgetShares,
  type BudgetedRun,
} from './sql/gauges.js';
export {
  countDeadLetters,
  discardLetters,
  findDeadLetter,
  groupDeadLetters,
  listDeadLetters,
  lockDeadLetter,
  lockOpenDeadLetters,
  markPoison,
  readDeadAttempts,
  redriveLetters,
  tallyDeadLetters,
  type DeadAttemptRow,
  type DeadLetterFilter,
  type DeadLetterGroupRow,
  type DeadLetterRow,
  type DeadLetterTally,
  type LockedDeadLetter,
  type RedrivenJob,
} from './sql/dead-letters.js';
export {
  EVERYTHING,
  beginRunErasure,
  completeTenantErasure,
  deleteExpiredWebhooks,
  eraseCells,
  eraseJobs,
  eraseLineage,
  eraseRedriven,
  eraseQuestions,
  findExpiredJobs,
  findExpiredRuns,
  findHalfErasedRuns,
  finishRunErasure,
  listOpenTenantErasures,
  listTenantJobs,
  listTenantRuns,
  readCallPlaces,
  readLineage,
  readRunErasure,
  requestTenantErasure,
  type CallPlace,
  type ContentHashes,
  type Contents,
  type ErasedCells,
  type ErasedKin,
  type TenantErasure,
} from './sql/retention.js';
export {
  forgetTakers,
  noteTaker,
  readSuspect,
  readSuspectAttempt,
  type SuspectAttempt,
  type SuspectTicket,
} from './sql/suspects.js';
export { claimTicket, readHolding, type TicketHolding } from './sql/held-tickets.js';
export {
  dropSlot,
  expireJobs,
  extendSlot,
  findCallsToCancel,
  findSilentSlots,
  finishCancelling,
  checkTicket,
  reissueTicket,
  returnTicket,
  type ExpiredJob,
  type OverdueCancellation,
  type SilentSlot,
} from './sql/reconcile.js';
export {
  keepStrayOutcomes,
  lockSettlingJobs,
  readEarlierFailures,
  settleJobs,
  type Settlement,
  type SettlingJob,
  type StrayOutcome,
} from './sql/settle-jobs.js';
export { RunEntity, type RunPair, type StoredRunPlan, type StoredRunSpec } from './entities/run.entity.js';
export { RunGateEntity } from './entities/run-gate.entity.js';
export {
  cancelPendingCells,
  countClosedCells,
  finishRun,
  listRunsToDrive,
  requestEnding,
  setRunStatus,
  startRun,
} from './sql/runs/change-run.js';
export { expireGate } from './sql/runs/expire-gate.js';
export { listOverdueGates, openGate, readGates, recordGateDecision, type GateRow } from './sql/runs/gates.js';
export {
  countUnfinishedRuns,
  findRunByIdempotencyKey,
  insertRun,
  type NewGate,
  type NewQuestion,
  type NewRun,
} from './sql/runs/insert-run.js';
export { makeCells } from './sql/runs/make-cells.js';
export { lockRun, type LockedRun } from './sql/runs/lock-run.js';
export {
  readCellContents,
  readOpenWindow,
  readSubmittedCells,
  type CellContent,
  type SubmittedCell,
  type WindowCell,
} from './sql/runs/open-cells.js';
export { listWaitingGates, type WaitingGateRow } from './sql/runs/list-waiting-gates.js';
export { findRun, findRunGates, listRuns, readRunTenant } from './sql/runs/read-run.js';
export {
  appendRunEvents,
  readLastSeqs,
  readRunEvents,
  type NewRunEvent,
  type StoredRunEvent,
} from './sql/runs/run-events.js';
export {
  claimWebhooks,
  shareOf,
  countWebhooks,
  readWebhookBacklog,
  settleWebhook,
  type ClaimedWebhook,
  type DeliveryShares,
  type WebhookBacklog,
  type WebhookSettlement,
  type WebhookTally,
} from './sql/webhooks/webhook-deliveries.js';
export {
  findDelivery,
  listDeliveries,
  readDeliveryTenant,
  redeliver,
  type DeliveryFilter,
  type WebhookDelivery,
  type WebhookDeliveryDetails,
} from './sql/webhooks/list-deliveries.js';
export { RunLocks } from './sql/runs/run-locks.js';
export {
  countCells,
  countCellsOfRuns,
  countOpenOfQuestion,
  readQuestionIds,
  type PairProgress,
  type QuestionProgress,
  type RunProgress,
  type RunTotals,
  type StateCounts,
} from './sql/runs/run-progress.js';
export { readBudgetFacts } from './sql/runs/read-budget-facts.js';
export { countOpenByPart, readRunCalls, type OpenOfPart } from './sql/runs/run-remaining.js';
export {
  readInSnapshot,
  readReceiptCells,
  readReceiptGates,
  readReceiptRun,
  readRunTurns,
  tallyCells,
  type ReceiptAttemptRow,
  type ReceiptCellRow,
  type ReceiptGateRow,
  type ReceiptJobRow,
  type ReceiptRunRow,
  type ReceiptStrayRow,
  type RunTurnRow,
  type RegionTally,
} from './sql/runs/read-receipt.js';
export {
  addReceiptKey,
  readActiveReceiptKey,
  readRetiredReceiptKeys,
  type ActiveReceiptKey,
} from './sql/runs/receipt-keys.js';
export { hasJobsInFlight, pauseRun, resumeRun, setParked } from './sql/runs/pause-run.js';
export { addRepeats, reopenRun, retryCells, type Extension } from './sql/runs/reopen-run.js';
export {
  closeUnaffordableCells,
  readCallsOfJobs,
  readSettledSpending,
  setRunBudget,
  writeSpending,
} from './sql/runs/run-spending.js';
export { readSkews } from './sql/runs/run-skew.js';
export { readComparedCells, type ComparedCell } from './sql/runs/read-comparison.js';
export { readCellStates, type QuestionCells } from './sql/runs/read-cell-states.js';
export {
  readPlannedTimeline,
  readTimeline,
  type StoredInterval,
  type StoredPlannedLane,
} from './sql/runs/read-timeline.js';
export {
  findRunQuestion,
  readQuestionsByNo,
  readRunQuestions,
  type RunQuestion,
} from './sql/runs/run-questions.js';
export { readResults, type CellResult } from './sql/runs/run-results.js';
export {
  acceptAnswers,
  closeCells,
  completeQuestions,
  putCellsBack,
  readTriesBefore,
  type AcceptedAnswer,
  type FailedCell,
  type ResubmittedCell,
  type SettledCell,
} from './sql/runs/settle-cells.js';
export {
  markSubmitting,
  recordJobIds,
  type MadeJob,
  type RecordedSubmission,
} from './sql/runs/submit-cells.js';
export { countWaiting, type WaitingCounts } from './sql/count-waiting.js';
export {
  appendChunk,
  beginFile,
  deleteExpiredFiles,
  deleteFile,
  deleteTenantFiles,
  dropAbandonedFiles,
  dropFile,
  findFile,
  finishFile,
  listFiles,
  readBytes,
  readChunk,
  readFileTenant,
  readStoredFiles,
  type FileFilter,
  type FileRow,
  type NewFile,
} from './sql/files.js';
export {
  countUnfinishedBatches,
  dropEndedLines,
  eraseBatch,
  eraseExpiredBatches,
  findBatch,
  findKeyedBatch,
  insertBatch,
  listBatches,
  listTenantBatches,
  listUnfinishedBatches,
  lockBatch,
  moveBatch,
  readBatchTenant,
  takeBatch,
  type BatchAsks,
  type BatchChange,
  type BatchErrorRow,
  type BatchIdempotency,
  type BatchRow,
  type BatchTally,
  type BatchUsageRow,
  type HeldBatch,
  type NewBatch,
} from './sql/batches/batches.js';
export {
  adoptJobs,
  clearLines,
  countOutcomes,
  dropLines,
  findDuplicateLines,
  insertLines,
  readEndedLines,
  readJobsGoing,
  readLinesUnderWay,
  readUnaskedLines,
  recordAsked,
  recordOutcomes,
  recordUnasked,
  type AskedLine,
  type DuplicateLine,
  type EndedLine,
  type LineRefusal,
  type LinesUnderWay,
  type NewLine,
  type UnaskedLine,
} from './sql/batches/batch-lines.js';
export {
  dropUnkeyed,
  giveUpUnkeyed,
  holdUnkeyed,
  releaseUnkeyed,
  renewUnkeyed,
  settleUnkeyed,
  type RequestLikeness,
  type UnkeyedRequest,
} from './sql/unkeyed-requests.js';
