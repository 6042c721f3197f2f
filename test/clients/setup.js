// Runs before the tests, so that the spec of the clients need not fetch the one for Python. Never fails: where that cannot be
// installed, the spec fails with the same message.
import { openaiPython } from './openai-python/tool.js';

try {
  const { setUpMs } = await openaiPython.setUp();
  say(
    `OpenAI's client for Python is there${setUpMs === 0 ? '' : `, set up in ${Math.round(setUpMs / 1000)} s`}`,
  );
} catch (error) {
  say(error.message);
}

function say(text) {
  process.stderr.write(`clients setup: ${text}\n`);
}
