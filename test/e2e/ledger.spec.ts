import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LedgerEntryView, LedgerSummaryView } from '#contracts';
import { startBeacon, until, type Beacon } from '#testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readLedger } from '../stack/read-ledger.js';
import { ensureBuilt } from '../stack/stack.js';
import { StandIn } from '../stack/stand-in.js';

const WINDOW_S = 2;

/** Cold starts of a second and calls of half a second, in real time: the two clocks can be compared. */
function anEndpoint(region: string, model: string, changes: object = {}) {
  return {
    ...{ id: `${region}-${model}`, region, attested_region: region, models: [model], gpu: 'T4' },
    ...{ boot_s: 0.2, load_s: [0.6, 1], execution_s: [0.3, 0.7], scaledown_window_s: WINDOW_S },
    ...{ routing_hop_s: 0, ...changes },
  };
}

describe('the ledger, held against the books of the platform', () => {
  let folder: string;
  let standIn: StandIn;
  let beacon: Beacon;

  beforeAll(async () => {
    await ensureBuilt();
    folder = await mkdtemp(join(tmpdir(), 'beacon-test-ledger-'));
    const log = await open(join(folder, 'log'), 'a');
    standIn = await StandIn.start(folder, 5, 2, log.fd, {
      time_scale: 1,
      http_timeout_s: 150,
      endpoints: [
        anEndpoint('US', 'plain'),
        anEndpoint('EU', 'lonely', { execution_s: 2, scaledown_window_s: 8 }),
        anEndpoint('ASIA', 'other', { gpu: 'L4' }),
      ],
    });
    await log.close();
    const configuration = await standIn.beaconConfiguration();
    beacon = await startBeacon({ configuration: () => configuration });
  }, 120_000);
  afterAll(async () => {
    await beacon.stop();
    await standIn.stop();
    await rm(folder, { recursive: true });
  });

  const ask = async (model: string, more: object = {}): Promise<string> =>
    (await beacon.client.queue({ model, prompt: `ask ${model}`, ...more })).job_id;

  it('has one entry per call upstream, and costs what the platform says, after all that may go wrong', async () => {
    const { client } = beacon;
    await standIn.fault({
      kind: 'status',
      body: 'rate_limited',
      endpoint: 'US-plain',
      after_calls: 2,
      count: 1,
    });
    await standIn.fault({ kind: 'model_error', endpoint: 'US-plain', after_calls: 3, count: 1 });
    await standIn.fault({ kind: 'crash', mode: 'crashed', endpoint: 'ASIA-other', after_calls: 2, count: 1 });
    const ended = [
      ...Array.from({ length: 8 }, () => ask('plain')),
      ...Array.from({ length: 6 }, () => ask('other')),
    ];
    // A dispatcher that is cut off in mid-call: the call is made again by its successor.
    const lonely = await ask('lonely');
    await client.untilJob(lonely, 'processing');
    beacon.dispatcher('EU').link.cut();
    const successor = await beacon.startDispatcher('EU');
    const cancelled = await ask('plain', { priority: 'high' });
    await client.untilJob(cancelled, 'processing', 30_000);
    await client.cancel(cancelled);
    for (const id of await Promise.all(ended)) await client.untilEnded(id, 60_000);
    await client.untilEnded(cancelled, 20_000);
    await client.untilJob(lonely, 'completed', 40_000);
    beacon.dispatcher('EU').link.heal();
    await successor.stop();
    await until(
      'the first dispatcher has reported, too late',
      async () => {
        const { rows } = await beacon.database.query('SELECT 1 FROM stray_outcomes WHERE job_id = $1', [
          lonely,
        ]);
        return rows.length === 1;
      },
      30_000,
    );
    await until(
      'every container is gone, and charged',
      async () => {
        const { rows } = await beacon.database.query('SELECT 1 FROM ledger_meters WHERE idle_of IS NOT NULL');
        return rows.length === 0 && (await standIn.account()).totals.gpus_now === 0;
      },
      40_000,
    );

    const entries = await readLedger(beacon.url);
    const key = (jobId: string | null, attempt: number | null): string => `${jobId} ${attempt}`;
    const entered = entries
      .filter(({ kind }) => kind === 'call')
      .map(({ job_id, attempt }) => key(job_id, attempt));
    const called = (await standIn.calls()).map(({ job_id, attempt }) => key(job_id, attempt));
    expect(entered.sort()).toEqual(called.sort());

    const { totals } = await standIn.account();
    const { total } = (await client.request<LedgerSummaryView>('/ledger/summary')).body;
    process.stdout.write(
      `ledger: ${total.calls} calls, ${total.gpu_ms / 1000} GPU s and $${total.total_usd}; ` +
        `platform: ${totals.gpu_seconds} GPU s and $${totals.cost_usd}\n`,
    );
    expect(Math.abs(total.gpu_ms / 1000 / totals.gpu_seconds - 1)).toBeLessThan(0.01);
    expect(Math.abs(Number(total.total_usd) / totals.cost_usd - 1)).toBeLessThan(0.01);
    expect(new Set(entries.map(({ outcome }) => outcome))).toEqual(
      new Set([
        'succeeded',
        'failed',
        'refused',
        'cancelled',
        'orphaned',
      ] satisfies LedgerEntryView['outcome'][]),
    );
    const again = entries.filter(({ kind, job_id }) => kind === 'call' && job_id === lonely);
    expect(
      again.map(({ outcome, call_no, accepted, estimated }) => [call_no, outcome, accepted, estimated]),
    ).toEqual([
      [1, 'orphaned', false, true],
      [2, 'succeeded', true, false],
    ]);
  }, 120_000);
});
