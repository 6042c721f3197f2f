/** What is known of a deployment before it is asked anything. Tests that it has no place for are not made. */
export interface Traits {
  /** It wants `Modal-Key` and `Modal-Secret`. */
  readonly isGuarded: boolean;
  readonly offersJobs: boolean;
  /** It can be told how long idle containers stay, and to give them up. */
  readonly offersAutoscaler: boolean;
  /** Modal's HTTP front, or its double, stands before the application. */
  readonly hasEdge: boolean;
  /** Nobody has called it before: its first answer is known to come from a cold start. */
  readonly isCold: boolean;
}

/** A deployment that the suite can be run against. */
export interface Candidate {
  readonly title: string;
  readonly traits: Traits;
  /** Limit of one test, and of starting it. */
  readonly limitMs: number;
  readonly start: () => Promise<Target>;
}

/** A deployment that runs. Paths and timings differ from one to the other; nothing else may. */
export interface Target {
  /** A model's URL, as in the configuration's `endpoints[].url`. */
  urlOf(model: string): string;
  readonly healthUrl: string;
  /** Absent: it offers no job routes. */
  readonly jobsUrl?: string | undefined;
  /** A model's autoscaler, as in the configuration's `endpoints[].autoscaler_url`; absent: it offers none. */
  readonly autoscalerUrlOf?: ((model: string) => string) | undefined;
  /** A scale-down window that it may be told, which a deployed one is left with. */
  readonly windowS: number;
  /** Models to ask; at least one. */
  readonly models: readonly [string, ...string[]];
  /** Every name under which it may attest its region. */
  readonly regionNames: readonly string[];
  /** What it wants with every request; absent: it is public. */
  readonly credentials?: Readonly<Record<'modal-key' | 'modal-secret', string>> | undefined;
  /** How long a call may take, a cold start included. */
  readonly callMs: number;
  /** How many jobs stand before one that must not end at once: where they cost nothing, longer than a machine stalls. */
  readonly jobsAhead: number;
  stop(): Promise<void>;
}

/** @returns what the suite leaves out, and why; a line each */
export function omissions({ isGuarded, offersJobs, offersAutoscaler, hasEdge, isCold }: Traits): string[] {
  return [
    ...(isGuarded ? [] : ['refused credentials: it is public, or MODAL_KEY and MODAL_SECRET are not set']),
    ...(offersJobs ? [] : ['jobs: it has no jobs_url']),
    ...(offersAutoscaler ? [] : ['the autoscaler: it has no autoscaler_url, or no jobs_url to keep it busy']),
    ...(hasEdge ? [] : ["Modal's front: there is none before it"]),
    ...(isCold ? [] : ['the cold start of the first call: it may be warm']),
  ];
}
