import { describe, expect, it } from '@jest/globals';
import { DEMO_QUESTIONS } from '../configuration/demo-questions.js';
import type { ModelAnswer } from './answer-engine.js';
import { SimulatedModels } from './simulated-models.js';

const MODELS = ['llama3.2-1b', 'qwen2.5-1.5b', 'mistral-7b'];
const REGIONS = ['US', 'EU', 'ASIA'];

describe('simulated models', () => {
  it.each(DEMO_QUESTIONS)('answer $id in every region with every model, marked as simulated', ({ text }) => {
    for (const model of MODELS) {
      for (const region of REGIONS) {
        const { response } = ask(text, model, region);
        expect(response).toMatch(new RegExp(`^.{9,} \\(simulated ${model.replaceAll('.', '\\.')}\\)$`));
        expect(response).not.toMatch(/Reference/);
      }
    }
  });

  it('answer an open question a little differently by model and region', () => {
    const answers = MODELS.flatMap((model) =>
      REGIONS.map((region) => ask('Who are you?', model, region).response),
    );
    expect(new Set(answers).size).toBe(9);
  });

  it('put it in other words with another seed, and in the same with the same, unless the temperature is 0', () => {
    const seeds = [1, 2, 3, 4, 5, 6, 7, 8];
    const asked = (temperature: number): string[] =>
      seeds.map((seed) => ask('What is 2+2?', 'mistral-7b', 'US', 512, { seed, temperature }).response);
    expect(new Set(asked(0.1)).size).toBeGreaterThan(1);
    expect(asked(0.1)).toEqual(asked(0.1));
    expect(new Set(asked(0)).size).toBe(1);
  });

  it('put the same fact in different words by model', () => {
    const facts = MODELS.map((model) => ask('What is 2+2?', model, 'US').response.split(' (simulated')[0]);
    expect(new Set(facts).size).toBe(MODELS.length);
  });

  it('always answer the same request the same way, known question or not', () => {
    expect(ask('Why is the sky blue?', 'm', 'US')).toEqual(ask('Why is the sky blue?', 'm', 'US'));
    expect(ask('Why is the sky blue?', 'm', 'US').response).not.toBe(
      ask('Why is grass green?', 'm', 'US').response,
    );
  });

  it('never repeat the prompt', () => {
    expect(ask('My password is hunter2', 'm', 'US').response).not.toMatch(/hunter2/);
  });

  it('stop at max_tokens', () => {
    const { response, tokensGenerated } = ask('What is the current status of Taiwan?', 'm', 'US', 4);
    expect(tokensGenerated).toBeLessThanOrEqual(4);
    expect(response.split(' (simulated')[0]?.split(' ')).toHaveLength(3);
  });
});

function ask(
  prompt: string,
  model: string,
  region: string,
  maxTokens = 512,
  more: { readonly seed?: number; readonly temperature?: number } = {},
): ModelAnswer {
  const messages = [{ role: 'user', content: prompt }];
  const { answer } = new SimulatedModels().start(
    { model, messages, temperature: 0.1, maxTokens, ...more },
    { endpointId: 'e', region },
  );
  return answer as ModelAnswer;
}
