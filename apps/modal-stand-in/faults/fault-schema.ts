import { z } from 'zod';
import { MODAL_REPLIES, MODAL_REPLY_NAMES, type ModalReplyName } from '../edge/modal-replies.js';

const seconds = z.number().min(0).max(10_000_000);

/** Whom and when, for every kind of fault. Without `endpoint` and `region` it hits every endpoint. */
const aim = {
  endpoint: z.string().min(1).optional(),
  region: z.string().min(1).optional(),
  /** Active from this many simulated seconds after it was added. */
  start_after_s: seconds.default(0),
  /** Active for this many simulated seconds from its start; absent: until deleted. */
  for_s: seconds.optional(),
  /** This many matching calls pass unharmed first. */
  after_calls: z.int().min(0).default(0),
  /** Free text, shown in the list. */
  note: z.string().max(200).optional(),
};

/** For kinds that strike single calls. */
const dose = {
  ...aim,
  /** How many calls it hits; absent: all of them. */
  count: z.int().min(1).optional(),
  /** Share of matching calls it hits. */
  probability: z.number().gt(0).max(1).default(1),
  /** Decides which calls `probability` picks; default: the stand-in's seed. */
  seed: z.int().min(0).max(4_294_967_295).optional(),
};

/** `arrival`: instead of the work. `answer`: the work is done, then the answer is replaced. */
const at = z.enum(['arrival', 'answer']).default('arrival');

const statusFault = z
  .strictObject({
    kind: z.literal('status'),
    ...dose,
    status: z.int().optional(),
    body: z.enum(MODAL_REPLY_NAMES as [ModalReplyName, ...ModalReplyName[]]).optional(),
    at,
    /** Sent as `Retry-After`, in real seconds. Modal itself sends none. */
    retry_after_s: z.int().min(0).max(86_400).optional(),
  })
  .transform((fault, context) => {
    const named = fault.body ?? DEFAULT_BODIES[fault.status ?? -1];
    if (named === undefined) {
      const message = `needs one of ${Object.keys(DEFAULT_BODIES).join(', ')}, or a "body" by name`;
      context.addIssue({ code: 'custom', path: ['status'], message });
      return z.NEVER;
    }
    const { status } = MODAL_REPLIES[named];
    if (fault.status !== undefined && fault.status !== status) {
      const message = `"${named}" goes with status ${status}`;
      context.addIssue({ code: 'custom', path: ['status'], message });
      return z.NEVER;
    }
    return { ...fault, body: named, status };
  });

/** The body a bare status stands for. */
const DEFAULT_BODIES: Readonly<Record<number, ModalReplyName>> = {
  404: 'invalid_function_call',
  408: 'missing_request',
  429: 'rate_limited',
  500: 'application_error',
  503: 'no_ready_container',
};

export const faultSchema = z.discriminatedUnion('kind', [
  /** Adds simulated seconds to the execution. */
  z.strictObject({ kind: z.literal('delay'), ...dose, delay_s: seconds }),
  statusFault,
  /** Destroys the caller's connection. */
  z.strictObject({ kind: z.literal('reset'), ...dose, at }),
  /** Never answers, not even with 303, until the caller hangs up; holds no container. */
  z.strictObject({ kind: z.literal('hang'), ...dose }),
  /** The answer attests another region. */
  z.strictObject({ kind: z.literal('wrong_region'), ...dose, attests: z.string().min(1).default('us-west') }),
  /** The headers promise the whole answer; half of it comes, then the connection breaks. */
  z.strictObject({ kind: z.literal('truncated'), ...dose }),
  /** 200 `{"status":"error"}` after the work. */
  z.strictObject({
    kind: z.literal('model_error'),
    ...dose,
    error: z.string().min(1).default('CUDA out of memory (simulated)'),
  }),
  /** Rule 21: the container dies half-way through the input. */
  z.strictObject({
    kind: z.literal('crash'),
    ...dose,
    mode: z.enum(['reschedule', 'crashed', 'invalid_function_call']).default('crashed'),
  }),
  /** Rule 22: the container is taken away; the input runs again elsewhere, or is lost. */
  z.strictObject({
    kind: z.literal('preempt'),
    ...dose,
    mode: z.enum(['reschedule', 'lost_input']).default('reschedule'),
  }),
  /** The next containers need this much longer to load; `count` counts containers. */
  z.strictObject({ kind: z.literal('slow_start'), ...dose, delay_s: seconds }),
  /** Rule 23: a fresh container waits this long for the body of its first input, then answers 408. */
  z.strictObject({ kind: z.literal('missing_body'), ...dose, delay_s: seconds.default(5) }),
  /** Rule 10: no new container gets a GPU; running ones go on. */
  z.strictObject({ kind: z.literal('capacity_drought'), ...aim, gpu: z.string().min(1).optional() }),
  /** The region went away: calls, results and health fail, connections in progress break. */
  z.strictObject({
    kind: z.literal('unavailable'),
    ...aim,
    /** `silent`: connections are accepted and never answered, as behind a black hole. */
    mode: z.enum(['reset', 'silent']).default('reset'),
  }),
]);

export type FaultSpecification = z.output<typeof faultSchema>;
export type FaultInput = z.input<typeof faultSchema>;
