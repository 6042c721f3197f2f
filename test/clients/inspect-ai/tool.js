import { copyFile, readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { pinnedVersion, pythonEnvironment } from '../environments.js';
import { ToolFailure, runToEnd, tail } from '../run-tool.js';

const TASKS = 'questions.py';
const MODELS = ['llama3.2-1b@us', 'llama3.2-1b@eu', 'qwen2.5-1.5b'];
const BATCHED = 'mistral-7b@eu';
const SAMPLES = 3;

/**
 * inspect, by its command line: its provider for services that speak OpenAI's protocol, which is called `beacon` here; and
 * in a batch, which only its provider for OpenAI has.
 */
export const inspectAi = {
  name: 'inspect-ai',
  version: pinnedVersion('inspect-ai', 'inspect-ai'),
  calls: { 'us-llama3.2-1b': 3, 'eu-llama3.2-1b': 3, '*-qwen2.5-1.5b': 3, 'eu-mistral-7b': 3 },
  setUp: () => pythonEnvironment('inspect-ai'),
  run: async ({ url, key, folder, bin, timeScale }) => {
    await copyFile(new URL(TASKS, import.meta.url), join(folder, TASKS));
    const environment = {
      ...{ BEACON_BASE_URL: `${url}/v1`, BEACON_API_KEY: key },
      ...{ OPENAI_BASE_URL: `${url}/v1`, OPENAI_API_KEY: key },
      PYTHONDONTWRITEBYTECODE: '1',
    };
    const inspect = async (logs, parameters, models) => {
      const report = ['--log-dir', logs, '--log-format', 'json', '--display', 'plain'];
      const { output } = await runToEnd(join(bin, 'inspect'), ['eval', TASKS, ...parameters, ...report], {
        ...{ cwd: folder, timeScale, environment },
      });
      await checkLogs(join(folder, logs), models, output);
    };
    const names = MODELS.map((model) => `openai-api/beacon/${model}`).join(',');
    const batch = ['-M', 'responses_api=false', '--batch', '10'];
    await Promise.all([
      inspect('logs', ['--model', names], MODELS.length),
      inspect('logs-batch', ['--model', `openai/${BATCHED}`, ...batch], 1),
    ]);
    return { samples: (MODELS.length + 1) * SAMPLES, told: 'accuracy 1.000 for 3 models and in a batch' };
  },
};

/** It ends with 0 whatever became of its samples: only its logs tell. */
async function checkLogs(folder, models, output) {
  const names = await readdir(folder);
  const logs = await Promise.all(
    names.map(async (name) => JSON.parse(await readFile(join(folder, name), 'utf8'))),
  );
  if (logs.length !== models) throw new ToolFailure(`${logs.length} logs\n${tail(output)}`);
  for (const { status, eval: asked, results, samples } of logs) {
    const accuracy = results?.scores[0].metrics.accuracy.value;
    const failed = samples?.filter(({ error }) => error) ?? [];
    if (status !== 'success' || samples.length !== SAMPLES || failed.length > 0 || accuracy !== 1)
      throw new ToolFailure(
        `${asked.model}: ${status}, accuracy ${accuracy}, ${failed.length} failed\n${tail(output)}`,
      );
  }
}
