import type { ChatChunk, ChatCompletion } from './openai/chat.js';
import type { TextChunk, TextCompletion } from './openai/completions.js';
import type { BeaconFacts } from './openai/facts.js';
import type { OpenAiModel, OpenAiModelList } from './openai/models.js';
import type { ExamplesOf } from './openapi-examples-of.js';
import { JOB_ID } from './openapi-parameters.js';

const MODEL = 'llama3.2-1b@us';
const TEXT = 'Nairobi.';
const CREATED = 1_795_338_000;

const beacon: BeaconFacts = {
  job_id: JOB_ID,
  region: 'US',
  substituted: false,
  attempt: 1,
  model: 'llama3.2-1b',
  inference_time: 1.71,
  tokens_generated: 4,
};
const usage = { prompt_tokens: 0, completion_tokens: 4, total_tokens: 4 };
const model: OpenAiModel = { id: MODEL, object: 'model', created: 1_767_225_600, owned_by: 'beacon' };
const chunk: ChatChunk = {
  id: `chatcmpl-${JOB_ID}`,
  object: 'chat.completion.chunk',
  created: CREATED,
  model: MODEL,
  choices: [{ index: 0, delta: { role: 'assistant', content: TEXT }, logprobs: null, finish_reason: null }],
};
const textChunk: TextChunk = {
  id: `cmpl-${JOB_ID}`,
  object: 'text_completion',
  created: CREATED,
  model: MODEL,
  choices: [{ text: TEXT, index: 0, logprobs: null, finish_reason: null }],
};

/** The OpenAI door. */
export const OPENAI_EXAMPLES: ExamplesOf = {
  schemas: {
    ChatRequest: {
      model: MODEL,
      messages: [{ role: 'user', content: 'What is the capital of Kenya?' }],
      temperature: 0.1,
      max_completion_tokens: 64,
    },
    ChatCompletion: {
      id: `chatcmpl-${JOB_ID}`,
      object: 'chat.completion',
      created: CREATED,
      model: MODEL,
      choices: [
        {
          index: 0,
          message: { role: 'assistant', content: TEXT, refusal: null },
          logprobs: null,
          finish_reason: 'stop',
        },
      ],
      usage,
      beacon,
    } satisfies ChatCompletion,
    CompletionRequest: { model: MODEL, prompt: 'The capital of Kenya is', max_tokens: 16 },
    TextCompletion: {
      id: `cmpl-${JOB_ID}`,
      object: 'text_completion',
      created: CREATED,
      model: MODEL,
      choices: [{ text: TEXT, index: 0, logprobs: null, finish_reason: 'stop' }],
      usage,
      beacon,
    } satisfies TextCompletion,
    OpenAiModel: model,
    OpenAiModelList: {
      object: 'list',
      data: [{ ...model, id: 'llama3.2-1b' }, model],
    } satisfies OpenAiModelList,
  },
  texts: {
    'POST /v1/chat/completions': { 'text/event-stream': chunk },
    'POST /v1/completions': { 'text/event-stream': textChunk },
  },
};
