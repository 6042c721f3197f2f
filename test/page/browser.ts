import { describe } from '@jest/globals';
import { chromium, type Browser, type Page } from 'playwright-core';
import { findChromium } from './find-chromium.js';

export type { Page } from 'playwright-core';

const LIMIT_MS = 150_000;

export interface View {
  readonly theme?: 'light' | 'dark';
  /** In CSS pixels. */
  readonly width?: number;
  readonly height?: number;
  /** Left out: the page asks for one, where the server has keys. */
  readonly key?: string;
}

/** One opened page, and what it did that it should not have done. */
export interface OpenedPage {
  readonly page: Page;
  /** URLs that were asked for outside the router's origin. */
  readonly strangers: string[];
  /** Exceptions, and complaints of the browser, such as of what its policy forbids. */
  readonly complaints: string[];
  close(): Promise<void>;
}

/** Opens the page in the Chromium that all cases share. */
export type OpenPage = TestBrowser['open'];

/** A Chromium without a window. Each opened page has a session of its own. */
export class TestBrowser {
  private constructor(private readonly browser: Browser) {}

  static async start(): Promise<TestBrowser> {
    const executablePath = findChromium();
    if (executablePath === undefined)
      throw new Error(
        'there is no Chromium: install it, set CHROMIUM_BIN, or run `npx playwright-core install chromium`',
      );
    const isRoot = process.getuid?.() === 0;
    return new TestBrowser(
      await chromium.launch({
        executablePath,
        headless: true,
        args: ['--disable-dev-shm-usage', ...(isRoot ? ['--no-sandbox'] : [])],
      }),
    );
  }

  /**
   * Opens the page.
   * @param url the router's
   * @param place of the page: `/runs`
   */
  async open(url: string, place: string, view: View = {}): Promise<OpenedPage> {
    const { theme = 'light', width = 1280, height = 900, key } = view;
    const context = await this.browser.newContext({
      colorScheme: theme,
      viewport: { width, height },
      reducedMotion: 'reduce',
      timezoneId: 'UTC',
    });
    // As for `until`: nothing is quick because of it, it ends a hang.
    context.setDefaultTimeout(LIMIT_MS);
    const page = await context.newPage();
    const { origin } = new URL(url);
    const strangers: string[] = [];
    const complaints: string[] = [];
    page.on('request', (request) => {
      // What is made in the page itself is nobody else's.
      if (!/^(blob|data):/.test(request.url()) && new URL(request.url()).origin !== origin)
        strangers.push(request.url());
    });
    page.on('pageerror', (error) => complaints.push(String(error)));
    page.on('console', (message) => {
      // That a request failed, or was refused, is the page's to show.
      if (message.type() === 'error' && !message.text().startsWith('Failed to load resource'))
        complaints.push(message.text());
    });
    if (key !== undefined)
      await page.addInitScript(`window.sessionStorage.setItem('beacon.key', ${JSON.stringify(key)})`);
    await page.goto(`${url}/#${place}`);
    return { page, strangers, complaints, close: () => context.close() };
  }

  stop(): Promise<void> {
    return this.browser.close();
  }
}

const hasChromium = findChromium() !== undefined;
if (!hasChromium && !process.env['CI'])
  process.stderr.write('left out: specs of the page, which need a Chromium (npm run setup:page)\n');

/** `describe` where there is a Chromium, or has to be one. */
export const describePage: typeof describe =
  // eslint-disable-next-line no-restricted-syntax -- said, not hidden: they cannot run without a browser
  hasChromium || process.env['CI'] ? describe : (describe.skip as typeof describe);
