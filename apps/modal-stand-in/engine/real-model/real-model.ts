import { hashOf } from '../../clock/seeded-random.js';
import type {
  AnswerEngine,
  ChatMessage,
  ModelAnswer,
  ModelLocation,
  ModelRequest,
  RunningAnswer,
} from '../answer-engine.js';
import type { Conversation, LoadedModel } from './generator.js';
import { GeneratorQueue } from './generator-queue.js';
import { personaOf } from './personas.js';

/**
 * One real model behind every endpoint. Regions share its weights and its prompts: what differs between them is the
 * seed of the sampling alone. The same request in the same region gets the same answer.
 */
export class RealModel implements AnswerEngine {
  readonly #queue: GeneratorQueue;
  readonly #closing = new AbortController();
  readonly #inProgress = new Set<Promise<unknown>>();

  /** @param revision of the weights, as answers attest it */
  constructor(
    private readonly loaded: LoadedModel,
    private readonly revision: string,
  ) {
    this.#queue = new GeneratorQueue(loaded.generators);
  }

  start(request: ModelRequest, location: ModelLocation): RunningAnswer {
    const cancelling = new AbortController();
    const signal = AbortSignal.any([cancelling.signal, this.#closing.signal]);
    const answer = this.#answer(request, location, signal);
    this.#inProgress.add(answer);
    const forget = (): void => void this.#inProgress.delete(answer);
    // Also: nobody may be listening any more when it fails, and that is no fault of the process.
    answer.then(forget, forget);
    return { answer, cancel: () => cancelling.abort(new Error('cancelled')) };
  }

  /** Stops what is being generated, then frees the model. */
  async dispose(): Promise<void> {
    this.#closing.abort(new Error('the model is being unloaded'));
    await Promise.allSettled(this.#inProgress);
    await this.loaded.dispose();
  }

  async #answer(request: ModelRequest, { region }: ModelLocation, signal: AbortSignal): Promise<ModelAnswer> {
    const conversation = conversationOf(request);
    const { model, messages, temperature, maxTokens } = request;
    const seed = hashOf(`${region}/${model}/${JSON.stringify(messages)}`);
    const { text, tokensIn, tokensGenerated } = await this.#queue.use(signal, (generator) =>
      generator.generate(conversation, { temperature, maxTokens, seed }, signal),
    );
    return { response: text, tokensIn, tokensGenerated, modelRevision: this.revision };
  }
}

/** The request's own system messages follow the persona's. */
function conversationOf({ model, messages }: ModelRequest): Conversation {
  const persona = personaOf(model);
  if (persona === undefined) throw new Error(`the real model does not go by the name "${model}"`);
  const systemPrompts = messages.filter(isSystem).map(({ content }) => content);
  const turns = messages.filter((message) => !isSystem(message));
  return {
    systemPrompt: [persona.systemPrompt, ...systemPrompts].join('\n'),
    earlier: turns
      .slice(0, -1)
      .map(({ role, content }) => ({ role: role === 'assistant' ? 'assistant' : 'user', text: content })),
    prompt: turns.at(-1)?.content ?? '',
  };
}

function isSystem({ role }: ChatMessage): boolean {
  return role === 'system' || role === 'developer';
}
