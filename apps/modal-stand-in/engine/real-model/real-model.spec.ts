import { describe, expect, it } from '@jest/globals';
import type { ModelAnswer, ModelRequest } from '../answer-engine.js';
import type { Conversation, Generated, Generator, LoadedModel, Sampling } from './generator.js';
import { PERSONAS, PERSONA_MODELS } from './personas.js';
import { RealModel } from './real-model.js';

/** One generation under way; the test says how it ends. */
interface Work {
  readonly conversation: Conversation;
  readonly sampling: Sampling;
  readonly signal: AbortSignal;
  finish(text?: string): void;
  fail(error: Error): void;
}

class FakeModel implements LoadedModel {
  readonly works: Work[] = [];
  readonly generators: readonly Generator[];
  atOnce = 0;
  mostAtOnce = 0;
  disposedWith: number | undefined;

  constructor(count: number) {
    this.generators = Array.from({ length: count }, () => ({ generate: this.generate.bind(this) }));
  }

  async dispose(): Promise<void> {
    this.disposedWith = this.atOnce;
  }

  private async generate(
    conversation: Conversation,
    sampling: Sampling,
    signal: AbortSignal,
  ): Promise<Generated> {
    this.atOnce += 1;
    this.mostAtOnce = Math.max(this.mostAtOnce, this.atOnce);
    try {
      return await new Promise((resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason as Error));
        this.works.push({
          ...{ conversation, sampling, signal },
          finish: (text = 'yes') => resolve({ text, tokensIn: 7, tokensGenerated: 3 }),
          fail: reject,
        });
      });
    } finally {
      this.atOnce -= 1;
    }
  }
}

const [plain] = PERSONAS;

const aRequest = (prompt: string, more: Partial<ModelRequest> = {}): ModelRequest => ({
  ...{ model: plain.model, messages: [{ role: 'user', content: prompt }], temperature: 0.2, maxTokens: 64 },
  ...more,
});

function anEngine(generators = 1) {
  const model = new FakeModel(generators);
  const engine = new RealModel(model, 'Tiny@sha256:abc');
  const ask = (prompt: string, region = 'US', more: Partial<ModelRequest> = {}) => {
    const running = engine.start(aRequest(prompt, more), { endpointId: 'e', region });
    return { answer: running.answer as Promise<ModelAnswer>, cancel: () => running.cancel?.() };
  };
  return { model, engine, ask };
}

/** Lets everything that can go on go on: nothing here waits for more than promises. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('the real model', () => {
  it('answers with what was generated, the tokens that were counted and the revision of the weights', async () => {
    const { model, ask } = anEngine();
    const { answer } = ask('What is 2+2?');
    await settled();
    model.works[0]!.finish('Four.');
    expect(await answer).toEqual({
      ...{ response: 'Four.', tokensIn: 7, tokensGenerated: 3, modelRevision: 'Tiny@sha256:abc' },
    });
  });

  it('goes by three names, which are three prompts', async () => {
    const { model, ask } = anEngine(PERSONAS.length);
    for (const name of PERSONA_MODELS) void ask('Who are you?', 'US', { model: name });
    await settled();
    const prompts = model.works.map(({ conversation }) => conversation.systemPrompt);
    expect(new Set(prompts).size).toBe(3);
    expect(PERSONA_MODELS.join()).not.toMatch(/llama|qwen|mistral/i);
  });

  it('answers under no other name', async () => {
    const { ask, model } = anEngine();
    await expect(ask('Who are you?', 'US', { model: 'llama3.2-1b' }).answer).rejects.toThrow('llama3.2-1b');
    expect(model.works).toHaveLength(0);
  });

  it('keeps the caller’s system prompt and the conversation before the question', async () => {
    const { ask, model } = anEngine();
    void ask('', 'US', {
      messages: [
        { role: 'system', content: 'Be kind.' },
        { role: 'user', content: 'Hi.' },
        { role: 'assistant', content: 'Hello!' },
        { role: 'user', content: 'Who are you?' },
      ],
    });
    await settled();
    expect(model.works[0]!.conversation).toEqual({
      systemPrompt: `${plain.systemPrompt}\nBe kind.`,
      earlier: [
        { role: 'user', text: 'Hi.' },
        { role: 'assistant', text: 'Hello!' },
      ],
      prompt: 'Who are you?',
    });
  });

  it('differs between regions by the seed alone, and the same region has the same seed again', async () => {
    const { ask, model } = anEngine(4);
    for (const region of ['US', 'EU', 'ASIA', 'US']) void ask('Who are you?', region);
    await settled();
    const seeds = model.works.map(({ sampling }) => sampling.seed);
    expect(new Set(seeds).size).toBe(3);
    expect(seeds[3]).toBe(seeds[0]);
    expect(new Set(model.works.map(({ conversation }) => JSON.stringify(conversation))).size).toBe(1);
  });

  it('works on as many answers as it has generators, the others in the order in which they came', async () => {
    const { ask, model } = anEngine(2);
    const answers = ['a', 'b', 'c', 'd', 'e'].map((prompt) => ask(prompt).answer);
    for (let done = 0; done < answers.length; done += 1) {
      await settled();
      model.works[done]!.finish();
    }
    await Promise.all(answers);
    expect(model.works.map(({ conversation }) => conversation.prompt)).toEqual(['a', 'b', 'c', 'd', 'e']);
    expect(model.mostAtOnce).toBe(2);
  });

  it('stops generating when the call is cancelled, and goes on with the next', async () => {
    const { ask, model } = anEngine();
    const first = ask('a');
    const second = ask('b');
    await settled();
    expect(model.works).toHaveLength(1);
    first.cancel();
    await expect(first.answer).rejects.toThrow('cancelled');
    await settled();
    expect(model.works[0]!.signal.aborted).toBe(true);
    expect(model.works[1]!.conversation.prompt).toBe('b');
    model.works[1]!.finish('B');
    expect((await second.answer).response).toBe('B');
  });

  it('never begins a call that was cancelled while it waited', async () => {
    const { ask, model } = anEngine();
    const answers = [ask('a'), ask('b'), ask('c')];
    await settled();
    answers[1]!.cancel();
    await expect(answers[1]!.answer).rejects.toThrow('cancelled');
    model.works[0]!.finish();
    await settled();
    expect(model.works.map(({ conversation }) => conversation.prompt)).toEqual(['a', 'c']);
  });

  it('fails the one answer that failed, whether anybody listens or not, and goes on', async () => {
    const { ask, model } = anEngine();
    void ask('nobody listens');
    const next = ask('b');
    await settled();
    model.works[0]!.fail(new Error('no memory'));
    await settled();
    model.works[1]!.fail(new Error('no memory either'));
    await expect(next.answer).rejects.toThrow('no memory either');
  });

  it('when it is disposed of, stops what runs and what waits, and only then frees the model', async () => {
    const { ask, engine, model } = anEngine();
    const answers = [ask('a').answer, ask('b').answer];
    await settled();
    await engine.dispose();
    expect(model.disposedWith).toBe(0);
    expect(model.works).toHaveLength(1);
    for (const answer of answers) await expect(answer).rejects.toThrow('unloaded');
  });
});
