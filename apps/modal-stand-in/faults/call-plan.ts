import type { ModalReplyName } from '../edge/modal-replies.js';

/** What happens to a call instead of being accepted. */
export type ArrivalFault =
  | { readonly kind: 'status'; readonly body: ModalReplyName; readonly retryAfterS?: number | undefined }
  | { readonly kind: 'reset' }
  | { readonly kind: 'hang' };

/** How the container's work on it ends, other than with an answer. */
export type ContainerFault =
  | { readonly kind: 'never_ends' }
  | {
      readonly kind: 'dies';
      readonly afterwards: 'reschedule' | ModalReplyName;
      readonly preempted: boolean;
    };

/** What becomes of the answer after the work was done. */
export type AnswerFault =
  | { readonly kind: 'status'; readonly body: ModalReplyName; readonly retryAfterS?: number | undefined }
  | { readonly kind: 'reset' }
  | { readonly kind: 'truncated' }
  | { readonly kind: 'model_error'; readonly error: string };

/** The faults that strike one call, drawn once when it arrives. */
export interface CallPlan {
  readonly faultIds: readonly string[];
  /** Simulated seconds added to the execution. */
  readonly delayS: number;
  readonly attests?: string;
  readonly arrival?: ArrivalFault;
  readonly container?: ContainerFault;
  readonly answer?: AnswerFault;
}

export const NO_FAULTS: CallPlan = { faultIds: [], delayS: 0 };
