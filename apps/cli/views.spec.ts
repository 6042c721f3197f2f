import { stripVTControlCharacters } from 'node:util';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import fc from 'fast-check';
import type { RunListView } from '#contracts';
import { isFileWanted } from './commands/completion.js';
import { listLines } from './commands/runs-view.js';
import { markDifferences } from './compare/word-difference.js';
import type { PlannedOrderFace, QueueFace } from './faces.js';
import { timelineLines } from './plan/timeline-view.js';
import { createProgram } from './program.js';
import { queueLines } from './queue/queue-view.js';
import { sheet } from './terminal/sheet.js';
import { aboutUsd, usd } from './terminal/sums.js';
import { terminalOf } from './terminal/terminal.js';
import { PLAIN_STYLE, TERMINAL_STYLE } from './terminal/style.js';
import type { WatchedRun } from './watch/run-state.js';
import { closingLines, runBlock, runLine } from './watch/run-view.js';

const counts = (done: number, total: number, failed = 0) => ({
  ...{ done, total, failed, accepted: done - failed, running: 0, substituted: 0 },
});
const aRun = (questions: number, changes: Partial<WatchedRun> = {}): WatchedRun => ({
  ...{ runId: '0b0e6c1e-0000-4000-8000-000000000001', name: 'first\u001b[2J', status: 'running' },
  ...{ cancelling: false, etaSeconds: 125, gates: [], budget: { usd: null, gpu_seconds: null } },
  progress: {
    ...{ total: questions * 2, accepted: questions, substituted: 0, failed: 1, cancelled: 0 },
    ...{ running: 1, pending: questions - 2, by_model: {} },
    by_question: Array.from({ length: questions }, (_, index) => ({
      ...counts(index < questions / 2 ? 2 : 0, 2),
      ...{ question_id: `question_${index + 1}`, skew_s: null, skew_exceeded: false },
    })),
    by_region: { US: counts(questions, questions, 1), EU: counts(1, questions) },
  },
  ...changes,
});

describe('a run that is watched', () => {
  it('has a bar for all of it, each region and each question, and the time that is left', () => {
    const lines = runBlock(aRun(2), { width: 60, height: 30, style: PLAIN_STYLE });
    expect(lines).toEqual([
      'run 0b0e6c1e-0000-4000-8000-000000000001 first [2J, running',
      expect.stringMatching(/^ all +█+░+ 3\/4 {2}2 min 05 s left$/),
      expect.stringMatching(/^ US +█+ 2\/2 {2}1 failed$/),
      expect.stringMatching(/^ EU +█+░+ 1\/2$/),
      expect.stringMatching(/^ Q1 question_1 █+ 2\/2$/),
      expect.stringMatching(/^ Q2 question_2 ░+ 0\/2$/),
      ' 1 running, 0 waiting, 1 failed',
    ]);
    expect(runLine(aRun(2))).toBe(
      ' 75 %  3/4  US 2/2  EU 1/2  1 running, 0 waiting, 1 failed, 2 min 05 s left',
    );
  });

  it('fits every terminal, with the questions that are being worked on in view', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 3000 }),
        fc.integer({ min: 40, max: 200 }),
        (questions, width) => {
          const lines = runBlock(aRun(questions), { width, height: 24, style: PLAIN_STYLE });
          expect(lines.length).toBeLessThanOrEqual(24);
          expect(Math.max(...lines.map((line) => [...line].length))).toBeLessThanOrEqual(width);
        },
      ),
      { numRuns: 40 },
    );
    const lines = runBlock(aRun(1000), { width: 80, height: 20, style: PLAIN_STYLE });
    expect(lines.join('\n')).toContain('Q501 question_501');
    expect(lines.join('\n')).toMatch(/500 questions before, \d+ after these; 500 of 1000 done/);
  });

  it('keeps the time left on a narrow terminal, and the status before the name', () => {
    const block = (width: number, changes: Partial<WatchedRun> = {}) =>
      runBlock(aRun(12, changes), { width, height: 30, style: PLAIN_STYLE });
    for (const width of [36, 40, 50])
      expect(block(width)[1]).toMatch(/^ all +[█░ ]*13\/24 {2}2 min 05 s left$/);
    expect(block(40)[1]).toMatch(/█/);
    expect(block(39, { status: 'completed' })[1]).toMatch(/ {2}completed$/);
    expect(block(52)[0]).toBe('run 0b0e6c1e-0000-4000-8000-000000000001, running');
    expect(block(56)[0]).toBe('run 0b0e6c1e-0000-4000-8000-000000000001 first…, running');
  });

  it('that was stopped by its budget is asked again with a higher one', () => {
    const budget = { usd: 0.0004, gpu_seconds: null };
    const failed = aRun(2, { status: 'completed_with_failures', budget });
    expect(closingLines(failed, 3).slice(1)).toEqual([
      'its budget was reached: 3 cells were not asked',
      'ask again, with a higher one: beacon runs retry 0b0e6c1e-0000-4000-8000-000000000001 --budget-usd USD',
    ]);
    expect(closingLines(failed, 0).at(-1)).toBe(
      'ask again: beacon runs retry 0b0e6c1e-0000-4000-8000-000000000001',
    );
  });

  it.each([
    ['completed', /^completed: 2 of 4 .*beacon results 0b0e/],
    ['completed_with_failures', /^completed with failures: .*1 failed.*beacon runs retry 0b0e/],
    ['cancelled', /^cancelled: 2 of 4 cells had been answered$/],
    ['running', /^$/],
  ] as const)('that is %s is told with what to do next', (status, text) => {
    expect(closingLines(aRun(2, { status })).join(' ')).toMatch(text);
  });
});

