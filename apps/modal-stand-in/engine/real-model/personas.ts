/** One way to ask the one real model: it goes by a name of its own, so that a router has several to choose from. */
export interface Persona {
  /** The model's name towards callers. */
  readonly model: string;
  readonly systemPrompt: string;
}

/** The same weights behind three prompts. The last stands where the demo has its large model: not in the US. */
export const PERSONAS: readonly [Persona, Persona, Persona] = [
  {
    model: 'smollm2-135m-plain',
    systemPrompt: 'You are a helpful assistant. Answer with the facts, in two or three sentences.',
  },
  {
    model: 'smollm2-135m-brief',
    systemPrompt: 'You are a helpful assistant. Answer in one short sentence.',
  },
  {
    model: 'smollm2-135m-teacher',
    systemPrompt:
      'You are a helpful teacher. Explain the answer to a student in simple English, in two or three sentences.',
  },
];

export const PERSONA_MODELS: readonly string[] = PERSONAS.map(({ model }) => model);

/** @returns `undefined` for a name that the real model does not go by */
export function personaOf(model: string): Persona | undefined {
  return PERSONAS.find((persona) => persona.model === model);
}
