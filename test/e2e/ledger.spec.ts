import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LedgerEntryView, LedgerSummaryView } from '#contracts';
import { startBeacon, until, type Beacon } from '#testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readLedger } from '../stack/read-ledger.js';
import { ensureBuilt } from '../stack/stack.js';
import { StandIn, type AccountedCall } from '../stack/stand-in.js';

const WINDOW_S = 2;
/** Less than the shortest call. */
const APART_MS = 300;

/** Cold starts of a second and calls of half a second, in real time: the two clocks can be compared. */
function anEndpoint(region: string, model: string, changes: object = {}) {
  return {
    ...{ id: `${region}-${model}`, region, attested_region: region, models: [model], gpu: 'T4' },
    ...{ boot_s: 0.2, load_s: [0.6, 1], execution_s: [0.3, 0.7], scaledown_window_s: WINDOW_S },
    ...{ routing_hop_s: 0, ...changes },
  };
}

/**
 * Of each call, the milliseconds by which it began and ended at other times for Beacon than for the platform. Calls of one
 * attempt are paired in their order; of one whose end nobody saw, because it was made again, the begin alone is compared.
 */
function apartMs(entries: readonly LedgerEntryView[], calls: readonly AccountedCall[]): number[] {
  const apart = (mine: string, theirs: string): number => Math.abs(Date.parse(mine) - Date.parse(theirs));
  return entries.flatMap(({ kind, job_id, attempt, call_no, estimated, began_at, at }) => {
    if (kind !== 'call') return [];
    const same = calls
      .filter((call) => call.job_id === job_id && call.attempt === attempt)
      .sort((left, right) => Date.parse(left.received_at) - Date.parse(right.received_at));
    const call = same[(call_no ?? 1) - 1];
    if (call === undefined) return [];
    const began = apart(began_at, call.received_at);
    if (estimated) return same.length > 1 ? [began] : [];
    return call.finished_at === null ? [] : [began + apart(at, call.finished_at)];
  });
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
        anEndpoint('EU', 'lonely', { execution_s: 5, scaledown_window_s: 8 }),
        anEndpoint('US', 'patient', { execution_s: 30 }),
        anEndpoint('ASIA', 'other', { gpu: 'L4' }),
      ],
    });
    await log.close();
    const configuration = await standIn.beaconConfiguration();
    beacon = await startBeacon({ configuration: () => configuration });
  });
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
    await until('its call is written down', async () => (await beacon.noteOf(lonely))?.calls.length === 1);
    beacon.dispatcher('EU').link.cut();
    const successor = await beacon.startDispatcher('EU');
    const cancelled = await ask('patient');
    await client.untilJob(cancelled, 'processing');
    await client.cancel(cancelled);
    for (const id of await Promise.all(ended)) await client.untilEnded(id);
    await client.untilEnded(cancelled);
    await client.untilJob(lonely, 'completed');
    beacon.dispatcher('EU').link.heal();
    await successor.stop();
    await until('the first dispatcher has reported, too late', async () => {
      const { rows } = await beacon.database.query('SELECT 1 FROM stray_outcomes WHERE job_id = $1', [
        lonely,
      ]);
      return rows.length === 1;
    });
    await until('every container is gone, and charged', async () => {
      const { rows } = await beacon.database.query('SELECT 1 FROM ledger_meters WHERE idle_of IS NOT NULL');
      return rows.length === 0 && (await standIn.account()).totals.gpus_now === 0;
    });

    const entries = await readLedger(beacon.url);
    const key = (jobId: string | null, attempt: number | null): string => `${jobId} ${attempt}`;
    const entered = entries
      .filter(({ kind }) => kind === 'call')
      .map(({ job_id, attempt }) => key(job_id, attempt));
    const calls = await standIn.calls();
    const called = calls.map(({ job_id, attempt }) => key(job_id, attempt));
    expect(entered.sort()).toEqual(called.sort());

    const { totals } = await standIn.account();
    const { total } = (await client.request<LedgerSummaryView>('/ledger/summary')).body;
    process.stdout.write(
      `ledger: ${total.calls} calls, ${total.gpu_ms / 1000} GPU s and $${total.total_usd}; ` +
        `platform: ${totals.gpu_seconds} GPU s and $${totals.cost_usd}\n`,
    );
    // A call is charged as its caller sees it: what a busy machine adds on the way is no fault of the books. It is one
    // where it is so with most of them.
    const apart = apartMs(entries, calls).sort((left, right) => left - right);
    expect(apart[Math.floor(apart.length / 2)]).toBeLessThan(APART_MS);
    const tolerance = 0.01 + apart.reduce((sum, ms) => sum + ms, 0) / 1000 / totals.gpu_seconds;
    expect(Math.abs(total.gpu_ms / 1000 / totals.gpu_seconds - 1)).toBeLessThan(tolerance);
    expect(Math.abs(Number(total.total_usd) / totals.cost_usd - 1)).toBeLessThan(tolerance);
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
  });
});
