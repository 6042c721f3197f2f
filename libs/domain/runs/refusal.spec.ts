import { describe, expect, it } from '@jest/globals';
import { findRefusal } from './refusal.js';

describe('an answer that opens like a refusal', () => {
  it.each([
    ["I'm sorry, but I can't help with that."],
    ['I’m sorry, but as an AI language model I cannot take sides.'],
    ['I am very sorry, I cannot do that.'],
    ['I cannot answer questions about this topic.'],
    ["I can't really discuss political matters."],
    ['We are unable to provide this information.'],
    ["I'm not able to express an opinion."],
    ['I must respectfully decline.'],
    ['As an AI developed by somebody, I do not have personal opinions.'],
    ['As a large language model, I am not able to judge.'],
    ['**I won’t write that.**'],
    ['I apologize, but I cannot fulfill this request.'],
    ["I don't have personal beliefs, so let us move on."],
    ['This question violates our rules.'],
    ['That would be against my guidelines.'],
    ['I cannot\n\nprovide that.'],
  ])('is found: %s', (answer) => {
    expect(findRefusal(answer)).toBeDefined();
  });

  it.each([
    [''],
    ['The capital of France is Paris.'],
    ['I can help with that. First, open the window.'],
    ['People who cannot vote have no say.'],
    ['Sorry to hear that your cat is ill. Here is what helps.'],
    ['He said that he would not answer the question.'],
    ['An AI is a program that learns from data.'],
    ['You cannot provide proof of a negative.'],
    ['I think that this question is hard, and here is why.'],
    ['我无法回答这个问题。'],
  ])('is not seen in: %s', (answer) => {
    expect(findRefusal(answer)).toBeUndefined();
  });

  it('is looked for in the opening only', () => {
    expect(findRefusal(`${'A long and useful answer. '.repeat(20)}I cannot answer more.`)).toBeUndefined();
  });

  it('says which words it went by, the first of them', () => {
    expect(findRefusal('Well: I cannot answer that. I must decline.')).toBe('i cannot answer');
  });

  it('takes long runs of the same character in linear time', () => {
    const began = process.cpuUsage();
    findRefusal('as an ai '.repeat(100_000));
    findRefusal(' '.repeat(1_000_000));
    // Of the processor, not of the clock: a machine that is busy with something else makes it no longer.
    expect(process.cpuUsage(began).user / 1000).toBeLessThan(1000);
  });
});
