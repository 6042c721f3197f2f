/** A deployment that the suite is run against. Paths and timings differ from one to the other; nothing else may. */
export interface Target {
  /** A model's URL, as in the configuration's `endpoints[].url`. */
  urlOf(model: string): string;
  readonly healthUrl: string;
  /** Absent: it offers no job routes. */
  readonly jobsUrl?: string | undefined;
  /** Models to ask; at least one. */
  readonly models: readonly [string, ...string[]];
  /** Every name under which it may attest its region. */
  readonly regionNames: readonly string[];
  /** What it wants with every request; absent: it is public. */
  readonly credentials?: Readonly<Record<'modal-key' | 'modal-secret', string>> | undefined;
  /** Whether Modal's HTTP front, or its double, stands before the application. */
  readonly hasEdge: boolean;
  /** How long a call may take, a cold start included. */
  readonly callMs: number;
  stop(): Promise<void>;
}
