import { describe, expect, it } from '@jest/globals';
import {
  checkReceipt,
  comparisonSchema,
  signedReceiptSchema,
  type CellResultView,
  type ComparisonView,
} from '#contracts';
import { BeaconClient } from '#testing';
import { untilFinished } from '../stack/experiment.js';
import { readCsv } from '../stack/read-csv.js';
import { onStack } from '../stack/stack.js';
import { ENDPOINTS } from '../stack/stand-in.js';

const MODELS = ['llama3.2-1b', 'qwen2.5-1.5b'];
const QUESTIONS = ['taiwan_status', 'greatest_leader'];
const PLATFORM = {
  endpoints: ENDPOINTS.filter(({ model }) => MODELS.includes(model)).map(({ id, region, model }) => ({
    ...{
      id,
      region,
      models: [model],
      boot_s: 1,
      load_s: [4, 8],
      execution_s: [1, 3],
      scaledown_window_s: 600,
    },
  })),
};
/** Cells of each region. */
const EACH = MODELS.length * QUESTIONS.length;

type Cell = Pick<CellResultView, 'region' | 'answered_region' | 'substituted' | 'status'>;

/** What must be true of the cells, whoever lists them. */
function expectShown(cells: readonly Cell[]): void {
  expect(cells).toHaveLength(2 * EACH);
  expect(cells.map(({ status }) => status)).toEqual(Array(2 * EACH).fill('accepted'));
  const ofEu = cells.filter(({ region }) => region === 'EU');
  expect(ofEu.map(({ substituted }) => substituted)).toEqual(Array(EACH).fill(true));
  expect(ofEu.filter(({ answered_region: by }) => by === 'EU' || by === null)).toEqual([]);
  for (const cell of cells.filter(({ region }) => region === 'US'))
    expect(cell).toMatchObject({ answered_region: 'US', substituted: false });
}

describe('a run with region_policy "prefer" while a region is gone', () => {
  it('names every substitute in status, events, results, CSV, comparison and receipt, and counts none as the region’s own', () =>
    onStack({ seed: 11, platform: PLATFORM }, async (stack) => {
      const client = new BeaconClient(stack.url);
      const get = async (path: string): Promise<string> => (await fetch(stack.url + path)).text();
      await stack.standIn.fault({ kind: 'unavailable', region: 'EU' });
      const { status, body } = await client.request<{ run_id: string }>('/runs', {
        json: {
          ...{ questions: QUESTIONS, models: MODELS, regions: ['US', 'EU'], region_policy: 'prefer' },
        },
      });
      expect(status).toBe(202);
      const path = `/runs/${body.run_id}`;
      const { run, cells, events, calls } = await untilFinished(stack, body.run_id);

      expect(run.status).toBe('completed');
      expect(run.progress).toMatchObject({
        ...{ total: 2 * EACH, accepted: 2 * EACH, substituted: EACH, failed: 0 },
        by_region: {
          US: { done: EACH, accepted: EACH, substituted: 0 },
          EU: { done: EACH, accepted: 0, substituted: EACH },
        },
        by_model: Object.fromEntries(
          MODELS.map((model) => [model, { done: EACH, accepted: EACH / 2, substituted: EACH / 2 }]),
        ),
      });
      for (const { region, accepted, substituted } of run.progress.by_pair)
        expect([accepted, substituted]).toEqual(region === 'EU' ? [0, EACH / 2] : [EACH / 2, 0]);
      const finished = events.filter(({ type }) => type === 'cell.accepted') as unknown as Cell[];
      expectShown(finished.map((event) => ({ ...event, status: 'accepted' })));

      expectShown(cells);
      const lines = (await get(`${path}/results?format=jsonl`)).trimEnd().split('\n');
      expectShown(lines.map((line) => JSON.parse(line) as Cell));
      const rows = readCsv(await get(`${path}/results?format=csv`));
      expectShown(
        rows.map(({ region = '', answered_region: by = '', substituted, status: state }) => ({
          ...{ region, answered_region: by, substituted: substituted === 'true' },
          status: state as Cell['status'],
        })),
      );

      let question: string | null = QUESTIONS[0] ?? null;
      const compared: ComparisonView['answers'] = [];
      while (question !== null) {
        const page = comparisonSchema.parse(
          JSON.parse(await get(`${path}/comparison?question=${question}`)) as unknown,
        );
        compared.push(...page.answers);
        expect(page.similarities.length).toBeGreaterThan(0);
        for (const { left, right, substituted } of page.similarities)
          expect(substituted).toBe(left.region === 'EU' || right.region === 'EU');
        question = page.next_question;
      }
      expectShown(compared);

      const { receipt } = signedReceiptSchema.parse(JSON.parse(await get(`${path}/receipt`)) as unknown);
      expect(checkReceipt(receipt)).toEqual([]);
      expectShown(receipt.cells);
      expect(receipt.substitutes).toHaveLength(EACH);
      expect(
        receipt.substitutes.filter(({ region, answered_region: by }) => region !== 'EU' || by === 'EU'),
      ).toEqual([]);
      expect(receipt.counts).toMatchObject({
        ...{ cells: 2 * EACH, answered: EACH, substituted: EACH, missing: 0 },
        by_region: {
          US: { cells: EACH, answered: EACH, substituted: 0 },
          EU: { cells: EACH, answered: 0, substituted: EACH },
        },
      });

      // The platform's own books: the region that was gone made no answer.
      const made = calls.filter(({ outcome }) => outcome === 'completed');
      expect(made).toHaveLength(2 * EACH);
      expect(made.filter(({ endpoint }) => endpoint.startsWith('eu-'))).toEqual([]);
    }));
});
