import { expect, it } from '@jest/globals';
import { until, type Beacon } from '#testing';
import { seriousFaults } from './axe.js';
import type { OpenPage } from './browser.js';
import { expectFocus } from './focus.js';
import { takePicture } from './looks.js';
import type { Tabs } from './tabs.js';

/** What stands around every view. @param keys one that may only read, and one that may do everything */
export function frameCases(
  open: OpenPage,
  tabs: Tabs,
  beacon: () => Beacon,
  keys: { readonly reader: string; readonly admin: string },
): void {
  it('asks for a key, says why one is refused, and keeps the right one for the tab and out of the address', async () => {
    const opened = await open(beacon().url, '/runs');
    const { page } = opened;
    await page.getByLabel('API key').fill('not-a-key-at-all');
    await page.keyboard.press('Enter');
    await page.getByText('UNAUTHENTICATED').waitFor();
    expect(await seriousFaults(page)).toEqual([]);
    await takePicture(page, 'key-refused');
    await page.getByLabel('API key').fill(keys.reader);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Runs' }).waitFor();
    expect(page.url()).not.toContain(keys.reader);
    await page.reload();
    await page.getByRole('heading', { name: 'Runs' }).waitFor();
    await page.getByRole('button', { name: /Forget key/ }).click();
    await page.getByLabel('API key').waitFor();
    await opened.close();
    expect(opened.strangers).toEqual([]);
    expect(opened.complaints).toEqual([]);
  });

  it('shows the way to what the key allows, and to nothing else', async () => {
    const sectionsOf = async (key: string): Promise<string[]> => {
      const page = await tabs.at('/runs', key);
      const links = page.getByRole('navigation', { name: 'Sections' }).getByRole('link');
      await links.first().waitFor();
      return links.allInnerTexts();
    };
    expect(await sectionsOf(keys.reader)).toEqual(['Runs', 'Gates', 'Batches', 'Queue', 'Dead letters']);
    expect(await sectionsOf(keys.admin)).toEqual([
      'Runs',
      'New run',
      'Gates',
      'Batches',
      'Queue',
      'Dead letters',
      'Ledger',
    ]);
  });

  it('is walked by keyboard: content is reached past the navigation, and a new view takes the focus', async () => {
    const page = await tabs.at('/runs', keys.admin);
    await page.reload();
    await page.getByRole('heading', { name: 'Runs' }).waitFor();
    await page.keyboard.press('Tab');
    await expectFocus(page.getByRole('link', { name: 'Skip to content' }));
    await page.keyboard.press('Enter');
    await expectFocus(page.getByRole('main'));
    expect(page.url()).toMatch(/#\/runs$/);
    await page.getByRole('link', { name: 'Queue' }).click();
    await expectFocus(page.getByRole('heading', { name: 'Queue', level: 1 }));
    await until('the view names the document', async () => (await page.title()) === 'Queue · Beacon');
  });

  it('keeps the theme that was chosen over the system’s', async () => {
    const page = await tabs.at('/runs', keys.admin);
    const ground = (): Promise<string> =>
      page.evaluate('getComputedStyle(document.documentElement).backgroundColor');
    await page.getByLabel('Theme').selectOption('Dark');
    expect(await ground()).toBe('rgb(15, 20, 25)');
    await page.reload();
    await page.getByLabel('Theme').waitFor();
    expect(await ground()).toBe('rgb(15, 20, 25)');
    await page.getByLabel('Theme').selectOption('As the system');
    expect(await ground()).toBe('rgb(245, 246, 248)');
  });

  it('says that the router is away, and that it is back', async () => {
    const page = await tabs.at('/runs', keys.admin);
    await page.getByText('Connected', { exact: true }).waitFor();
    await page.context().setOffline(true);
    await page.getByText('Connection lost').waitFor();
    await page.context().setOffline(false);
    await page.getByText('Connected', { exact: true }).waitFor();
  });
}
