export interface ChatMessage {
  readonly role: string;
  readonly content: string;
}

/** What a model is asked. */
export interface ModelRequest {
  readonly model: string;
  readonly messages: readonly ChatMessage[];
  readonly temperature: number;
  readonly maxTokens: number;
  /** Of the sampling; without effect at temperature 0. */
  readonly seed?: number;
}

/** Where it runs. */
export interface ModelLocation {
  readonly endpointId: string;
  readonly region: string;
}

export interface ModelAnswer {
  readonly response: string;
  readonly tokensIn: number;
  readonly tokensGenerated: number;
  /** Revision of the weights that answered. */
  readonly modelRevision: string;
}

/** An answer in the making. */
export interface RunningAnswer {
  /** A promise from an engine that really computes; a rejection becomes `{"status":"error"}`. */
  readonly answer: ModelAnswer | Promise<ModelAnswer>;
  /** The input was cancelled: stop computing. */
  cancel?(): void;
}

/**
 * What stands behind the endpoints. The simulation decides when an answer may leave; an engine that takes
 * longer than the simulated execution delays it further.
 */
export interface AnswerEngine {
  start(request: ModelRequest, location: ModelLocation): RunningAnswer;
}
