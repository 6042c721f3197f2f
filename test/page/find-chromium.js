// Where a Chromium for the specs of the page is: CHROMIUM_BIN, the PATH, or what Playwright has installed itself.
import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { chromium } from 'playwright-core';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

/** @returns {string | undefined} path of its binary */
export function findChromium(environment = process.env) {
  const { CHROMIUM_BIN, PATH = '' } = environment;
  if (CHROMIUM_BIN) {
    if (!isExecutable(CHROMIUM_BIN)) throw new Error(`CHROMIUM_BIN is not a program: ${CHROMIUM_BIN}`);
    return CHROMIUM_BIN;
  }
  for (const folder of PATH.split(delimiter)) {
    const found = NAMES.map((name) => join(folder, name)).find(isExecutable);
    if (found !== undefined) return found;
  }
  const own = chromium.executablePath();
  return own !== '' && existsSync(own) ? own : undefined;
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
