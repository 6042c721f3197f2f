// Lets the tools that people evaluate models with do a small evaluation against Beacon, in front of the stand-in, every
// endpoint cold, behind a gateway that bears no silence. Each tool as its users run it, its versions pinned:
//   npm run clients -- [tool...] [--time-scale N]
// Sets up what is missing under .beacon/tools/clients. Prints one line per tool; exits with 1 where one failed.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { checkCalls } from './check-calls.js';
import { inspectAi } from './inspect-ai/tool.js';
import { lmEval } from './lm-eval/tool.js';
import { openaiNpm } from './openai-npm/tool.js';
import { openaiPython } from './openai-python/tool.js';
import { promptfoo } from './promptfoo/tool.js';
import { silenceIsNotBorne } from './silence.js';
import { Stack } from './stack.js';

const TOOLS = [openaiNpm, openaiPython, promptfoo, inspectAi, lmEval];
/** Five minutes are ten seconds. */
const TIME_SCALE = 30;
const USAGE = `usage: npm run clients -- [tool...] [--time-scale N]
  tools: ${TOOLS.map(({ name }) => name).join(', ')} (default: all)
  --time-scale N: simulated seconds per real second (${TIME_SCALE}); 1: a cold start takes its real five minutes`;

const asked = readArguments();
if (asked === undefined) process.exit(2);
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => void interrupt(signal));

let stack;
let failures = 0;
try {
  const ready = await setUp(asked.tools);
  stack = await Stack.start(asked.timeScale);
  await attempt('without signs of life', () => silenceIsNotBorne(stack, asked.timeScale));
  for (const { tool, bin, setUpMs } of ready)
    await attempt(`${tool.name} ${tool.version}`, () => evaluate(tool, bin, setUpMs));
} catch (error) {
  failures += 1;
  console.log(`FAIL ${error instanceof Error ? error.message : String(error)}`);
} finally {
  await stack?.stop();
  if (failures === 0) stack?.remove();
  else if (stack !== undefined) console.log(`what Beacon logged: ${stack.log}`);
}
process.exitCode = failures === 0 ? 0 : 1;

function readArguments() {
  try {
    const options = { 'time-scale': { type: 'string' } };
    const { values, positionals } = parseArgs({ options, allowPositionals: true });
    const timeScale = Number(values['time-scale'] ?? TIME_SCALE);
    const unknown = positionals.find((name) => !TOOLS.some((tool) => tool.name === name));
    if (unknown !== undefined) throw new Error(`there is no tool "${unknown}"`);
    if (!(timeScale >= 1 && timeScale <= 60)) throw new Error('--time-scale takes 1 to 60');
    const tools = TOOLS.filter(({ name }) => positionals.length === 0 || positionals.includes(name));
    return { tools, timeScale };
  } catch (error) {
    process.stderr.write(`${error.message}\n${USAGE}\n`);
    return undefined;
  }
}

/** One after the other: they share the network and two cores. */
async function setUp(tools) {
  const ready = [];
  for (const tool of tools) {
    try {
      ready.push({ tool, ...(await tool.setUp()) });
    } catch (error) {
      failures += 1;
      console.log(`FAIL ${tool.name} ${tool.version}: ${error.message}`);
    }
  }
  return ready;
}

async function evaluate(tool, bin, setUpMs) {
  await stack.makeCold();
  const folder = mkdtempSync(join(tmpdir(), `beacon-${tool.name}-`));
  const gaveUp = stack.gaveUp();
  try {
    const { url, key } = stack;
    const { samples, told } = await tool.run({ url, key, folder, bin, timeScale: asked.timeScale });
    const checked = await checkCalls(stack, tool.calls);
    const silences = stack.gaveUp() - gaveUp;
    if (tool.retries === true ? silences === 0 : silences > 0)
      throw new Error(`the gateway gave up ${silences} times`);
    const installed = setUpMs === 0 ? '' : `; set up in ${seconds(setUpMs)}`;
    return `${samples} answers (${told}); ${checked}${installed}`;
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  }
}

async function attempt(name, act) {
  const begun = performance.now();
  try {
    console.log(`ok   ${name}: ${await act()}; ${seconds(performance.now() - begun)}`);
  } catch (error) {
    failures += 1;
    const cause = error?.cause === undefined ? '' : ` (${error.cause})`;
    console.log(`FAIL ${name}: ${error instanceof Error ? error.message : String(error)}${cause}`);
  }
}

function seconds(ms) {
  return `${(ms / 1000).toFixed(1)} s`;
}

/** What a tool has running ends with this process. */
async function interrupt(signal) {
  await stack?.stop();
  process.exit(signal === 'SIGINT' ? 130 : 143);
}
