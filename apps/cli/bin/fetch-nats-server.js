#!/usr/bin/env node
// Runs after `npm ci`, before anything is built, so that the first start need not wait for a nats-server.
// With --best-effort it never fails: whoever starts Beacon is told what is missing, with what to do about it.
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const bestEffort = process.argv.includes('--best-effort');

try {
  const finder = new URL('../../../libs/embedded-services/nats-server/find.js', import.meta.url);
  const { findNatsServer } = await import(finder.href);
  if ((process.env.NATS_URL ?? '') === '') {
    const { source } = await findNatsServer({
      environment: process.env,
      cacheDirs: [join(root, '.beacon', 'tools')],
    });
    console.log(`beacon: nats-server is there (${source})`);
  } else {
    console.log('beacon: NATS_URL is set, no nats-server is needed');
  }
} catch (error) {
  console.log(`beacon: ${error.message}`);
  process.exitCode = bestEffort ? 0 : 69;
}
