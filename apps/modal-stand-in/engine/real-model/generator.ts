/** One turn of a conversation, as chat models know them. */
export interface Turn {
  readonly role: 'user' | 'assistant';
  readonly text: string;
}

export interface Conversation {
  readonly systemPrompt: string;
  readonly earlier: readonly Turn[];
  /** What is to be answered. */
  readonly prompt: string;
}

export interface Sampling {
  readonly temperature: number;
  readonly maxTokens: number;
  /** The same conversation with the same seed and sampling gets the same answer. */
  readonly seed: number;
}

export interface Generated {
  readonly text: string;
  readonly tokensIn: number;
  readonly tokensGenerated: number;
}

/** Works on one conversation at a time. */
export interface Generator {
  /** Rejects with the signal's reason once it has really stopped. */
  generate(conversation: Conversation, sampling: Sampling, signal: AbortSignal): Promise<Generated>;
}

/** A model in memory, and as many generators as may work at the same time. */
export interface LoadedModel {
  readonly generators: readonly Generator[];
  dispose(): Promise<void>;
}
