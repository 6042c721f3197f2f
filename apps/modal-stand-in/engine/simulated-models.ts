import { hashOf } from '../clock/seeded-random.js';
import type {
  AnswerEngine,
  ModelAnswer,
  ModelLocation,
  ModelRequest,
  RunningAnswer,
} from './answer-engine.js';
import { CANNED_ANSWERS, type CannedAnswer } from './canned-answers.js';

/** English text runs at about three words to four tokens. */
const TOKENS_PER_WORD = 4 / 3;

const KNOWN = CANNED_ANSWERS.map((canned) => ({ ...canned, question: normalised(canned.question) }));

/**
 * Models that know eight questions and improvise on the rest. The same request to the same model in the same
 * region always gets the same answer; a seed has another way of putting it, unless the temperature is 0. Every answer
 * says that it is simulated.
 */
export class SimulatedModels implements AnswerEngine {
  start(request: ModelRequest, location: ModelLocation): RunningAnswer {
    return { answer: answerTo(request, location) };
  }
}

function answerTo(
  { model, messages, maxTokens, temperature, seed }: ModelRequest,
  { region }: ModelLocation,
): ModelAnswer {
  const prompt = messages.findLast(({ role }) => role === 'user')?.content ?? messages.at(-1)?.content ?? '';
  const asked = normalised(prompt.slice(0, 4096));
  const known = KNOWN.find(({ question }) => asked.includes(question));
  const style = seed === undefined || temperature === 0 ? model : `${model}/${seed}`;
  const text = known === undefined ? improvised(asked, style, region) : recalled(known, style, region);
  const { kept, tokens } = truncated(text, maxTokens);
  return {
    response: `${kept} (simulated ${model})`,
    tokensIn: messages.reduce((sum, { content }) => sum + tokensIn(content), 0),
    tokensGenerated: tokens,
    modelRevision: `sim-${hashOf(model).toString(16).padStart(8, '0')}`,
  };
}

function recalled({ variants, closing }: CannedAnswer, style: string, region: string): string {
  const variant = variants[hashOf(`style/${style}`) % variants.length] ?? variants[0];
  const last = closing[region];
  return last === undefined ? variant : `${variant} ${last}`;
}

/** The prompt itself is not repeated: what goes through Beacon may be private. */
function improvised(asked: string, style: string, region: string): string {
  const openings = ['In short', 'Briefly put', 'As far as is known', 'On balance'];
  const views = [
    'the evidence is mixed',
    'there is broad agreement',
    'it depends on context',
    'the answer is yes',
  ];
  const opening = openings[hashOf(style) % openings.length] ?? '';
  const view = views[hashOf(`${asked}/${style}/${region}`) % views.length] ?? '';
  return `${opening}, ${view}. Reference ${hashOf(asked).toString(36)}.`;
}

function truncated(text: string, maxTokens: number): { kept: string; tokens: number } {
  const words = text.split(' ');
  const keptWords = words.slice(0, Math.max(1, Math.floor(maxTokens / TOKENS_PER_WORD)));
  return {
    kept: keptWords.join(' '),
    tokens: Math.min(Math.ceil(keptWords.length * TOKENS_PER_WORD), maxTokens),
  };
}

function tokensIn(text: string): number {
  // Counting characters is close enough, and cheap for a prompt of any size.
  return Math.ceil(text.length / 4);
}

function normalised(text: string): string {
  return text.toLowerCase().replace(/\s+/g, ' ').trim();
}