describe('the timeline of a plan', () => {
  const order: PlannedOrderFace = {
    ...{ order: 'pipeline', makespan_s: 100, cost_usd: 1, cold_starts: 2, peak_gpus: 2, exact: true },
    ...{ gpu_seconds: { cold_start: 1, busy: 1, idle: 1, total: 3 }, feasible: true },
    ...{ infeasible_because: [], timeline_truncated: false },
    timeline: [
      {
        endpoint_id: 'us-small',
        intervals: [
          { state: 'warming', from_s: 0, to_s: 50, from_question: null, to_question: null },
          { state: 'busy', from_s: 50, to_s: 100, from_question: 'a', to_question: 'b' },
        ],
      },
      {
        ...{ region: 'EU', models: ['small'] },
        intervals: [{ state: 'idle', from_s: 50, to_s: 75, from_question: null, to_question: null }],
      },
    ],
  };

  it('draws cold starts, calls and idle time of each endpoint, and the GPUs against their limit', () => {
    const lines = timelineLines(order, 2, 52);
    expect(lines[2]).toBe(` us-small │${'▒'.repeat(20)}${'█'.repeat(20)}`);
    // Customers are shown no endpoint's id.
    expect(lines[3]).toBe(` EU small │${' '.repeat(20)}${'·'.repeat(10)}`);
    expect(lines[4]).toBe(` GPUs     │${'▄'.repeat(20)}${'█'.repeat(10)}${'▄'.repeat(10)}`);
    expect(lines[5]).toContain('at most 2 of 2 GPUs at once');
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(100);
  });

  it('says up to when it is drawn, where there is too much to draw', () => {
    const closing = (changes: Partial<PlannedOrderFace>) =>
      timelineLines({ ...order, ...changes }, 2, 52).at(-1);
    expect(closing({})).toContain('at most 2 of 2 GPUs');
    expect(closing({ timeline_truncated: true, makespan_s: 7200 })).toBe(
      ' (too much to draw whole: this is 2 endpoints, up to 1 min 40 s of 2 h 00 min)',
    );
    expect(closing({ timeline_truncated: true })).toBe(
      ' (too much to draw whole: this is 2 endpoints, to the end)',
    );
  });
});

