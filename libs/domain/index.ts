export {
  LOCAL_CALLER,
  LOCAL_TENANT,
  ROLES,
  actorOf,
  hasRole,
  limitsFor,
  maySee,
  seesAllTenants,
  visibleTenant,
  type Caller,
  type KeyLimits,
  type Role,
} from './access.js';
export { textStart } from './text-start.js';
export { faceOf, type Face } from './face.js';
export {
  CHANGE_CAUSES,
  CONTROL_KINDS,
  CONTROL_MODES,
  NO_ORDERS,
  controlValueOf,
  endpointTarget,
  isDirectMode,
  ordersOf,
  planUndo,
  regionTarget,
  singleRegionOf,
  type ChangeCause,
  type Control,
  type ControlChange,
  type ControlKind,
  type ControlMode,
  type ControlState,
  type ControlValue,
  type StandingOrders,
  type UndoPlan,
} from './controls.js';
export {
  ATTEMPT_ERRORS,
  ATTEMPT_ERROR_CODES,
  CELL_ERROR_CODES,
  JOB_ERRORS,
  JOB_ERROR_CODES,
  REQUEST_ERRORS,
  traitsOf,
  type AttemptErrorCode,
  type CellErrorCode,
  type ErrorCode,
  type FailureScope,
  type JobErrorCode,
  type RequestErrorCode,
} from './errors.js';
export {
  JOB_STATES,
  PRIORITIES,
  REGION_POLICIES,
  TERMINAL_STATES,
  isTerminal,
  statusOf,
  type AttemptStatus,
  type JobState,
  type JobStatus,
  type Priority,
  type RegionPolicy,
  type TerminalState,
} from './job.js';
export {
  DEAD_LETTER_GROUPS,
  DEAD_LETTER_STATES,
  REDRIVE_SKIPS,
  judgeRedrive,
  nextRedriveStep,
  type DeadLetterGroup,
  type DeadLetterState,
  type RedriveFacts,
  type RedriveSkip,
} from './dead-letter.js';
export {
  POISON_LETTERS,
  blamesPayload,
  judgeReturnedTicket,
  type ReturnedTicket,
  type SuspicionVerdict,
} from './suspicion.js';
export {
  DISPATCHER_DOUBT_MS,
  HEARTBEAT_MS,
  HOLDER_SILENCE_MS,
  REGION_SILENCE_MS,
  isRegionDown,
  mayBeGivenAway,
  wouldBeHeard,
} from './signs-of-life.js';
export { planForSilentSlot, type SilentSlotFacts, type SilentSlotPlan } from './silent-slot.js';
export { arrows, nextState, type JobEvent } from './lifecycle.js';
export { backoffMs, type BackoffPolicy } from './backoff.js';
export {
  planAfterFailure,
  type FailedAttempt,
  type Failure,
  type RetryPlan,
  type RetryPolicy,
} from './retry-plan.js';
export {
  CELL_STATES,
  REQUESTED_ORDERS,
  RUN_ORDERS,
  RUN_STATUSES,
  chooseOrder,
  finalStatus,
  isRunFinished,
  resumedStatus,
  type CellCounts,
  type CellState,
  type OpenCellState,
  type RequestedOrder,
  type RunEnding,
  type RunOrder,
  type RunStatus,
} from './runs/run.js';
export {
  GATE_OUTCOMES,
  GATE_STATUSES,
  judgeGateDecision,
  type GateDecision,
  type GateStatus,
  type GateVerdict,
} from './runs/gate.js';
export { mulberry32 } from './mulberry32.js';
export { canonicalJson } from './canonical-json.js';
export { judgeExtension, judgeRetry, type ReopenVerdict, type ReopenedRun } from './runs/reopen.js';
export {
  callsPerJob,
  committedUse,
  withinBudget,
  type Affordable,
  type BudgetFacts,
  type CallBounds,
  type RunBudget,
} from './runs/budget.js';
export type { CallTarget, OpenCall } from './runs/open-call.js';
export {
  addCalls,
  budgetFacts,
  startGaps,
  type BudgetRows,
  type OpenCellCalls,
  type StartGap,
} from './runs/budget-facts.js';
export {
  costRateOf,
  gpuPaidFor,
  spentInAll,
  type CostRate,
  type DecidedCall,
  type EndedCall,
  type EndpointSpending,
  type GpuUse,
} from './runs/spending.js';
export { cellKey, isCellKey, runKeyPrefix } from './runs/cell-key.js';
export { mayAnswer } from './runs/may-answer.js';
export {
  WEBHOOK_EVENT_TYPES,
  WEBHOOK_STATUSES,
  isRunWebhookEvent,
  type JobWebhookEvent,
  type RunWebhookEvent,
  type TaskWebhookEvent,
  type WebhookStatus,
} from './webhook-events.js';
export { canKeepTogether, keepTogether } from './runs/skew.js';
export { systemPromptOf, type PromptsByRegion } from './runs/system-prompt.js';
export { findRefusal } from './runs/refusal.js';
export { similarityOf, wordPairsOf, wordsOf, type WordPairs } from './runs/similarity.js';
export { nextCells, type NextCells, type OpenCell, type RunGate } from './runs/next-cells.js';
export {
  CELL_RETRY_POLICY,
  planAfterCellFailure,
  type CellFailurePlan,
  type CellRetryPolicy,
} from './runs/cell-retry.js';
export {
  hasEndedTurn,
  planAdmissionAndHandover,
  type AdmissionPlan,
  type HandoverPolicy,
  drainedToRelease,
} from './gpu-handover.js';
export { TenantTurns, aheadUnderFairness, drawFairly, type TenantShare, type Turns } from './fair-share.js';
export { TokenBucket, type BucketSize } from './token-bucket.js';
export { ANY_LANE, endpointLane, laneOf, type Lane } from './lane.js';
export { orderKeyMs, type AgeingPolicy } from './priority.js';
export {
  ENDPOINT_STATES,
  FRESH_ENDPOINT,
  afterCancellation,
  afterFailure,
  afterProbe,
  afterRelease,
  afterReleaseRefused,
  afterSuccess,
  afterWaking,
  afterWorkspaceFailure,
  capacityOf,
  endpointState,
  holdsGpu,
  isLive,
  mayServe,
  startsNoContainer,
  type Breaker,
  type BreakerPolicy,
  type EndpointRecord,
  type EndpointSpec,
  type EndpointState,
  type EndpointView,
} from './endpoint.js';
export {
  demandOf,
  lanesOf,
  planAdmission,
  waitingForGpu,
  type Assignment,
  type Candidate,
  type LaneDemand,
} from './admission.js';
export {
  WARM_MODES,
  WARM_REASONS,
  WARM_SETTINGS,
  decideWarmth,
  keepWarmSum,
  sumOf,
  windowOf,
  type KeepWarmSum,
  type RecentAttempt,
  type WarmDecision,
  type WarmFacts,
  type WarmMode,
  type WarmPolicy,
  type WarmReason,
  type WarmSetting,
} from './warm-policy.js';
export { median, quantile, spreadOf, upperQuantile, type Spread } from './quantile.js';
export {
  WAIT_CAUSES,
  estimateWaitMs,
  explainWait,
  whyWaits,
  type AssumedTimes,
  type ExpectedTimes,
  type WaitCause,
  type WaitingJob,
} from './wait.js';
export { BUDGET_BANDS, budgetBand, shareOfBudget, type BudgetBand } from './budget-use.js';
export { isModalUrl, workspaceOf } from './workspace.js';
export {
  QUESTION_ORDERS,
  cellSeed,
  shuffledBySeed,
  type QuestionOrder,
  type SampledCell,
} from './runs/seeds.js';
export {
  WEBHOOK_FAILURE_CODES,
  WEBHOOK_RETRY_POLICY,
  planAfterWebhookFailure,
  type WebhookFailureCode,
  type WebhookRetryPlan,
  type WebhookRetryPolicy,
} from './webhook-retry.js';
export { BUILT_IN_PRICES_FROM, GPU_USD_PER_S, REGION_MULTIPLIERS } from './gpu-cost.js';
export {
  BUILT_IN_PRICES,
  gpuUsdPerS,
  priceTableOf,
  pricesAt,
  type PriceChange,
  type PriceTable,
  type Prices,
} from './ledger/prices.js';
export {
  billingOf,
  costOf,
  decimalUsd,
  gpuCostMicroUsd,
  type BilledUse,
  type Billing,
  type Cost,
} from './ledger/cost.js';
export {
  FRESH_METER,
  chargeCall,
  chargeTail,
  containerAfter,
  splitGpuMs,
  type Charge,
  type IdleTime,
  type Meter,
  type MeteredCall,
} from './ledger/meter.js';
export { CALL_OUTCOMES, LEDGER_KINDS, type CallOutcome, type LedgerKind } from './ledger/entry.js';
export {
  learnPairTimes,
  type LearnedSamples,
  type PairTimes,
  type TimeSource,
} from './planner/pair-times.js';
export { type PlanInput, type PlannedEndpoint, type PlannedPair } from './planner/plan-input.js';
export { type Interval, type IntervalState } from './planner/container-timeline.js';
export { type EndpointTimeline, type OrderPlan } from './planner/order-plan.js';
export { coarseTimeline } from './planner/coarse-timeline.js';
export { forecastRun, type BestOrder, type RunForecast } from './planner/plan-orders.js';
export { remainingMs, type CallInFlight, type CellsLeft } from './planner/remaining-time.js';
export {
  choosePlannedOrder,
  judgeFeasibility,
  type ChosenOrder,
  type Feasibility,
  type PlanLimits,
} from './planner/choose-order.js';
export {
  BATCH_EVENTS,
  BATCH_STATUSES,
  UNFINISHED_BATCH_STATUSES,
  batchArrows,
  completionWindowS,
  endOfBatch,
  isBatchFinished,
  nextBatchStatus,
  type BatchEvent,
  type BatchStatus,
  type LineCounts,
} from './batches/batch.js';
export {
  BATCH_ENDPOINTS,
  outcomeOfJob,
  outcomeUnasked,
  keptWords,
  readBatchLine,
  waitsForRoom,
  type BatchEndpoint,
  type FramedLine,
  type LineFault,
  type LineFaultCode,
  type LineOutcome,
  type ReadLine,
} from './batches/batch-line.js';
