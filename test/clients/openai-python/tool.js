import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkAnswers } from '../check-answers.js';
import { pinnedVersion, pythonEnvironment } from '../environments.js';
import { runToEnd } from '../run-tool.js';

const EVALUATION = fileURLToPath(new URL('evaluation.py', import.meta.url));

/** OpenAI's client for Python. */
export const openaiPython = {
  name: 'openai-python',
  version: pinnedVersion('openai-python', 'openai'),
  calls: { 'us-llama3.2-1b': 4, 'eu-llama3.2-1b': 3, 'asia-mistral-7b': 1, '*-qwen2.5-1.5b': 2 },
  retries: true,
  setUp: () => pythonEnvironment('openai-python'),
  run: async ({ url, key, folder, bin, timeScale }) => {
    const environment = { OPENAI_BASE_URL: `${url}/v1`, OPENAI_API_KEY: key };
    const command = join(bin, 'python');
    const { stdout } = await runToEnd(command, [EVALUATION], { cwd: folder, timeScale, environment });
    return checkAnswers(JSON.parse(stdout));
  },
};
