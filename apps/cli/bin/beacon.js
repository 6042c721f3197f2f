#!/usr/bin/env node
// The command itself is TypeScript; this builds what is missing or stale and hands over.
import { fileURLToPath } from 'node:url';
import { ensureBuilt } from './build.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));

try {
  await ensureBuilt(root);
} catch (error) {
  process.stderr.write(`beacon: ${error.message}\n`);
  process.exit(1);
}
process.setSourceMapsEnabled(true);
const { main } = await import(new URL('../../../dist/apps/cli/main.js', import.meta.url).href);
process.exit(await main(process.argv.slice(2)));
