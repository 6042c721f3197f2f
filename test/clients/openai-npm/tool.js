import { fileURLToPath } from 'node:url';
import { VERSION } from 'openai/version';
import { checkAnswers } from '../check-answers.js';
import { runToEnd } from '../run-tool.js';

const EVALUATION = fileURLToPath(new URL('evaluation.mjs', import.meta.url));

/** OpenAI's client for Node, as this checkout has it for its tests. */
export const openaiNpm = {
  name: 'openai-npm',
  version: VERSION,
  /** Calls that must have been paid for, by endpoint; `*`: in any region. */
  calls: { 'us-llama3.2-1b': 4, 'eu-llama3.2-1b': 3, 'asia-mistral-7b': 1, '*-qwen2.5-1.5b': 2 },
  /** Its own retries are part of the evaluation. */
  retries: true,
  setUp: async () => ({ bin: '', setUpMs: 0 }),
  run: async ({ url, key, folder, timeScale }) => {
    const environment = { OPENAI_BASE_URL: `${url}/v1`, OPENAI_API_KEY: key };
    const { stdout } = await runToEnd(process.execPath, [EVALUATION], {
      cwd: folder,
      timeScale,
      environment,
    });
    return checkAnswers(JSON.parse(stdout));
  },
};
