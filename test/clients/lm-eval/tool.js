import { cp, readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { pinnedVersion, pythonEnvironment } from '../environments.js';
import { ToolFailure, runToEnd, runTool, tail } from '../run-tool.js';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const SAMPLES = 2;
/** Seconds that a request may take in all where it sends several at a time: signs of life do not lengthen that. */
const PATIENCE_S = 300;
/**
 * Its ways of asking: as chat, by the newer parameters of OpenAI's own models, by completions with two prompts each, and two
 * requests at a time, which it gives up in mid-cold-start and repeats: they must be given the jobs that they made.
 */
const WAYS = [
  { way: 'local-chat-completions', model: 'llama3.2-1b@us', path: 'chat/completions', chat: true },
  { way: 'openai-chat-completions', model: 'llama3.2-1b@eu', path: 'chat/completions', chat: true },
  { way: 'local-completions', model: 'qwen2.5-1.5b', path: 'completions', chat: false },
  {
    way: 'local-chat-completions',
    model: 'mistral-7b@asia',
    path: 'chat/completions',
    chat: true,
    atOnce: 2,
  },
];
const REFUSAL = 'log-likelihoods cannot be served';

/** lm-eval, by its command line, with tasks and data of this folder. */
export const lmEval = {
  name: 'lm-eval',
  version: pinnedVersion('lm-eval', 'lm-eval'),
  calls: { 'us-llama3.2-1b': 2, 'eu-llama3.2-1b': 2, '*-qwen2.5-1.5b': 2, 'asia-mistral-7b': 2 },
  setUp: () => pythonEnvironment('lm-eval'),
  run: async ({ url, key, folder, bin, timeScale }) => {
    await cp(join(HERE, 'tasks'), join(folder, 'tasks'), { recursive: true });
    const environment = {
      OPENAI_API_KEY: key,
      HF_HOME: join(folder, 'hub'),
      // It asks nobody but Beacon.
      HF_HUB_OFFLINE: '1',
    };
    const options = { cwd: folder, timeScale, environment };
    const command = join(bin, 'lm_eval');
    for (const { way, model, path, chat, atOnce } of WAYS) {
      const settings = [`model=${model}`, `base_url=${url}/v1/${path}`];
      // Its default, compressed like everything else.
      const patienceS = Math.round(PATIENCE_S / timeScale);
      if (atOnce !== undefined) settings.push(`num_concurrent=${atOnce}`, `timeout=${patienceS}`);
      const out = `out-${model}`;
      const { output } = await runToEnd(
        command,
        [
          ...['run', '--include_path', 'tasks', '--tasks', 'beacon_questions', '--model', way],
          ...(chat
            ? ['--model_args', settings.join(','), '--apply_chat_template']
            : ['--model_args', [...settings, 'tokenizer_backend=None'].join(','), '--batch_size', '2']),
          ...['--output_path', out, '--log_samples'],
        ],
        options,
      );
      await checkResults(join(folder, out), way, output);
    }
    await isRefused(command, { url, bin, folder, options });
    return {
      samples: WAYS.length * SAMPLES,
      told: `exact_match 1 in ${WAYS.length} ways; likelihoods refused`,
    };
  },
};

async function checkResults(folder, way, output) {
  const [name] = await readdir(folder);
  const files = await readdir(join(folder, name));
  const read = (start) =>
    readFile(
      join(
        folder,
        name,
        files.find((file) => file.startsWith(start)),
      ),
      'utf8',
    );
  const { results } = JSON.parse(await read('results_'));
  const samples = (await read('samples_'))
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  const score = results.beacon_questions['exact_match,answer'];
  const texts = samples.flatMap(({ resps }) => resps.flat());
  const uncut = texts.filter((text) => text.includes('(simulated'));
  if (score !== 1 || samples.length !== SAMPLES || texts.length !== SAMPLES || uncut.length > 0)
    throw new ToolFailure(`${way}: exact_match ${score}, answers ${JSON.stringify(texts)}\n${tail(output)}`);
}

/** A task that needs likelihoods ends at once, and its log says why. */
async function isRefused(command, { url, bin, folder, options }) {
  await runToEnd(join(bin, 'python'), [join(HERE, 'make_tokenizer.py'), 'tokenizer'], options);
  const settings = [
    ...['model=llama3.2-1b', `base_url=${url}/v1/completions`, `tokenizer=${join(folder, 'tokenizer')}`],
    ...['tokenizer_backend=huggingface', 'tokenized_requests=False'],
  ];
  const { code, output } = await runTool(
    command,
    [
      ...['run', '--include_path', 'tasks', '--tasks', 'beacon_choice', '--model', 'local-completions'],
      ...['--model_args', settings.join(',')],
    ],
    options,
  );
  if (code === 0 || !output.includes(REFUSAL))
    throw new ToolFailure(`likelihoods: it ended with ${code}, without saying why\n${tail(output)}`);
}
