import { ToolFailure } from './run-tool.js';

/** What the stand-in's models know, in whatever words. */
const KNOWN = { 'What is 2+2?': /4/, 'What is the capital of France?': /Paris/ };

/**
 * Holds what an evaluation with one of OpenAI's clients printed against what its models must have said.
 * @param {{ models: string[], answers: { by: string, question: string, text: string, tokens: number }[] }} printed
 * @returns {{ samples: number, told: string }}
 */
export function checkAnswers({ models, answers }) {
  for (const name of ['llama3.2-1b', 'llama3.2-1b@us', 'mistral-7b@asia'])
    if (!models.includes(name))
      throw new ToolFailure(`/v1/models does not list ${name}: ${models.join(', ')}`);
  if (models.includes('mistral-7b@us'))
    throw new ToolFailure('/v1/models lists mistral-7b@us, which is nowhere');
  for (const { by, question, text, tokens } of answers) {
    if (!(KNOWN[question]?.test(text) && text.includes('(simulated ')))
      throw new ToolFailure(`${by}: "${question}" was answered with "${text}"`);
    if (!(tokens > 0)) throw new ToolFailure(`${by}: no tokens were counted`);
  }
  const ways = [...new Set(answers.map(({ by }) => by))];
  return { samples: answers.length, told: ways.join(', ') };
}
