import { describe, expect, it } from '@jest/globals';
import { BeaconClient, until } from '#testing';
import { submitExperiment, untilFinished, type Evidence } from '../stack/experiment.js';
import { onStack, type Stack } from '../stack/stack.js';
import { ENDPOINTS } from '../stack/stand-in.js';

const LIMIT_MS = 600_000;
const PLATFORM = {
  endpoints: ENDPOINTS.map(({ id, region, model }) => ({
    ...{
      id,
      region,
      models: [model],
      boot_s: 1,
      load_s: [10, 20],
      execution_s: [7, 14],
      scaledown_window_s: 900,
    },
  })),
};
const pairName = ({ region = '', model = '' }: { region?: string; model?: string }): string =>
  `${model} in ${region}`;
const PAIRS = ENDPOINTS.map(pairName);

/** When each pair's cells were accepted, in order. Unix ms. */
function acceptedAt({ events }: Evidence): Map<string, number[]> {
  const times = new Map<string, number[]>(PAIRS.map((pair) => [pair, []]));
  for (const event of events) {
    if (event.type === 'cell.accepted') times.get(pairName(event))?.push(Date.parse(event.at));
  }
  return times;
}

/** Largest lead of one run over the other in a pair, at any moment at which both have open cells of it. */
function largestLead(left: readonly number[], right: readonly number[]): number {
  const bothOpenUntil = Math.min(left.at(-1) ?? 0, right.at(-1) ?? 0);
  const moments = [...left, ...right].filter((at) => at < bothOpenUntil);
  const by = (times: readonly number[], at: number): number => times.filter((time) => time <= at).length;
  return Math.max(0, ...moments.map((at) => Math.abs(by(left, at) - by(right, at))));
}

function lastOf(times: ReadonlyMap<string, readonly number[]>): number {
  return Math.max(...[...times.values()].flat());
}

/** The longest that a run waited for its next answer in a pair, once it had one: one question's time. */
function longestQuestionMs(times: ReadonlyMap<string, readonly number[]>): number {
  const gaps = [...times.values()].flatMap((each) =>
    each.slice(1).map((at, index) => at - (each[index] ?? at)),
  );
  return Math.max(...gaps);
}

/** By the platform's own books. */
function expectWithinLimits({ account }: Evidence): void {
  expect(account.totals.gpus_peak).toBeLessThanOrEqual(ENDPOINTS.length);
  for (const [id, { overlaps, max_in_flight: most }] of Object.entries(account.endpoints))
    expect([id, overlaps, most]).toEqual([id, 0, 1]);
}

describe('two runs at once', () => {
  it(
    'of 64 cells each share every endpoint evenly: neither is ahead by more than one cell and one question, and both end together',
    () =>
      onStack({ seed: 21, platform: PLATFORM }, async (stack) => {
        const first = await submitExperiment(stack);
        const second = await submitBeside(stack, {});
        const [a, b] = [await untilFinished(stack, first), await untilFinished(stack, second)];
        expect([a.run.status, b.run.status]).toEqual(['completed', 'completed']);
        expect([a.run.progress.accepted, b.run.progress.accepted]).toEqual([64, 64]);
        expectWithinLimits(b);
        expect(b.calls).toHaveLength(128);

        const [ofA, ofB] = [acceptedAt(a), acceptedAt(b)];
        // One repeat: a question is one cell of each pair.
        for (const pair of PAIRS) {
          const lead = largestLead(ofA.get(pair) ?? [], ofB.get(pair) ?? []);
          expect([pair, lead <= 1 + 1]).toEqual([pair, true]);
        }
        // By their last answers: what stands still after them ends the runs late, and is nobody's share.
        const apartMs = Math.abs(lastOf(ofA) - lastOf(ofB));
        expect(apartMs).toBeLessThanOrEqual(Math.max(longestQuestionMs(ofA), longestQuestionMs(ofB)));
      }),
    LIMIT_MS,
  );

  it(
    'do not keep each other waiting where one asks a single question very often and the other is small',
    () =>
      onStack({ seed: 22, platform: PLATFORM }, async (stack) => {
        const large = await submitBeside(stack, {
          questions: ['taiwan_status'],
          repeats: 60,
          order: 'question',
        });
        const client = new BeaconClient(stack.url);
        await until('the large run is under way everywhere', async () => {
          const { body } = await client.request<Evidence['run']>(`/runs/${large}`);
          return body.progress.by_pair.every(({ accepted }) => accepted > 0);
        });
        const small = await submitBeside(stack, {
          questions: ['math_basic', 'identity_basic', 'greatest_leader'],
        });
        const { run: ended, ...ofSmall } = await untilFinished(stack, small);
        expect(ended.status).toBe('completed');

        const both = await untilFinished(stack, large);
        expectWithinLimits(both);
        expect(both.run.progress.accepted).toBe(60 * ENDPOINTS.length);
        const [times, others] = [acceptedAt({ run: ended, ...ofSmall }), acceptedAt(both)];
        // It did not wait for the other one to end.
        const before = [...others.values()].flat().filter((at) => at < lastOf(times));
        expect(before.length).toBeLessThan(both.run.progress.total / 2);
        for (const pair of PAIRS) {
          const own = times.get(pair) ?? [];
          expect(own).toHaveLength(3);
          for (const [index, at] of own.slice(1).entries()) {
            const since = own[index] ?? 0;
            const between = others.get(pair)?.filter((other) => other > since && other < at) ?? [];
            // Those that were in the router's hands, and the one that was being answered.
            expect([pair, between.length <= 2 * 1 + 1]).toEqual([pair, true]);
          }
        }
        expect(mostInHand(both)).toBeLessThanOrEqual(2);
      }),
    LIMIT_MS,
  );
});

async function submitBeside(stack: Stack, changes: Readonly<Record<string, unknown>>): Promise<string> {
  const { status, body } = await new BeaconClient(stack.url).request<{ run_id: string }>('/runs', {
    json: {
      questions: [
        ...['tiananmen_neutral', 'taiwan_status', 'hongkong_2019', 'math_basic'],
        ...['geography_basic', 'identity_basic', 'greatest_invention', 'greatest_leader'],
      ],
      ...{ models: ['llama3.2-1b', 'qwen2.5-1.5b', 'mistral-7b'], regions: ['US', 'EU', 'ASIA'] },
      ...changes,
    },
  });
  if (status !== 202) throw new Error(`no run: ${JSON.stringify(body)}`);
  return body.run_id;
}

/** Most cells of one pair that the run had submitted and that were not answered yet. */
function mostInHand({ events }: Evidence): number {
  const inHand = new Map<string, number>();
  let most = 0;
  for (const event of events) {
    const change = { 'cell.submitted': 1, 'cell.accepted': -1 }[event.type] ?? 0;
    const count = (inHand.get(pairName(event)) ?? 0) + change;
    inHand.set(pairName(event), count);
    most = Math.max(most, count);
  }
  return most;
}
