import { CHANGE_CAUSES, CONTROL_KINDS, JOB_STATES } from '#domain';
import { z } from 'zod';

/** A call has begun. Sent at once; the heartbeat repeats it in case this is lost. */
export const startedSchema = z.object({
  job_id: z.uuid(),
  epoch: z.int().min(1),
  dispatcher_id: z.string(),
  /** Milliseconds since the call began, by the dispatcher's monotonic clock. */
  running_ms: z.number().min(0),
});
export type Started = z.infer<typeof startedSchema>;

export const heartbeatSchema = z.object({
  dispatcher_id: z.string(),
  region: z.string(),
  calls: z.array(startedSchema.omit({ dispatcher_id: true })).max(10_000),
  /** Tickets it works on whose call is not in flight: about to be made, or ended with an outcome that NATS has not stored yet. */
  at_work: z
    .array(startedSchema.pick({ job_id: true, epoch: true }))
    .max(10_000)
    .optional(),
});
export type Heartbeat = z.infer<typeof heartbeatSchema>;

export const cancelSchema = z.object({ job_id: z.uuid(), epoch: z.int().min(1) });
export type Cancel = z.infer<typeof cancelSchema>;

/** An endpoint reported that the call of an attempt has ended. A hint: whoever waits for it asks at once. */
export const callEndedSchema = z.object({ job_id: z.uuid(), attempt: z.int().min(1) });
export type CallEnded = z.infer<typeof callEndedSchema>;

export const withdrawSchema = z.object({ job_id: z.uuid(), epoch: z.int().min(1) });
export const withdrawReplySchema = z.object({
  /** The ticket is gone, and no call was made; otherwise its call has begun. */
  given_back: z.boolean(),
  /** NATS may have given it to another besides, who is at work on it. */
  may_be_held: z.boolean().optional(),
  /** Who says so. Absent: an older dispatcher. */
  dispatcher_id: z.string().max(200).optional(),
});
export type WithdrawReply = z.infer<typeof withdrawReplySchema>;

/** Something about operators' controls changed. A hint: readers that miss one poll. */
export const controlEventSchema = z.object({
  change_id: z.int(),
  kind: z.enum(CONTROL_KINDS),
  target: z.string(),
  cause: z.enum(CHANGE_CAUSES),
  in_force: z.boolean(),
});
export type ControlEvent = z.infer<typeof controlEventSchema>;

export const ticketCheckSchema = z.object({
  job_id: z.uuid(),
  epoch: z.int().min(1),
  /** Absent: of an older dispatcher. */
  attempt: z.int().min(1).optional(),
  /** The dispatcher that asks. Absent: an older one. */
  dispatcher_id: z.string().max(200).optional(),
  /** The same. There where the ticket came back: somebody else may have worked on it. */
  redelivered_to: z.string().max(200).optional(),
  /** NATS cannot tell whether somebody has it who neither gave it back nor fell silent. */
  may_be_held: z.boolean().optional(),
});
export type TicketCheck = z.infer<typeof ticketCheckSchema>;
export const ticketCheckReplySchema = z.object({
  /** The ticket is the job's current one, and the job is not over. */
  wanted: z.boolean(),
  /** The ticket is the current one of a job that is over: its call is to be ended and reported as cancelled. */
  ended: z.boolean(),
  /** The same attempt has a newer ticket, whose holder tells of the attempt's calls. */
  superseded: z.boolean().optional(),
  /** Its slot is among those whose calls may be in flight. */
  may_begin: z.boolean(),
});
export type TicketCheckReply = z.infer<typeof ticketCheckReplySchema>;

export const probeSchema = z.object({ endpoint_id: z.string() });
export const probeReplySchema = z.object({
  healthy: z.boolean(),
  /** Nothing is known yet: the endpoint has been asked, and is waited for. */
  pending: z.boolean().optional(),
  detail: z.string(),
});
export type ProbeReply = z.infer<typeof probeReplySchema>;

/** One process's metrics, as its registry spells them; read by the registry that adds them up. */
export const metricsReplySchema = z.array(z.looseObject({ name: z.string(), type: z.string() })).max(1000);

/** A job changed state. A hint: readers that miss one poll. */
export const jobEventSchema = z.object({
  job_id: z.uuid(),
  from: z.enum(JOB_STATES).nullable(),
  to: z.enum(JOB_STATES),
  attempt: z.int().min(0),
  region: z.string().optional(),
  endpoint_id: z.string().optional(),
  code: z.string().optional(),
});
export type JobEventMessage = z.infer<typeof jobEventSchema>;

export const runEventHintSchema = z.object({ run_id: z.uuid() });
