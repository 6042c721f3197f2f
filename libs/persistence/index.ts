export { Database, type DatabaseOptions, type Queryable } from './database.js';
export { AttemptEntity } from './entities/attempt.entity.js';
export { JobEntity, type StoredResult } from './entities/job.entity.js';
export {
  SLOT_LEASE_MS,
  admitJobs,
  lockAdmission,
  nextRetryDueMs,
  readCandidates,
  readEndpoints,
  type AdmittedJob,
} from './sql/admission.js';
export { addToTotals, cancelJob, type CancelledJob } from './sql/cancel-job.js';
export { writeEndpointRecords } from './sql/endpoint-states.js';
export {
  addExecutionTimes,
  readExecutionTimes,
  type ExecutionSample,
  type LearnedTimes,
} from './sql/execution-times.js';
export { findJobsByIdempotencyKey, insertJobs, type NewJob } from './sql/insert-jobs.js';
export { markStarted, type SignOfLife, type StartedJob } from './sql/mark-started.js';
export {
  countJobsAhead,
  countOpenJobs,
  readRegionTotals,
  type QueueCount,
  type RegionTotals,
} from './sql/queue-view.js';
export {
  dropSlot,
  expireJobs,
  extendSlot,
  findCallsToCancel,
  findSilentSlots,
  isTicketWanted,
  reissueTicket,
  returnTicket,
  type ExpiredJob,
  type OverdueCancellation,
  type SilentSlot,
} from './sql/reconcile.js';
export {
  keepStrayOutcomes,
  lockSettlingJobs,
  settleJobs,
  type Settlement,
  type SettlingJob,
  type StrayOutcome,
} from './sql/settle-jobs.js';
