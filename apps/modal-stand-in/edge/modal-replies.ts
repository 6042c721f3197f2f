/** Texts as Modal sends them; clients classify by status and text, so not a letter may differ. */
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
  /** Rule 5; Modal's own wording is not known. */
  rate_limited: { status: 429, text: 'modal-http: rate limit exceeded', arises: 'edge' },
  /** Rules 6 and 26; the number is the limit that was reached. */
  queue_full: {
    status: 429,
    text: 'modal-http: Function reached pending input queue limit (2000)',
    arises: 'edge',
  },
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
  /** A text no client knows: it must treat it as transient once. */
  internal_error: { status: 500, text: 'modal-http: internal error', arises: 'edge' },
  /** Only `@app.server` deployments send it. */
  no_ready_container: { status: 503, text: 'modal-http: no ready container', arises: 'edge' },
} as const satisfies Record<string, ModalReply>;

export type ModalReplyName = keyof typeof MODAL_REPLIES;
export const MODAL_REPLY_NAMES = Object.keys(MODAL_REPLIES) as readonly ModalReplyName[];
