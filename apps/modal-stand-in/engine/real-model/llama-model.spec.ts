import { describe, expect, it } from '@jest/globals';
import type { Llama, LlamaBinding, LlamaHistoryItem, LlamaPromptOptions } from './llama-binding.js';
import { loadLlamaModel } from './llama-model.js';

/** A binding that answers at once, and what it was told. */
function aBinding({ loads = true }: { loads?: boolean } = {}) {
  const told = {
    threads: [] as number[],
    histories: [] as (readonly LlamaHistoryItem[])[],
    prompts: [] as [string, LlamaPromptOptions][],
    wrappersGiven: 0,
    sessionsOpen: 0,
    cleared: 0,
    disposed: 0,
  };
  const llama: Llama = {
    loadModel: async () => {
      if (!loads) throw new Error('illegal instruction\nand a long story');
      return {
        tokenize: (text) => text.split(' ').map(() => 1),
        createContext: async ({ threads }) => {
          told.threads.push(threads);
          let used = 0;
          return {
            getSequence: () => ({
              clearHistory: async () => void (told.cleared += 1),
              tokenMeter: {
                getState: () => ({ usedInputTokens: used, usedOutputTokens: used }),
                diff: (since) => ({
                  usedInputTokens: (used += 9) - since.usedInputTokens,
                  usedOutputTokens: 4,
                }),
              },
            }),
          };
        },
      };
    },
    dispose: async () => void (told.disposed += 1),
  };
  class Session {
    readonly chatWrapper = {};
    constructor({ chatWrapper }: { chatWrapper?: object }) {
      told.sessionsOpen += 1;
      if (chatWrapper !== undefined) told.wrappersGiven += 1;
    }
    setChatHistory(history: readonly LlamaHistoryItem[]): void {
      told.histories.push(history);
    }
    async prompt(text: string, options: LlamaPromptOptions): Promise<string> {
      told.prompts.push([text, options]);
      if (options.signal.aborted) throw options.signal.reason;
      return ' Paris. ';
    }
    dispose(): void {
      told.sessionsOpen -= 1;
    }
  }
  const binding: LlamaBinding = { getLlama: async () => llama, LlamaChatSession: Session };
  return { binding, told };
}

const CONVERSATION = {
  systemPrompt: 'Be brief.',
  earlier: [
    { role: 'user', text: 'Hi.' },
    { role: 'assistant', text: 'Hello.' },
  ],
  prompt: 'Capital of France?',
} as const;
const SAMPLING = { temperature: 0.2, maxTokens: 40, seed: 7 };
const never = new AbortController().signal;

describe('the model on node-llama-cpp', () => {
  it.each([
    [1, [1]],
    [2, [1, 1]],
    [16, [1, 1]],
  ])('on %d cores uses %j threads: never more than there are', async (cores, threads) => {
    const { binding, told } = aBinding();
    const { generators } = await loadLlamaModel(binding, 'model.gguf', cores);
    expect(told.threads).toEqual(threads);
    expect(generators).toHaveLength(threads.length);
  });

  it('starts each answer afresh, with the whole conversation and the seed', async () => {
    const { binding, told } = aBinding();
    const { generators } = await loadLlamaModel(binding, 'model.gguf', 1);
    for (const expected of [1, 2]) {
      const generated = await generators[0]!.generate(CONVERSATION, SAMPLING, never);
      expect(generated).toEqual({ text: 'Paris.', tokensIn: 9, tokensGenerated: 4 });
      expect(told.cleared).toBe(expected);
    }
    expect(told.histories[0]).toEqual([
      { type: 'system', text: 'Be brief.' },
      { type: 'user', text: 'Hi.' },
      { type: 'model', response: ['Hello.'] },
    ]);
    expect(told.prompts[0]).toMatchObject([
      'Capital of France?',
      { seed: 7, temperature: 0.2, maxTokens: 40 },
    ]);
    expect(told.prompts[0]![1].repeatPenalty.penalty).toBeGreaterThan(1);
    // How the model marks its turns is found out once.
    expect(told.wrappersGiven).toBe(2);
    expect(told.sessionsOpen).toBe(0);
  });

  it('refuses a prompt that does not fit, without generating', async () => {
    const { binding, told } = aBinding();
    const { generators } = await loadLlamaModel(binding, 'model.gguf', 1);
    for (const prompt of ['word '.repeat(3000), 'x'.repeat(1_000_000)]) {
      const asked = generators[0]!.generate({ ...CONVERSATION, prompt }, SAMPLING, never);
      await expect(asked).rejects.toThrow('too long');
    }
    expect(told.prompts).toEqual([]);
  });

  it('leaves no session open when it is stopped', async () => {
    const { binding, told } = aBinding();
    const { generators } = await loadLlamaModel(binding, 'model.gguf', 1);
    const stopped = AbortSignal.abort(new Error('cancelled'));
    await expect(generators[0]!.generate(CONVERSATION, SAMPLING, stopped)).rejects.toThrow('cancelled');
    expect(told.sessionsOpen).toBe(0);
  });

  it('frees what was loaded when the weights do not load, and says why in one line', async () => {
    const { binding, told } = aBinding({ loads: false });
    await expect(loadLlamaModel(binding, 'model.gguf', 1)).rejects.toThrow(
      /does not run on this machine \(illegal instruction\)$/,
    );
    expect(told.disposed).toBe(1);
  });
});
