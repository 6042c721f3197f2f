export {
  LOCAL_CALLER,
  LOCAL_TENANT,
  ROLES,
  hasRole,
  maySee,
  seesAllTenants,
  type Caller,
  type KeyLimits,
  type Role,
} from './access.js';
export { textStart } from './text-start.js';
export { faceOf, type Face } from './face.js';
export {
  ATTEMPT_ERRORS,
  ATTEMPT_ERROR_CODES,
  CELL_ERRORS,
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
  RUN_ENDINGS,
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
  type CallTarget,
  type OpenCall,
  type RunBudget,
} from './runs/budget.js';
export { addCalls, budgetFacts, type BudgetRows, type OpenCellCalls } from './runs/budget-facts.js';
export {
  costRateOf,
  gpuPaidFor,
  spentInAll,
  type CostRate,
  type EndedCall,
  type EndpointSpending,
  type GpuUse,
} from './runs/spending.js';
export { cellKey, isCellKey, runKeyPrefix } from './runs/cell-key.js';
export { mayAnswer } from './runs/may-answer.js';
export { WEBHOOK_EVENT_TYPES, isWebhookEvent, type WebhookEventType } from './runs/webhook-events.js';
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
} from './gpu-handover.js';
export { ANY_LANE, laneOf, type Lane } from './lane.js';
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
export { estimateWaitMs, explainWait, type ExpectedTimes, type WaitingJob } from './wait.js';
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
export { GPU_USD_PER_S, REGION_MULTIPLIERS, gpuCostUsd, type GpuTime, type RegionPin } from './gpu-cost.js';
export {
  ASSUMED_TIMES,
  learnPairTimes,
  type LearnedSamples,
  type PairTimes,
  type TimeSource,
} from './planner/pair-times.js';
export { type PlanInput, type PlannedEndpoint, type PlannedPair } from './planner/plan-input.js';
export { type Interval, type IntervalState } from './planner/container-account.js';
export { type EndpointTimeline, type OrderPlan } from './planner/order-plan.js';
export { forecastRun, type BestOrder, type RunForecast } from './planner/plan-orders.js';
export { remainingMs, type CallInFlight, type CellsLeft } from './planner/remaining-time.js';
export {
  choosePlannedOrder,
  judgeFeasibility,
  type ChosenOrder,
  type Feasibility,
  type PlanLimits,
} from './planner/choose-order.js';
