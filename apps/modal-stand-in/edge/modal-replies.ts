/**
 * What Modal says instead of the function. Clients classify by status and text, so of a text that was seen not a letter
 * may differ; of `queue_full` only the middle was seen. `rate_limited`, `internal_error` and `no_ready_container` are in our
 * words, because Modal's are not known. `application_error` is not Modal's either: it is what the framework of a deployed
 * application says.
 */
interface ModalReply {
  readonly status: number;
  readonly text: string;
  /**
   * Where it arises, in the order of rule 2. `workspace`: everything is gone, health and results included.
   * `budget`: the workspace takes no new calls. `app`: the deployment is gone, health and results included. `edge`:
   * this call is turned away before it reaches a container. `container`: the input had started.
   */
  readonly arises: 'workspace' | 'budget' | 'app' | 'edge' | 'container';
}

/** Rule 6: what Modal sets. */
const DEFAULT_QUEUE_LIMIT = 2000;

/** Rules 6 and 26. @param limit the limit that was reached */
export function queueFullText(limit: number): string {
  return `modal-http: Function reached pending input queue limit (${limit})`;
}

export const MODAL_REPLIES = {
  /** Rule 1. */
  invalid_function_call: { status: 404, text: 'modal-http: invalid function call', arises: 'app' },
  stopped: { status: 404, text: 'modal-http: app for invoked web endpoint is stopped', arises: 'app' },
  workspace_disabled: {
    status: 404,
    text: 'modal-http: workspace ac-standin0000000000000 is disabled',
    arises: 'workspace',
  },
  spend_limit: {
    status: 429,
    text: 'modal-http: Webhook failed: workspace billing cycle spend limit reached',
    arises: 'budget',
  },
  /** Rule 3. */
  missing_credentials: {
    status: 401,
    text: 'modal-http: missing credentials for proxy authorization',
    arises: 'edge',
  },
  invalid_credentials: {
    status: 401,
    text: 'modal-http: invalid credentials for proxy authorization',
    arises: 'edge',
  },
  /** Rule 4. */
  prohibited_header: { status: 400, text: 'modal-http: prohibited modal header', arises: 'edge' },
  /** Rule 5; our wording. */
  rate_limited: { status: 429, text: 'modal-http: rate limit exceeded', arises: 'edge' },
  queue_full: { status: 429, text: queueFullText(DEFAULT_QUEUE_LIMIT), arises: 'edge' },
  /** Rule 14. */
  bad_redirect_method: { status: 400, text: 'modal-http: bad redirect method', arises: 'edge' },
  /** Rules 15 and 23; the one text without the prefix. */
  missing_request: {
    status: 408,
    text: 'Missing request, possibly due to expiry or cancellation',
    arises: 'edge',
  },
  /** Rule 16. */
  timed_out: {
    status: 500,
    text: 'modal-http: internal error: function execution timed out',
    arises: 'container',
  },
  /** Rule 21. */
  crashed: {
    status: 500,
    text: 'modal-http: internal error: function was terminated by signal',
    arises: 'container',
  },
  /** Rule 22. */
  lost_input: {
    status: 500,
    text: 'modal-http: internal error: Server has lost track of input',
    arises: 'container',
  },
  /** An exception in the application, as FastAPI answers it. */
  application_error: { status: 500, text: 'Internal Server Error', arises: 'edge' },
  /** Our wording, which no client knows: it must treat it as transient once. */
  internal_error: { status: 500, text: 'modal-http: internal error', arises: 'edge' },
  /** Only `@app.server` deployments send the status; our wording. */
  no_ready_container: { status: 503, text: 'modal-http: no ready container', arises: 'edge' },
} as const satisfies Record<string, ModalReply>;

export type ModalReplyName = keyof typeof MODAL_REPLIES;
export const MODAL_REPLY_NAMES = Object.keys(MODAL_REPLIES) as readonly ModalReplyName[];
