import type { TerminalState } from './job.js';

/** Events of a run that its `webhook_url` is told of. */
const RUN_WEBHOOK_EVENTS = ['gate.waiting', 'gate.decided', 'run.budget_reached', 'run.finished'] as const;
export type RunWebhookEvent = (typeof RUN_WEBHOOK_EVENTS)[number];

/** Events of a job, and of one that came as a task: its end. */
const JOB_WEBHOOK_EVENTS = [
  'job.completed',
  'job.failed',
  'job.cancelled',
  'job.expired',
] as const satisfies readonly `job.${TerminalState}`[];
export type JobWebhookEvent = (typeof JOB_WEBHOOK_EVENTS)[number];
const TASK_WEBHOOK_EVENTS = [
  'task.completed',
  'task.failed',
  'task.cancelled',
  'task.expired',
] as const satisfies readonly `task.${TerminalState}`[];
export type TaskWebhookEvent = (typeof TASK_WEBHOOK_EVENTS)[number];

export const WEBHOOK_EVENT_TYPES = [
  ...RUN_WEBHOOK_EVENTS,
  ...JOB_WEBHOOK_EVENTS,
  ...TASK_WEBHOOK_EVENTS,
] as const;

export function isRunWebhookEvent(type: string): type is RunWebhookEvent {
  return RUN_WEBHOOK_EVENTS.some((told) => told === type);
}

/** `failed`: given up, a dead letter until somebody has it sent again. */
export const WEBHOOK_STATUSES = ['pending', 'delivered', 'failed'] as const;
export type WebhookStatus = (typeof WEBHOOK_STATUSES)[number];
