import { readFileSync } from 'node:fs';
import { copyFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { nodeEnvironment } from '../environments.js';
import { ToolFailure, runToEnd, tail } from '../run-tool.js';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const CONFIG = 'promptfooconfig.yaml';
const SAMPLES = 12;
/** Asked who it is, a model of the stand-in says where it runs. */
const PLACES = { US: 'a US region', EU: 'a European region' };

/** promptfoo, by its command line. */
export const promptfoo = {
  name: 'promptfoo',
  version: JSON.parse(readFileSync(join(HERE, 'package.json'), 'utf8')).dependencies.promptfoo,
  calls: { 'us-llama3.2-1b': 3, 'eu-llama3.2-1b': 3, '*-qwen2.5-1.5b': 6 },
  setUp: () => nodeEnvironment('promptfoo'),
  run: async ({ url, key, folder, bin, timeScale }) => {
    await copyFile(join(HERE, CONFIG), join(folder, CONFIG));
    const environment = {
      OPENAI_BASE_URL: `${url}/v1`,
      OPENAI_API_KEY: key,
      PROMPTFOO_CONFIG_DIR: join(folder, 'home'),
      // It asks nobody but Beacon.
      PROMPTFOO_DISABLE_TELEMETRY: '1',
      PROMPTFOO_DISABLE_UPDATE: '1',
      PROMPTFOO_DISABLE_REMOTE_GENERATION: '1',
    };
    const { output } = await runToEnd(join(bin, 'promptfoo'), ['eval', '--output', 'results.json'], {
      ...{ cwd: folder, timeScale, environment },
    });
    const { results } = JSON.parse(await readFile(join(folder, 'results.json'), 'utf8'));
    const { successes, failures, errors } = results.stats;
    if (successes !== SAMPLES || failures !== 0 || errors !== 0)
      throw new ToolFailure(`${JSON.stringify(results.stats)}\n${tail(output)}`);
    for (const { provider, response, vars } of results.results) {
      const place = PLACES[provider.label];
      if (vars.question === 'Who are you?' && place !== undefined && !response.output.includes(place))
        throw new ToolFailure(`pinned to ${provider.label}, it said: ${response.output}`);
    }
    return { samples: successes, told: `${successes} passed, 0 failed, 0 errors` };
  },
};
