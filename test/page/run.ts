import { mkdtemp, open, readFile, rm, type FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { BeaconClient, TcpLink, startBeacon, until, type Beacon } from '#testing';
import { QUESTIONS, submitExperiment, untilFinished } from '../stack/experiment.js';
import { ensureBuilt } from '../stack/stack.js';
import { ENDPOINTS, StandIn } from '../stack/stand-in.js';
import { layoutFaults } from './axe.js';
import type { OpenPage, OpenedPage, Page } from './browser.js';
import { expectFocus } from './focus.js';
import { expectFits, expectGood, takePicture } from './looks.js';

const RUN_MS = 600_000;
/** Of a test that waits for a run. */
const TEST_MS = 900_000;
/** From the commit of an event to the picture of it: of half of them at least, on a machine that does other work. */
const EVENT_TO_PIXEL_MS = 500;
/** The run waits at a gate after each question, each of which is asked eight times: for the page, however slow it is. */
const [OPENED_AT, CUT_AT, HEALED_AT] = [1, 5, 6];
const ANSWERS = 8;
/** All but those that are answered before the page is opened, and while it is cut off. */
const isMeasured = (number: number): boolean =>
  (number > OPENED_AT && number <= CUT_AT) || number > HEALED_AT;
const PLATFORM = {
  endpoints: ENDPOINTS.map(({ id, region, model }) => ({
    ...{ id, region, models: [model], gpu: model === 'mistral-7b' ? 'L4' : 'T4' },
    // Containers outlive the gates.
    ...{ boot_s: 1, load_s: [10, 30], execution_s: [6, 12], scaledown_window_s: 6000 },
  })),
};

/** Notes when the number of executions answered changes in the document. */
const WATCH_EXECUTIONS = `
  window.seen = [];
  new MutationObserver(() => {
    const text = document.querySelector('[data-testid=executions]')?.textContent ?? '';
    const done = Number(text.split('/')[0].replaceAll(',', ''));
    if (text !== '' && done !== window.seen.at(-1)?.done) window.seen.push({ done, atMs: Date.now() });
  }).observe(document, { subtree: true, childList: true, characterData: true });`;

/** A run on the demo's eight endpoints, from its first cold start to its receipt. */
export function runCases(openPage: OpenPage): void {
  let folder: string;
  let log: FileHandle;
  let standIn: StandIn;
  let beacon: Beacon;
  let link: TcpLink;
  let opened: OpenedPage;
  let page: Page;
  let runId: string;
  beforeAll(async () => {
    await ensureBuilt();
    folder = await mkdtemp(join(tmpdir(), 'beacon-page-'));
    log = await open(join(folder, 'log'), 'a');
    standIn = await StandIn.start(folder, 11, ENDPOINTS.length, log.fd, PLATFORM);
    const configuration = await standIn.beaconConfiguration();
    beacon = await startBeacon({ configuration: () => configuration, runner: true });
    link = await TcpLink.open(Number(new URL(beacon.url).port));
    opened = await openPage(`http://127.0.0.1:${link.port}`, '/runs');
    ({ page } = opened);
  });
  afterAll(async () => {
    await link?.close();
    await beacon?.stop();
    await standIn?.stop();
    await log?.close();
    await rm(folder, { recursive: true, force: true });
  });

  it(
    'is watched to its end: events are seen within half a second, by the median, and a lost connection loses nothing',
    async () => {
      await page.getByText('There are no runs yet').waitFor();
      const gates = QUESTIONS.slice(0, -1);
      runId = await submitExperiment({ url: beacon.url, standIn }, 'question', {
        name: 'Answers by region',
        gates: gates.map((after) => ({ after_question: after })),
      });
      const client = new BeaconClient(beacon.url);
      /** @param number of the question after which it waits, counted from 1 */
      const approve = (number: number): Promise<unknown> =>
        until(
          `the run goes on after question ${number}`,
          async () =>
            (await client.request(`/runs/${runId}/gates/${gates[number - 1]}/approve`, { method: 'POST' }))
              .status === 200,
          RUN_MS,
        );
      /**
       * Asks what is measured question by question, each once the page shows the one before: a machine that stands still
       * for some seconds makes the events of one question late, and the median is that of all.
       */
      const watchUpTo = async (from: number, to: number): Promise<void> => {
        for (let number = from; number < to; number += 1) {
          await approve(number);
          await page.getByText(`${(number + 1) * ANSWERS}/64 executions`).waitFor({ timeout: RUN_MS });
        }
      };
      await page.getByRole('link', { name: 'Answers by region' }).click();
      await page.getByRole('heading', { name: 'Answers by region' }).waitFor();
      await page.getByText('Live', { exact: true }).waitFor();
      await page.getByText(`${OPENED_AT * ANSWERS}/64 executions`).waitFor({ timeout: RUN_MS });
      await page.evaluate(WATCH_EXECUTIONS);
      await watchUpTo(OPENED_AT, CUT_AT);
      await page.getByRole('button', { name: 'EU', exact: true }).click();
      await takePicture(page, 'run-live');
      // Nothing is told meanwhile; then all of it is, from where it was left.
      link.cut();
      await page.getByRole('alert').getByText('The connection is lost').waitFor();
      await page.getByText('Connection lost').waitFor();
      await takePicture(page, 'run-connection-lost');
      await approve(CUT_AT);
      await until(
        'more is answered',
        async () =>
          (await client.request<{ progress: { accepted: number } }>(`/runs/${runId}`)).body.progress
            .accepted ===
          HEALED_AT * ANSWERS,
        RUN_MS,
      );
      await page.getByText(`${CUT_AT * ANSWERS}/64 executions`).waitFor();
      link.heal();
      await page.getByText('Live', { exact: true }).waitFor();
      await page.getByText(`${HEALED_AT * ANSWERS}/64 executions`).waitFor();
      await watchUpTo(HEALED_AT, QUESTIONS.length);

      const { events } = await untilFinished({ url: beacon.url, standIn }, runId);
      await page.getByText('64/64 executions').waitFor();
      await page.getByText('✓ completed').first().waitFor();

      const seen = await page.evaluate<{ done: number; atMs: number }[]>('window.seen');
      const lags = events
        .filter(({ type }) => type === 'cell.accepted')
        .map(({ at }, index) => ({ done: index + 1, atMs: Date.parse(at) }))
        .filter(({ done }) => isMeasured(Math.ceil(done / ANSWERS)))
        .map(({ done, atMs }) => seen.find((change) => change.done >= done)!.atMs - atMs)
        .sort((left, right) => left - right);
      const median = lags[Math.floor(lags.length / 2)]!;
      process.stdout.write(
        `event to pixel: median ${median} ms, most ${lags.at(-1)} ms, of ${lags.length} events\n`,
      );
      expect(lags.length).toBe((CUT_AT - OPENED_AT + QUESTIONS.length - HEALED_AT) * ANSWERS);
      expect(median).toBeLessThan(EVENT_TO_PIXEL_MS);
    },
    TEST_MS,
  );

  it('shows each question, and each region as model by question', async () => {
    await page
      .getByRole('progressbar', { name: 'Q1', exact: true })
      .and(page.locator('[aria-valuetext="8 of 8 answered, 0 failed, 0 running"]'))
      .waitFor();
    await page.getByRole('button', { name: 'US', exact: true, expanded: false }).focus();
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'US', exact: true, expanded: true }).waitFor();
    const grid = page.getByRole('region', { name: 'Model by question in US' });
    await grid.getByText('accepted').nth(15).waitFor();
    expect(await grid.getByRole('columnheader').allInnerTexts()).toEqual([
      'Question',
      'llama3.2-1b',
      'qwen2.5-1.5b',
    ]);
    expect(await grid.getByText('accepted').count()).toBe(16);
  });

  it('shows what the containers did against the plan, in a picture and in figures', async () => {
    await page.getByRole('link', { name: 'Timeline' }).click();
    const table = page.getByRole('region', { name: 'What each container did' });
    await table.getByRole('row').nth(8).waitFor();
    expect(await table.getByRole('row').count()).toBe(9);
    await page.getByText('of 8 GPUs were held at once').waitFor();
    expect(await page.locator('rect.done-busy').count()).toBeGreaterThanOrEqual(8);
    expect(await page.locator('rect.planned-busy').count()).toBeGreaterThanOrEqual(8);
    expect(await page.locator('rect.done-warming').count()).toBeGreaterThanOrEqual(8);
    await takePicture(page, 'run-timeline');
  });

  it('compares the answers of regions, question by question', async () => {
    await page.getByRole('link', { name: 'Compare' }).click();
    await page.getByRole('heading', { name: 'llama3.2-1b' }).waitFor();
    await page.getByLabel('Question', { exact: true }).selectOption('math_basic');
    await page.getByText('2 + 2').first().waitFor();
    await page.waitForURL(/\/compare\/math_basic\/1$/);
    await page.getByRole('article').nth(7).waitFor();
    await page.getByRole('article', { name: 'ASIA' }).first().waitFor();
    expect(await page.getByRole('article').count()).toBe(8);
    const model = page.getByRole('region', { name: 'qwen2.5-1.5b' });
    await model.getByLabel('Differences from').selectOption('EU');
    await takePicture(page, 'run-comparison');
  });

  it('gives out the results and the receipt', async () => {
    await page.getByRole('link', { name: 'Receipt and results' }).click();
    const [csv] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'Download CSV' }).click(),
    ]);
    const rows = (await readFile(await csv.path(), 'utf8')).trim().split('\r\n');
    expect(rows[0]).toMatch(/^question_id,model,region/);
    expect(rows.length).toBeGreaterThanOrEqual(65);
    const [receipt] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'Download and show receipt' }).click(),
    ]);
    expect(receipt.suggestedFilename()).toBe(`receipt-${runId}.json`);
    await page.getByText('Complete', { exact: true }).waitFor();
    await page.getByText('64 answered by the regions themselves').waitFor();
    await takePicture(page, 'run-receipt');
  });

  it('says why one whose budget is reached asked nothing, and raises it', async () => {
    const { body } = await new BeaconClient(beacon.url).request<{ run_id: string }>('/runs', {
      json: {
        ...{ name: 'Too dear', models: ['llama3.2-1b'], regions: ['US'], budget: { usd: 1e-7 } },
        questions: [{ id: 'sum', text: 'What is 1 + 1?' }],
      },
    });
    const place = `http://127.0.0.1:${link.port}/#/runs/`;
    await page.goto(`${place}${body.run_id}/cells`);
    const cells = page.getByRole('region', { name: 'Cells, question by question' });
    await cells.getByText('BUDGET_REACHED').waitFor();
    await page.getByText('0/1 executions').waitFor();
    await page.getByRole('link', { name: 'Compare' }).click();
    await page.getByRole('article', { name: 'US' }).getByText('BUDGET_REACHED').waitFor();
    const notice = page.getByRole('region', { name: 'Budget' });
    await notice.getByText('The budget is reached').waitFor();
    await expectGood(page, 'run-budget-reached');
    const budget = notice.getByLabel('Budget in US dollars');
    expect(await budget.inputValue()).toBe('0.0000001');
    const raise = notice.getByRole('button', { name: 'Raise it and ask it' });
    expect(await raise.isDisabled()).toBe(true);
    await budget.fill('5');
    await raise.click();
    await page.getByText('1/1 executions').waitFor();
    await page.getByText('$5.00', { exact: true }).waitFor();
    await page.getByText('BUDGET_REACHED').first().waitFor({ state: 'detached' });
    await page.goto(`${place}${runId}`);
    await page.getByRole('heading', { name: 'Answers by region', level: 1 }).waitFor();
  });

  it('is paused, resumed, extended and cancelled by those who may', async () => {
    await page.getByRole('button', { name: 'Extend' }).click();
    // A minute of work, on a quick machine as well: it goes on while it is paused, resumed and cancelled.
    await page.getByRole('dialog').getByLabel('Repeats in all').fill('15');
    await takePicture(page, 'run-extend');
    await page.getByRole('dialog').getByRole('button', { name: 'Extend' }).click();
    await page.getByText('/960 executions').waitFor();
    await page.getByRole('button', { name: 'Pause' }).click();
    const resume = page.getByRole('button', { name: 'Resume' });
    await resume.waitFor();
    await page.getByRole('button', { name: 'Cancel run' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.waitFor();
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
    await expectFocus(page.getByRole('button', { name: 'Cancel run' }));
    await resume.click();
    await page.getByRole('button', { name: 'Cancel run' }).click();
    await dialog.getByRole('button', { name: 'Cancel run' }).click();
    await page.getByText('■ cancelled').first().waitFor();
    await expectFocus(page.getByRole('heading', { name: 'Answers by region', level: 1 }));
    const { body } = await new BeaconClient(beacon.url).request<{
      status: string;
      progress: { accepted: number; cancelled: number };
    }>(`/runs/${runId}`);
    const { accepted, cancelled } = body.progress;
    expect([body.status, accepted + cancelled]).toEqual(['cancelled', 960]);
    // What was cancelled is no answer.
    await page.getByText(`${accepted}/960 executions`).waitFor();
    await page.getByRole('link', { name: 'Runs' }).click();
    await page
      .getByRole('row', { name: /^Answers by region/ })
      .getByText(`${accepted}/960`)
      .waitFor();
  });

  /** Each view, and what is there once it shows what it has to show. */
  const VIEWS = {
    '': (of: Page) => of.getByRole('region', { name: 'Executions answered of each question' }),
    '/cells': (of: Page) => of.getByRole('region', { name: 'Cells, question by question' }),
    '/timeline': (of: Page) => of.getByRole('region', { name: 'What each container did' }),
    '/compare': (of: Page) => of.getByRole('article').first(),
    '/receipt': (of: Page) => of.getByRole('button', { name: 'Download CSV' }),
  };

  it('has no serious fault for axe, in light and in dark, and fits a narrow screen', async () => {
    await page.getByRole('link', { name: 'Runs' }).click();
    const expectShown = async (name: string): Promise<void> => {
      await expectGood(page, name);
      await expectFits(page, name);
    };
    await page.getByRole('link', { name: 'Answers by region' }).waitFor();
    await page.getByRole('progressbar').first().waitFor();
    await expectShown('runs');
    for (const place of Object.keys(VIEWS) as (keyof typeof VIEWS)[]) {
      await page.goto(`http://127.0.0.1:${link.port}/#/runs/${runId}${place}`);
      await VIEWS[place](page).waitFor();
      if (place === '') await page.getByRole('button', { name: 'ASIA' }).click();
      await expectShown(`run${place.replace('/', '-')}`);
    }
    await page.setViewportSize({ width: 400, height: 900 });
    for (const place of ['', '/timeline'] as const) {
      await page.goto(`http://127.0.0.1:${link.port}/#/runs/${runId}${place}`);
      await VIEWS[place](page).waitFor();
      expect([place, await layoutFaults(page)]).toEqual([place, []]);
      await expectFits(page, place);
      await takePicture(page, `narrow-run${place.replace('/', '-')}`);
    }
  });

  it('asked nobody but the router, and complained of nothing', () => {
    expect(opened.strangers).toEqual([]);
    expect(opened.complaints).toEqual([]);
  });
}
