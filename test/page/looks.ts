import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { expect } from '@jest/globals';
import { colourFaults, seriousFaults } from './axe.js';
import type { Page } from './browser.js';

/** Pictures of the page, for people to look at. */
const PICTURES = resolve('.beacon', 'page-pictures');

/** Nothing serious, in light and in dark, and a picture of each. */
export async function expectGood(page: Page, name: string): Promise<void> {
  expect(await seriousFaults(page)).toEqual([]);
  await takePicture(page, `${name}-light`);
  await page.emulateMedia({ colorScheme: 'dark' });
  expect(await colourFaults(page)).toEqual([]);
  await takePicture(page, `${name}-dark`);
  await page.emulateMedia({ colorScheme: 'light' });
}

/** Nothing is cut off or scrolls sideways. */
export async function expectFits(page: Page, name: string): Promise<void> {
  const [wide, seen] = await page.evaluate<[number, number]>(
    '[document.documentElement.scrollWidth, window.innerWidth]',
  );
  expect({ name, fits: wide <= seen }).toEqual({ name, fits: true });
}

/** Times, codes, ids and buttons of tables stay on one line each, and so do rows without prose. */
export async function expectOneLine(page: Page, name: string): Promise<void> {
  const [seen, broken] = await page.evaluate<[number, string[]]>(`(() => {
    const parts = [...document.querySelectorAll('table :is(time, td code, .cut, .actions)')];
    const rows = [...document.querySelectorAll('tbody tr:not(:has(.wraps, .space, dialog, .notice))')];
    const tall = (most) => (element) => element.getBoundingClientRect().height > most;
    return [parts.length, [...parts.filter(tall(40)), ...rows.filter(tall(56))].map((each) => each.textContent)];
  })()`);
  expect({ name, isMeasured: seen > 0, broken }).toEqual({ name, isMeasured: true, broken: [] });
}

/** Takes a picture of the whole page, and says where it is. */
export async function takePicture(page: Page, name: string): Promise<void> {
  await mkdir(PICTURES, { recursive: true });
  const path = join(PICTURES, `${name}.png`);
  await page.screenshot({ path, fullPage: true });
  process.stdout.write(`picture: ${path}\n`);
}
