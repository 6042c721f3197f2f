import type { Timer } from '../clock/clock.js';
import type { EndpointSettings } from '../configuration/endpoint-settings.js';
import type { ModalReplyName } from '../edge/modal-replies.js';
import type { ModelAnswer, ModelRequest, RunningAnswer } from '../engine/answer-engine.js';
import type { CallPlan, ContainerFault } from '../faults/call-plan.js';
import type { Container } from './container.js';

/** How a call ended inside the platform. */
export type CallEnd =
  | {
      readonly kind: 'answered';
      readonly answer: ModelAnswer;
      readonly containerId: string;
      readonly coldStart: boolean;
      /** Real seconds: what a container measures of its work is told to callers, on their clock. */
      readonly inferenceS: number;
    }
  | { readonly kind: 'model_error'; readonly error: string }
  | { readonly kind: 'failed'; readonly reply: ModalReplyName }
  | { readonly kind: 'cancelled' };

/** One input: accepted once, ended once. */
export class Call {
  state: 'queued' | 'running' | 'ended' = 'queued';
  end: CallEnd | undefined;
  container: Container<Call> | undefined;
  /** Rule 17: the answer is sent while it is made. */
  isStreamed = false;
  /** Simulated seconds the current run will take; a streamed answer is spread over them. */
  plannedS = 0;
  /** Told of every start of a run; only streams listen, so that other calls pay nothing. */
  onStart: (() => void) | undefined;
  /** Told when the run was broken off and the call waits again. */
  onReturn: (() => void) | undefined;
  /** It was told to stop and has its grace left. */
  isCancelling = false;
  coldStart = false;
  /** Simulated ms; of the last run, should the input be run again. */
  startedMs = 0;
  running: RunningAnswer | undefined;
  timer: Timer | undefined;
  /** The fault that ends its run; used up by the run it ends. */
  containerFault: ContainerFault | undefined;

  /**
   * @param id `fc-…`, as in the header `modal-function-call-id`
   * @param key the caller's idempotency key; Modal ignores it, the account shows it
   * @param receivedMs simulated ms
   * @param isSpawned rule 26: a job; nobody's connection keeps it alive
   */
  constructor(
    readonly id: string,
    readonly endpoint: EndpointSettings,
    readonly key: string | undefined,
    readonly request: ModelRequest,
    readonly plan: CallPlan,
    readonly receivedMs: number,
    readonly isSpawned = false,
  ) {
    this.containerFault = plan.container;
  }
}
