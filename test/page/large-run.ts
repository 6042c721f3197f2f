import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { startBeacon, type Beacon } from '#testing';
import { seriousFaults } from './axe.js';
import type { OpenPage, OpenedPage } from './browser.js';
import { takePicture } from './looks.js';
import { PageCosts } from './page-costs.js';

const MODELS = ['m1', 'm2'];
const REGIONS = ['US', 'EU', 'ASIA', 'AFRICA', 'OCEANIA'];
const QUESTIONS = 10_000;
const CELLS = QUESTIONS * MODELS.length * REGIONS.length;
const LIMIT_MS = 600_000;
/** Of a test that waits so long. */
const TEST_MS = 900_000;
/** Of the processor. Whoever scrolls or types waits no longer; the figure for people is 200, of a quick machine. */
const LONG_TASK_MS = 500;
const HEAP_BYTES_MAX = 150 * 1024 * 1024;

/** A run of 100,000 cells. */
export function largeRunCases(openPage: OpenPage): void {
  let beacon: Beacon;
  let opened: OpenedPage;
  let runId: string;
  beforeAll(async () => {
    // No runner: the run stays as it is, but for what this spec writes.
    beacon = await startBeacon({
      configuration: (url) =>
        JSON.stringify({
          limits: { endpoints: 5, gpus: 5 },
          regions: Object.fromEntries(REGIONS.map((region) => [region, {}])),
          endpoints: REGIONS.map((region) => ({
            id: region,
            region,
            models: MODELS,
            url: `${url}/${region}`,
          })),
        }),
      dispatchers: [],
    });
    const questions = Array.from({ length: QUESTIONS }, (_, index) => ({
      id: `question-${index + 1}`,
      text: `What is ${index}?`,
    }));
    const { status, body } = await beacon.client.request<{ run_id: string; total_cells: number }>('/runs', {
      json: { name: 'Large', questions, models: MODELS, regions: REGIONS },
    });
    expect([status, body.total_cells]).toEqual([202, CELLS]);
    runId = body.run_id;
    opened = await openPage(beacon.url, `/runs/${runId}`);
  });
  afterAll(async () => {
    await beacon?.stop();
  });

  /** Events as the runner writes them: each cell of these questions is submitted, then accepted. */
  async function answer(fromQuestion: number, toQuestion: number): Promise<void> {
    await beacon.database.query(
      `INSERT INTO run_events (run_id, type, data)
       SELECT $1, type,
              jsonb_build_object('cell_no', 1, 'question_id', 'question-' || question, 'model', model, 'region', region,
                                 'repeat', 1, 'job_id', NULL, 'cell_attempt', 1, 'attempts', 1, 'answered_region', region,
                                 'substituted', false, 'inference_time', 1)
         FROM generate_series($2::integer, $3::integer) AS question,
              unnest($4::text[]) AS model, unnest($5::text[]) AS region,
              unnest(ARRAY['cell.submitted', 'cell.accepted']) WITH ORDINALITY AS kind (type, turn)
        ORDER BY question, turn`,
      [runId, fromQuestion, toQuestion, MODELS, REGIONS],
    );
  }

  it(
    'is read in pages, a letter a cell, and is there in seconds',
    async () => {
      const { page } = opened;
      await page.getByText('0/100,000 executions').waitFor();
      await page.getByRole('link', { name: 'question-1', exact: true }).waitFor();
      await page.getByRole('link', { name: 'Cells' }).click();
      await page
        .getByLabel('Show')
        .getByText('all (100,000)')
        .waitFor({ state: 'attached', timeout: LIMIT_MS });
      const rows = page.getByRole('region', { name: 'Cells, question by question' }).getByRole('row');
      await rows.getByRole('link', { name: 'question-1', exact: true }).first().waitFor();
      expect(await rows.count()).toBeLessThan(120);
    },
    TEST_MS,
  );

  it(
    'is scrolled from end to end, and is kept up to date by thousands of events, without a halt',
    async () => {
      const { page } = opened;
      const frame = page.getByRole('region', { name: 'Cells, question by question' });
      const costs = await PageCosts.of(page);
      const tasks = await costs.tasksDuring(async () => {
        const answering = (async () => {
          for (let question = 1; question <= 500; question += 50) await answer(question, question + 49);
        })();
        await frame.hover();
        for (let step = 0; step < 40; step += 1) await page.mouse.wheel(0, 60_000);
        await frame.press('End');
        await page
          .getByRole('link', { name: `question-${QUESTIONS}`, exact: true })
          .first()
          .waitFor();
        await answering;
        await page.getByText('5,000/100,000 executions').waitFor({ timeout: LIMIT_MS });
        await page.getByLabel('Show').selectOption('accepted');
        await page.getByRole('link', { name: 'question-1', exact: true }).first().waitFor();
      });
      const [longest = 0] = tasks;
      const heap = await costs.heapBytes();
      process.stdout.write(
        `100,000 cells, 10,000 events: ${tasks.filter((ms) => ms > 50).length} tasks above 50 ms of the processor, longest ${Math.round(longest)} ms, heap ${Math.round(heap / 1e6)} MB\n`,
      );
      expect(longest).toBeGreaterThan(0);
      expect(longest).toBeLessThan(LONG_TASK_MS);
      expect(heap).toBeLessThan(HEAP_BYTES_MAX);
      await takePicture(page, 'large-cells');
      expect(await seriousFaults(page)).toEqual([]);
    },
    TEST_MS,
  );

  it('opens a region as model by question, ten thousand rows of them', async () => {
    const { page } = opened;
    await page.getByRole('link', { name: 'Progress' }).click();
    await page.getByRole('button', { name: 'AFRICA' }).click();
    const grid = page.getByRole('region', { name: 'Model by question in AFRICA' });
    await grid.getByRole('row').nth(5).waitFor();
    expect(await grid.getByRole('table').getAttribute('aria-rowcount')).toBe(String(QUESTIONS + 1));
    await answer(501, 501);
    await page.getByText('5,010/100,000 executions').waitFor();
    await takePicture(page, 'large-progress');
    await opened.close();
    expect(opened.strangers).toEqual([]);
    expect(opened.complaints).toEqual([]);
  });
}
