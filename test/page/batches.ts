import { readFile } from 'node:fs/promises';
import { expect, it } from '@jest/globals';
import type { Beacon } from '#testing';
import type { Page } from './browser.js';
import { expectFocus } from './focus.js';
import { expectFits, expectGood, expectOneLine, takePicture } from './looks.js';
import type { Tabs } from './tabs.js';

const MODEL = 'n';
const ENDPOINT = 'US/n';

/** Files and batches, as their tenant sees them. @param key of a customer */
export function batchesCases(tabs: Tabs, beacon: () => Beacon, key: string): void {
  const send = async <Answer>(path: string, body: FormData | string): Promise<Answer> => {
    const json = typeof body === 'string' ? { 'content-type': 'application/json' } : undefined;
    const headers = { authorization: `Bearer ${key}`, ...json };
    const response = await fetch(beacon().url + path, { method: 'POST', headers, body });
    expect(response.status).toBe(200);
    return (await response.json()) as Answer;
  };
  /** @returns the batch's id */
  const submit = async (fileName: string, lines: readonly string[]): Promise<string> => {
    const form = new FormData();
    form.append('purpose', 'batch');
    form.append('file', new Blob([`${lines.join('\n')}\n`]), fileName);
    const file = await send<{ id: string }>('/v1/files', form);
    const request = { input_file_id: file.id, endpoint: '/v1/chat/completions', completion_window: '24h' };
    return (await send<{ id: string }>('/v1/batches', JSON.stringify(request))).id;
  };
  const line = (id: string): string =>
    JSON.stringify({
      ...{ custom_id: id, method: 'POST', url: '/v1/chat/completions' },
      body: { model: MODEL, messages: [{ role: 'user', content: `question ${id}` }] },
    });
  const open = async (page: Page, id: string): Promise<void> => {
    await page.getByRole('link', { name: id }).click();
    await page.getByRole('heading', { name: 'Batch', exact: true }).waitFor();
  };
  const downloaded = async (page: Page, name: string): Promise<string> => {
    const [file] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: `Download ${name}` }).click(),
    ]);
    return readFile(await file.path(), 'utf8');
  };

  it('are followed from a batch’s first answer to its output and error files', async () => {
    const { upstream } = beacon();
    const before = upstream.callsOf(ENDPOINT).length;
    upstream.next(
      ENDPOINT,
      (call) => call.answer(),
      (call) => call.respond(200, { status: 'error', error: 'choked' }),
      () => undefined,
    );
    const id = await submit('questions.jsonl', ['a', 'b', 'c'].map(line));
    const page = await tabs.at('/batches', key);
    const row = page.getByRole('region', { name: 'Batches, newest first' }).getByRole('row', { name: id });
    // One answered and one failed, of three.
    await row.getByText('1/3').waitFor();
    await row.getByRole('cell', { name: '1', exact: true }).waitFor();
    await row.getByText('in progress').waitFor();
    await page
      .getByRole('region', { name: 'Files, newest first' })
      .getByRole('row', { name: /^questions\.jsonl/ })
      .waitFor();
    await expectGood(page, 'batches');
    await open(page, id);
    const bar = page.getByRole('progressbar', { name: 'Requests' });
    expect(await bar.getAttribute('aria-valuetext')).toBe('1 of 3 answered, 1 failed, 0 running');
    await page.getByText('Results are written when it ends.').waitFor();

    (await upstream.call(ENDPOINT, before + 3)).answer();
    await page.getByText('✓ completed').waitFor();
    const ids = (text: string): string[] =>
      text
        .trim()
        .split('\n')
        .map((each) => (JSON.parse(each) as { custom_id: string }).custom_id);
    // Which of them was the second to be called is nobody's promise.
    const [answered, failed] = [await downloaded(page, 'output file'), await downloaded(page, 'error file')];
    expect([ids(answered).length, ids(failed).length]).toEqual([2, 1]);
    expect([...ids(answered), ...ids(failed)].sort()).toEqual(['a', 'b', 'c']);
    expect(ids(await downloaded(page, 'input file'))).toEqual(['a', 'b', 'c']);
    expect(await page.getByRole('button', { name: 'Cancel batch' }).count()).toBe(0);
    await expectGood(page, 'batch');
  });

  it('are cancelled and deleted once that is confirmed, and say why they are not', async () => {
    const { upstream } = beacon();
    const before = upstream.callsOf(ENDPOINT).length;
    upstream.next(ENDPOINT, () => undefined);
    const id = await submit('waiting.jsonl', ['d', 'e'].map(line));
    await upstream.call(ENDPOINT, before + 1);
    const page = await tabs.at('/batches', key);
    const files = page.getByRole('region', { name: 'Files, newest first' });
    const dialog = page.getByRole('dialog');
    // By keyboard alone.
    await files.getByRole('button', { name: 'Delete… waiting.jsonl' }).focus();
    await page.keyboard.press('Enter');
    await dialog.getByRole('button', { name: 'Delete file' }).focus();
    await page.keyboard.press('Enter');
    await dialog.getByText('FILE_IN_USE').waitFor();
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
    await expectFocus(files.getByRole('button', { name: 'Delete… waiting.jsonl' }));

    await open(page, id);
    await page.getByRole('button', { name: 'Cancel batch' }).click();
    await dialog.getByRole('button', { name: 'Keep it running' }).click();
    await page.getByText('in progress').waitFor();
    await page.getByRole('button', { name: 'Cancel batch' }).click();
    await dialog.getByRole('button', { name: 'Cancel batch' }).click();
    await page.getByText('■ cancelled').waitFor();
    await page.getByText('Not answered').waitFor();
    await expectFocus(page.getByRole('heading', { name: 'Batch', exact: true }));

    await page.getByRole('link', { name: 'All batches' }).click();
    // Nothing of it was answered, however much of it is over.
    const batches = page.getByRole('region', { name: 'Batches, newest first' });
    await batches.getByRole('row', { name: id }).getByText('0/2').waitFor();
    await files.getByRole('button', { name: 'Delete… waiting.jsonl' }).click();
    await dialog.getByRole('button', { name: 'Delete file' }).click();
    await page.getByText('Deleted waiting.jsonl.').waitFor();
    await files.getByRole('row', { name: /^waiting\.jsonl/ }).waitFor({ state: 'detached' });
    await expectFocus(files);
  });

  it('say what is wrong with an input file, line by line', async () => {
    const id = await submit('broken.jsonl', [line('f'), 'not JSON', line('f')]);
    const page = await tabs.at('/batches', key);
    await open(page, id);
    const errors = page.getByRole('region', { name: 'Errors', exact: true });
    await errors.getByRole('row', { name: /^2 invalid_json_line/ }).waitFor();
    await errors.getByRole('row', { name: /^3 duplicate_custom_id/ }).waitFor();
    await page.getByText('✕ failed').waitFor();
    await expectGood(page, 'batch-wrong');
    await page.setViewportSize({ width: 400, height: 800 });
    await expectFits(page, 'batch-wrong');
    await page.getByRole('link', { name: 'All batches' }).click();
    await page.getByRole('row', { name: /^broken\.jsonl/ }).waitFor();
    await expectFits(page, 'narrow-batches');
    await expectOneLine(page, 'narrow-batches');
    await takePicture(page, 'narrow-batches');
    await page.setViewportSize({ width: 1280, height: 900 });
    await expectOneLine(page, 'batches');
  });
}
