import { describe, expect, it } from '@jest/globals';
import type { CellResultView, JobStatusView } from '#contracts';
import { DEMO_MODELS, DEMO_QUESTION_IDS, DEMO_REGIONS } from './experiment.js';
import { attemptsOf, type Evidence } from './findings.js';
import { isComplete, receipt } from './receipt.js';

const CELLS = DEMO_QUESTION_IDS.flatMap((question) =>
  DEMO_REGIONS.flatMap((region) =>
    DEMO_MODELS.filter((model) => region !== 'US' || model !== 'mistral-7b').map(
      (model, index): CellResultView => ({
        ...{ question_id: question, model, region, repeat: 1, status: 'accepted', response: 'yes' },
        ...{ answered_region: region, substituted: false, endpoint_id: `${region.toLowerCase()}-${model}` },
        ...{ job_id: `${question}-${region}-${index}`, attempts: 1, inference_time: 1, tokens_generated: 1 },
        ...{ error_code: null, accepted_at: '2026-01-01T00:00:00.000Z' },
        ...{
          model_revision: null,
          temperature: 0.1,
          max_tokens: 512,
          prompt_sha256: '',
          seed: null,
          asked_at: null,
          erased: false,
        },
      }),
    ),
  ),
);

interface Changes {
  readonly cells?: readonly CellResultView[];
  readonly calls?: number;
  readonly overlaps?: number;
  readonly maxInFlight?: number;
  readonly gpusPeak?: number;
  readonly repeated?: number;
  readonly inFlight?: number;
}

/** What a run leaves behind in which every cell was answered at once, with changes. */
function anEvidence(changes: Changes = {}): Evidence {
  const { cells = CELLS, calls = 64, overlaps = 0, maxInFlight = 1, gpusPeak = 8 } = changes;
  const jobs = cells.map(
    ({ region, attempts, endpoint_id }) =>
      ({
        region,
        attempts: Array.from({ length: attempts }, (_, index) => ({
          endpoint_id,
          region,
          error_code: index + 1 < attempts ? 'CONNECTION_LOST' : null,
        })),
      }) as unknown as JobStatusView,
  );
  const meter = {
    ...{ calls_received: calls, in_flight: changes.inFlight ?? 0, max_in_flight: maxInFlight, overlaps },
    ...{ cold_starts: 8, redirects_303: 9, gpus_peak: gpusPeak, gpu_seconds: 1, cost_usd: 1 },
    gpu_seconds_by: { cold_start: 1, busy: 0, idle: 0 },
  };
  return {
    run: { status: 'completed' } as Evidence['run'],
    ...{ cells, jobs, calls: [], faults: [], gpuLimit: 8 },
    account: {
      time_scale: 60,
      totals: meter,
      endpoints: { 'us-m': { ...meter, region: 'US', gpu: 'T4', concurrency: 1 } },
      repeated_keys: Array.from({ length: changes.repeated ?? 0 }, () => ({ key: 'a:1', calls: 2 })),
    },
  };
}

const withFirst = (change: Partial<CellResultView>): CellResultView[] =>
  CELLS.map((cell, index) => (index === 0 ? { ...cell, ...change } : cell));

describe('the receipt', () => {
  it('is ok where every cell has its own region’s answer and the account agrees', () => {
    const checks = receipt(anEvidence());
    expect(checks.filter(({ ok }) => !ok)).toEqual([]);
    expect(isComplete(checks)).toBe(true);
  });

  it('counts retries: as many calls as attempts', () => {
    const evidence = anEvidence({ cells: withFirst({ attempts: 3 }), calls: 66 });
    expect(attemptsOf(evidence)).toMatchObject({ total: 66, retries: 2, failovers: 0 });
    expect([...attemptsOf(evidence).byErrorCode]).toEqual([['CONNECTION_LOST', 2]]);
    expect(isComplete(receipt(evidence))).toBe(true);
  });

  const wrong: readonly [string, string, Changes][] = [
    [
      'a cell without an answer',
      'cells accepted',
      { cells: withFirst({ status: 'failed', response: null }) },
    ],
    ['a cell that is not there', 'missing', { cells: CELLS.slice(1), calls: 63 }],
    ['a cell answered twice', 'answered twice', { cells: [...CELLS, CELLS[0]!], calls: 65 }],
    ['a substitute', 'substituted', { cells: withFirst({ substituted: true }) }],
    ['an answer of another region', 'substituted', { cells: withFirst({ answered_region: 'EU' }) }],
    ['a call nobody reports', 'calls', { calls: 65 }],
    ['a call that was made twice', 'calls', { repeated: 1 }],
    ['an overlap', 'overlaps', { overlaps: 1 }],
    ['an endpoint above its concurrency', 'overlaps', { maxInFlight: 2 }],
    ['a call that still runs', 'left running', { inFlight: 1 }],
    ['more GPUs than allowed', 'GPUs', { gpusPeak: 9 }],
  ];
  it.each(wrong)('is not ok with %s', (_what, name, changes) => {
    const checks = receipt(anEvidence(changes));
    expect(checks.filter(({ ok }) => !ok).map((check) => check.name)).toContain(name);
    expect(isComplete(checks)).toBe(false);
  });
});