describe('the queue', () => {
  const region: QueueFace['regions'][string] = {
    ...{ queue_size: 3, retry_queue_size: 1, processing: true, in_flight: 1, completed: 7, failed: 0 },
    ...{ cancelled: 0, expired: 0, oldest_wait_seconds: 61, dispatcher_alive: false, paused: true },
    ...{ wait_reason: 'us-small is cold\u0007 and starts', models: {} },
  };
  const queue: QueueFace = {
    ...{ global_retry_queue_size: 2, gpus_in_use: 1, gpu_limit: 8, as_of: '2026-11-22T15:00:00.000Z' },
    regions: { US: region },
  };

  it('says for each region what waits, since when and why, also where there are no endpoints to be seen', () => {
    const text = queueLines(queue, 120, PLAIN_STYLE).join('\n');
    expect(text).toMatch(/^GPUs █+░+ 1 of 8 {3}2 waiting for a retry anywhere {3}15:00:00 UTC/);
    expect(text).toMatch(/US +│ +3 │ +1 │ +1 │ +7 │ +0 │ 1 min 01 s │ no dispatcher, paused/);
    expect(text).toContain('US: us-small is cold and starts');
    expect(text).not.toContain('endpoint');
  });

  it.each([
    [80, /region │ waiting │ in flight │ failed │ +oldest │ state/],
    [50, /region │ waiting │ failed │ +oldest │ state/],
  ])('shows clock, failures, age and state also in %d columns', (width, titles) => {
    const lines = queueLines(queue, width, PLAIN_STYLE);
    expect(lines[0]).toMatch(/15:00:00 UTC$/);
    expect(lines[2]).toMatch(titles);
    expect(Math.max(...lines.map((line) => [...line].length))).toBeLessThanOrEqual(width);
  });

  it('says how much it leaves out where a terminal is low', () => {
    const endpoint = {
      ...{ region: 'US', state: 'warm', slots_in_use: 0, concurrency: 1, holds_gpu: true },
      ...{ last_error_code: null, paused: [] },
    } as unknown as NonNullable<QueueFace['regions'][string]['endpoints']>[number];
    const endpoints = Array.from({ length: 9 }, (_, index) => ({ ...endpoint, id: `us-${index}` }));
    const full = { ...queue, regions: { US: { ...region, wait_reason: null, endpoints } } };
    const low = queueLines(full, 80, PLAIN_STYLE, 10);
    expect(low).toHaveLength(10);
    expect(low.slice(-2)).toEqual([expect.stringMatching(/^us-0 /), '… and 8 more endpoints']);
    expect(queueLines(full, 80, PLAIN_STYLE, 6).at(-1)).toBe('… and 12 more lines');
    expect(queueLines(full, 80, PLAIN_STYLE, 17)).toEqual(queueLines(full, 80, PLAIN_STYLE));
  });

  it('is cut where its text is, colours aside', () => {
    const plain = queueLines(queue, 40, PLAIN_STYLE);
    const coloured = queueLines(queue, 40, TERMINAL_STYLE);
    expect(Math.max(...plain.map((line) => [...line].length))).toBeLessThanOrEqual(40);
    expect(coloured.map((line) => stripVTControlCharacters(line))).toEqual(plain);
  });
});

describe('a list', () => {
  const titles = ['id', 'name', '-sum'];
  const rows = [
    ['0b0e6c1e', 'a very long name', '17'],
    ['1b0e6c1e', 'short', '4'],
  ];
  const steps = [{ shorten: 'name', to: 6 }, { drop: 'sum' }, { drop: 'name' }];

  it.each([
    [Infinity, '0b0e6c1e │ a very long name │  17'],
    [33, '0b0e6c1e │ a very long name │  17'],
    [30, '0b0e6c1e │ a very long … │  17'],
    [23, '0b0e6c1e │ a ver… │  17'],
    [22, '0b0e6c1e │ a ver…'],
    [12, '0b0e6c1e'],
  ])('of %d columns gives up what matters least', (room, line) => {
    expect(sheet(titles, rows, { room, steps })[2]).toBe(line);
  });

  it('of runs fits 80 columns with whole ids, and says how many cells were answered', () => {
    const run = (
      status: 'cancelled' | 'completed_with_failures',
      accepted: number,
    ): RunListView['runs'][number] => ({
      ...{ run_id: '0b0e6c1e-0000-4000-8000-000000000001', name: 'a name that is rather long', status },
      ...{ cancelling: false, order: 'pipeline', total_cells: 24 },
      progress: {
        ...{ total: 24, accepted, substituted: 0, failed: 1, cancelled: 23 - accepted },
        ...{ running: 0, pending: 0 },
      },
      ...{ created_at: '2026-11-22T15:00:00.000Z', started_at: '2026-11-22T15:00:00.000Z' },
      finished_at: '2026-11-22T15:01:00.000Z',
    });
    const list = { runs: [run('cancelled', 5), run('completed_with_failures', 23)], next_cursor: null };
    const narrow = listLines(list, 80);
    expect(Math.max(...narrow.map((line) => [...line].length))).toBeLessThanOrEqual(80);
    expect(narrow[2]).toMatch(/^0b0e6c1e-0000-4000-8000-000000000001 .* cancelled .* 5\/24/);
    expect(narrow[3]).toMatch(/ completed with .* 23\/24/);
    expect(listLines(list, 50)[3]).toMatch(/^0b0e6c1e-0000-4000-8000-000000000001 │ completed…/);
    expect(listLines(list)[3]).toMatch(/name that is rather long .* pipeline .*23\/24 .*15:00:00\.000Z/);
  });

  it('fits the terminal it is shown on, and is whole in a pipe', () => {
    expect(terminalOf({ isTTY: true, columns: 80 }, {})).toMatchObject({ width: 80, room: 80 });
    expect(terminalOf({ columns: 80 }, { COLUMNS: '80' })).toMatchObject({ width: 80, room: Infinity });
  });

  it.each([
    [0, '0.00', '0.00'],
    [0.00012345, '0.000123', '0.00012'],
    [0.0004, '0.0004', '0.0004'],
    [0.5, '0.50', '0.50'],
    [2.505, '2.505', '2.50'],
    [12, '12.00', '12.00'],
  ])('of sums shows the digits of %d that say something', (amount, exact, about) => {
    expect([usd(amount), aboutUsd(amount)]).toEqual([exact, about]);
  });
});

