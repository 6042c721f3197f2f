import { RUN_STATUSES } from '#domain';
import { z } from 'zod';

export const TIMELINE_STATES = ['warming', 'busy', 'idle', 'running'] as const;

export const timelineIntervalSchema = z.object({
  /** `running`: a call that goes on; whether it meets a cold start is known when it ends. */
  state: z.enum(TIMELINE_STATES),
  from_s: z.number(),
  to_s: z.number(),
  /** That ended within it; those of the same state that lie close together are one interval. */
  calls: z.int(),
});

export const plannedIntervalSchema = z.object({
  state: z.enum(['warming', 'busy', 'idle']),
  from_s: z.number(),
  to_s: z.number(),
});

const lane = {
  regions: z.array(z.string()),
  models: z.array(z.string()),
  calls: z.int(),
  failed_calls: z.int(),
  intervals: z.array(timelineIntervalSchema),
  /** As the plan had it when the run was submitted; empty where it had nothing here. */
  planned: z.array(plannedIntervalSchema),
};

export const timelineLaneSchema = z.object({ endpoint_id: z.string(), ...lane });
export type TimelineLaneView = z.infer<typeof timelineLaneSchema>;

/** Answer of `GET /runs/{id}/timeline`: what the run's containers did, against its plan. Seconds count from `zero_at`. */
export const runTimelineSchema = z
  .object({
    run_id: z.uuid(),
    status: z.enum(RUN_STATUSES),
    /** When the run began; when it was submitted, where it has not. */
    zero_at: z.iso.datetime(),
    /** Until then the calls are told. */
    as_of: z.iso.datetime(),
    gpu_limit: z.int(),
    planned_makespan_s: z.number().nullable(),
    lanes: z.array(timelineLaneSchema),
    /** Some intervals are left out, done or planned ones. */
    truncated: z.boolean(),
  })
  .meta({ id: 'RunTimeline' });
export type RunTimelineView = z.infer<typeof runTimelineSchema>;
