// Runs before the tests, so that the specs of the alert rules find a promtool and none of them has to fetch one.
// It never fails: those specs do, with the same words.
import { fileURLToPath } from 'node:url';
import { findPromtool } from './find.js';

try {
  const { source } = await findPromtool({
    environment: process.env,
    cacheDir: fileURLToPath(new URL('../../../.beacon/tools', import.meta.url)),
    report: say,
  });
  say(`promtool is there (${source})`);
} catch (error) {
  say(error.message);
}

function say(text) {
  process.stderr.write(`promtool setup: ${text}\n`);
}
