// Sees to a Chromium for the specs of the page before the tests: where there is none and this is root on a Debian, the
// package manager brings it. Elsewhere one line says what to do, and the specs are left out; in CI they fail.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { findChromium } from './find-chromium.js';

if (findChromium() === undefined) {
  if (process.getuid?.() === 0 && existsSync('/usr/bin/apt-get')) install();
  if (findChromium() === undefined)
    say(
      'no Chromium: install it, set CHROMIUM_BIN, or run `npx playwright-core install chromium`; the specs of the page are left out',
    );
}

function install() {
  say('no Chromium: installing it with apt-get');
  const environment = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const apt = (...parameters) =>
    spawnSync('apt-get', ['-qq', '-o', 'DPkg::Lock::Timeout=300', ...parameters], {
      env: environment,
      stdio: ['ignore', 'ignore', 'inherit'],
    }).status === 0;
  const bring = () => apt('install', '--yes', '--no-install-recommends', 'chromium');
  // The lists of packages may be missing or old.
  if (!bring() && apt('update')) bring();
}

function say(text) {
  process.stderr.write(`page setup: ${text}\n`);
}
