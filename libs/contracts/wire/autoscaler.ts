import { z } from 'zod';

/** Longest that a platform may be given to give up its idle containers. */
export const RELEASE_TIMEOUT_S_MAX = 60;
/** What the answer to a release may take on top of the release: the CPU gateway may have to start. */
export const RELEASE_MARGIN_S = 10;

/**
 * What a dispatcher is to tell an endpoint's platform. The dispatcher does it, because it is in the region and holds
 * the endpoint's secrets.
 */
export const autoscalerRequestSchema = z.discriminatedUnion('action', [
  z.object({
    action: z.literal('release'),
    endpoint_id: z.string(),
    timeout_s: z.number().positive().max(RELEASE_TIMEOUT_S_MAX),
  }),
  z.object({
    action: z.literal('set_window'),
    endpoint_id: z.string(),
    scaledown_window_s: z.number().min(0).max(86_400),
  }),
]);
export type AutoscalerRequest = z.infer<typeof autoscalerRequestSchema>;

/**
 * Why the platform was told nothing, or nobody knows whether it was. `not_configured`: the endpoint has no
 * `autoscaler_url`, or is not this dispatcher's. `refused`: it answered, and not with 200. `unreachable`: no answer
 * came. `invalid`: the answer is not what the protocol says.
 */
export const AUTOSCALER_ERRORS = ['not_configured', 'refused', 'unreachable', 'invalid'] as const;

export const autoscalerReplySchema = z.discriminatedUnion('kind', [
  /** `released`: the platform says that no container is left. Otherwise one is at work, or did not go in time. */
  z.object({ kind: z.literal('release'), released: z.boolean(), containers: z.int().min(0) }),
  z.object({
    kind: z.literal('window'),
    scaledown_window_s: z.number().min(0),
    containers: z.int().min(0),
  }),
  /** `detail` is for people. */
  z.object({ kind: z.literal('error'), error: z.enum(AUTOSCALER_ERRORS), detail: z.string() }),
]);
export type AutoscalerReply = z.infer<typeof autoscalerReplySchema>;