describe('differences between answers', () => {
  const differing = (text: string, other: string): string =>
    markDifferences(text, other)
      .flatMap(({ word, differs }) => (differs ? [word] : []))
      .join(' ');

  it.each([
    ['The answer is four.', 'the answer is four', ''],
    ['The capital is Paris now', 'The capital was Paris', 'is now'],
    ['a b c', '', 'a b c'],
    ['', 'a', ''],
  ])('%j beside %j', (text, other, words) => expect(differing(text, other)).toBe(words));

  it('leave nothing out, and mark nothing of an answer that is the same', () => {
    const words = fc
      .array(fc.constantFrom('a', 'b', 'c', 'd'), { maxLength: 12 })
      .map((each) => each.join(' '));
    fc.assert(
      fc.property(words, words, (text, other) => {
        expect(
          markDifferences(text, other)
            .map(({ word }) => word)
            .join(' '),
        ).toBe(text);
        expect(differing(text, text)).toBe('');
      }),
    );
  });
});

describe('completion', () => {
  const program = createProgram(() => undefined);
  let printed: string[] = [];
  beforeEach(() => {
    printed = [];
    jest.spyOn(console, 'log').mockImplementation((text: unknown) => void printed.push(String(text)));
    jest.spyOn(process.stdout, 'write').mockImplementation((text) => printed.push(String(text)) > 0);
  });
  afterEach(() => {
    jest.restoreAllMocks();
  });

  const complete = async (...words: string[]): Promise<string[]> => {
    await createProgram(() => undefined).parseAsync(['complete', '--', ...words], { from: 'user' });
    return printed
      .join('\n')
      .trim()
      .split('\n')
      .map((line) => line.split('\t')[0] ?? '');
  };

  it.each([
    [['ru'], ['run', 'runs', ':4']],
    [
      ['runs', 're'],
      ['reject', 'resume', 'retry', ':4'],
    ],
    [
      ['plan', 'x.yaml', '--ord'],
      ['--order', ':4'],
    ],
    [
      ['plan', 'x.yaml', '--order', 'pi'],
      ['pipeline', ':4'],
    ],
    [['run', ''], [':0']],
  ])('of %j', async (words, suggestions) => {
    expect((await complete(...words)).sort()).toEqual([...suggestions].sort());
  });

  it.each([
    [['run', 'x'], true],
    [['run', 'x.yaml', ''], false],
    [['results', ''], false],
    [['results', 'id', '--output', ''], true],
    [['doctor', '--config', ''], true],
    [['receipt', 'verify', ''], true],
    [['runs', 'watch', '--url', 'http://x', ''], false],
    [['run', '--det'], false],
    [['doctor', '--config=tw'], true],
    [['doctor', '--url=tw'], false],
  ])('leaves files to the shell: %j %j', (words, isWanted) => {
    expect(isFileWanted(program, words)).toBe(isWanted);
  });

  it.each(['bash', 'zsh', 'fish'])('has a script for %s', async (shell) => {
    await createProgram(() => undefined).parseAsync(['completion', shell], { from: 'user' });
    expect(printed.join('\n')).toContain('beacon complete --');
  });
});
