import type { Call } from './call.js';
import type { Container } from './container.js';

/** How a call ended, in the account's words; beyond these, the name of a Modal reply. */
export type Outcome = string;

/** Everything that happens, as it happens. The account knows nothing else. */
export type SimulationEvent =
  | { readonly kind: 'call_received'; readonly call: Call }
  | { readonly kind: 'call_refused'; readonly call: Call; readonly outcome: Outcome }
  | { readonly kind: 'call_started'; readonly call: Call; readonly container: Container }
  /** Its container died under it; it is back in the queue. */
  | { readonly kind: 'call_returned'; readonly call: Call; readonly container: Container }
  /** `container` where it was running. */
  | {
      readonly kind: 'call_ended';
      readonly call: Call;
      readonly container: Container | undefined;
      readonly outcome: Outcome;
    }
  | { readonly kind: 'caller_hung_up'; readonly call: Call }
  | { readonly kind: 'call_redirected'; readonly call: Call }
  | { readonly kind: 'result_requested'; readonly call: Call }
  /** Rule 26: a spawn with a key that has a job already. */
  | { readonly kind: 'job_spawned_again'; readonly call: Call }
  | { readonly kind: 'job_polled'; readonly call: Call }
  /** One try. */
  | { readonly kind: 'callback_sent' }
  /** Delivered, or given up after the last try. */
  | { readonly kind: 'callback_ended'; readonly isDelivered: boolean }
  /** It holds a GPU from here. */
  | { readonly kind: 'container_booting'; readonly container: Container }
  | { readonly kind: 'container_ready'; readonly container: Container }
  | { readonly kind: 'container_gone'; readonly container: Container; readonly heldGpu: boolean };

export type EventSink = (event: SimulationEvent) => void;
