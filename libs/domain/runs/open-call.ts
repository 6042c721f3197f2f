/** A cell's region and model. */
export interface CallTarget {
  readonly region: string;
  readonly model: string;
}

/** A cell in the router's hands. */
export interface OpenCall extends CallTarget {
  /** Calls that its job may still make, the one that is running included. */
  readonly callsLeft: number;
  /** The call that is running. */
  readonly running: { readonly endpointId: string; readonly startMs: number } | null;
  /** Unix ms since which its next call may begin: when it was decided on, or of a job that tries again, the end of its pause. */
  readonly decidedMs: number;
}
