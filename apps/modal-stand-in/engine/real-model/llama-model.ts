import type { Conversation, Generated, Generator, LoadedModel, Sampling } from './generator.js';
import {
  reasonOf,
  type Llama,
  type LlamaBinding,
  type LlamaChatWrapper,
  type LlamaHistoryItem,
  type LlamaModel,
  type LlamaSequence,
} from './llama-binding.js';
import { RealModelError } from './real-model-error.js';

/** What SmolLM2 was trained on. */
const CONTEXT_TOKENS = 2048;
/** Marks around the turns, and room for an answer. */
const RESERVED_TOKENS = 128;
/** No text has fewer tokens than one for this many characters; counting those of a huge one would block us. */
const CHARS_PER_TOKEN_MAX = 32;
/**
 * Generations at a time, each with one thread. Measured on two cores: two with a thread each make 96 tokens a second,
 * one with two threads 53. With more threads than cores they wait for each other so long that nothing ends.
 */
const MOST_GENERATORS = 2;
/** Without the penalty, a model this small begins to repeat itself at low temperatures. */
const SAMPLING = {
  topK: 40,
  topP: 0.9,
  minP: 0.05,
  trimWhitespaceSuffix: true,
  repeatPenalty: { penalty: 1.1, lastTokens: 64, penalizeNewLine: false },
} as const;

/**
 * Loads the weights and gets ready to generate.
 * @param cores that this process may use
 * @throws RealModelError
 */
export async function loadLlamaModel(
  binding: LlamaBinding,
  modelPath: string,
  cores: number,
): Promise<LoadedModel> {
  const count = Math.max(1, Math.min(MOST_GENERATORS, cores));
  let llama: Llama | undefined;
  try {
    llama = await binding.getLlama({
      // Apple's prebuilt binary is the one for Metal; with no layers on the GPU it computes on the CPU too.
      gpu: process.platform === 'darwin' && process.arch === 'arm64' ? 'metal' : false,
      ...{ build: 'never', skipDownload: true, progressLogs: false, logLevel: 'error', maxThreads: count },
    });
    const model = await llama.loadModel({ modelPath, gpuLayers: 0 });
    const generators: Generator[] = [];
    let wrapper: LlamaChatWrapper | undefined;
    for (let index = 0; index < count; index += 1) {
      const context = await model.createContext({ contextSize: CONTEXT_TOKENS, sequences: 1, threads: 1 });
      const sequence = context.getSequence();
      // Finding out how this model marks its turns blocks for half a second: once, and not for every answer.
      wrapper ??= wrapperFor(binding, sequence);
      generators.push(new LlamaGenerator(binding, model, sequence, wrapper));
    }
    const loaded = llama;
    return { generators, dispose: () => loaded.dispose() };
  } catch (cause) {
    await llama?.dispose().catch(() => undefined);
    throw new RealModelError(`the real model does not run on this machine (${reasonOf(cause)})`, { cause });
  }
}

function wrapperFor(binding: LlamaBinding, sequence: LlamaSequence): LlamaChatWrapper {
  const session = new binding.LlamaChatSession({ contextSequence: sequence });
  try {
    return session.chatWrapper;
  } finally {
    session.dispose();
  }
}

class LlamaGenerator implements Generator {
  constructor(
    private readonly binding: LlamaBinding,
    private readonly model: LlamaModel,
    private readonly sequence: LlamaSequence,
    private readonly chatWrapper: LlamaChatWrapper,
  ) {}

  async generate(conversation: Conversation, sampling: Sampling, signal: AbortSignal): Promise<Generated> {
    const { sequence, chatWrapper } = this;
    const history = historyOf(conversation);
    const room = CONTEXT_TOKENS - RESERVED_TOKENS - this.#tokensOf(conversation);
    if (room < 0) throw new Error(`the prompt is too long: the model takes ${CONTEXT_TOKENS} tokens`);
    await sequence.clearHistory();
    const before = sequence.tokenMeter.getState();
    const session = new this.binding.LlamaChatSession({ contextSequence: sequence, chatWrapper });
    try {
      session.setChatHistory(history);
      const text = await session.prompt(conversation.prompt, {
        ...SAMPLING,
        temperature: sampling.temperature,
        seed: sampling.seed,
        maxTokens: Math.min(sampling.maxTokens, RESERVED_TOKENS / 2 + room),
        signal,
      });
      const { usedInputTokens, usedOutputTokens } = sequence.tokenMeter.diff(before);
      return { text: text.trim(), tokensIn: usedInputTokens, tokensGenerated: usedOutputTokens };
    } finally {
      session.dispose();
    }
  }

  #tokensOf({ systemPrompt, earlier, prompt }: Conversation): number {
    const texts = [systemPrompt, ...earlier.map(({ text }) => text), prompt];
    const chars = texts.reduce((sum, { length }) => sum + length, 0);
    if (chars > CONTEXT_TOKENS * CHARS_PER_TOKEN_MAX) return Infinity;
    return texts.reduce((sum, text) => sum + this.model.tokenize(text).length, 0);
  }
}

function historyOf({ systemPrompt, earlier }: Conversation): LlamaHistoryItem[] {
  return [
    { type: 'system', text: systemPrompt },
    ...earlier.map(({ role, text }): LlamaHistoryItem =>
      role === 'user' ? { type: 'user', text } : { type: 'model', response: [text] },
    ),
  ];
}
