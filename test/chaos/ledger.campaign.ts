import { describe, expect, it } from '@jest/globals';
import { until } from '#testing';
import { readLedger } from '../stack/read-ledger.js';
import { onStack, type Stack } from '../stack/stack.js';
import { ENDPOINTS } from '../stack/stand-in.js';
import { chaosSeeds } from './moments.js';
import { killing, play } from './scenario.js';

const LIMIT_MS = 600_000;
const REGIONS = ['US', 'EU', 'ASIA'];
const KILLS = 2;

/** In real time, so that both sides measure with the same clock; windows outlast what a restart takes. */
const PLATFORM = {
  time_scale: 1,
  http_timeout_s: 150,
  endpoints: ENDPOINTS.map(({ id, region, model }) => ({
    ...{ id, region, models: [model], gpu: model === 'mistral-7b' ? 'L4' : 'T4', routing_hop_s: 0 },
    ...{ boot_s: 0.3, load_s: [1, 3], execution_s: [0.5, 1.5], scaledown_window_s: 15 },
  })),
};

/** Every container is gone, and what it idled last is charged. */
async function untilCharged(stack: Stack) {
  return until('every container is gone, and charged', async () => {
    const account = await stack.standIn.account();
    const entries = await readLedger(stack.url);
    const last = new Map(entries.map((entry) => [entry.endpoint_id, entry.kind]));
    const isCharged = last.size === ENDPOINTS.length && [...last.values()].every((kind) => kind === 'idle');
    return account.totals.gpus_now === 0 && isCharged ? { account, entries } : undefined;
  });
}

describe('the ledger agrees with the books of the platform within one per cent after kill -9 of', () => {
  it.each(chaosSeeds())(
    'dispatchers and the router, each at its own moments (seed %i)',
    (seed) =>
      onStack({ seed, platform: PLATFORM }, async (stack) => {
        await play(stack, {
          ...{ name: 'ledger', seed },
          strikes: (chance) => [
            ...REGIONS.flatMap((region) =>
              chance.moments(KILLS).map((moment) => killing(`dispatcher-${region}`, moment)),
            ),
            ...chance.moments(KILLS).map((moment) => killing('router', moment)),
          ],
          tolerance: { dispatcherKills: Object.fromEntries(REGIONS.map((region) => [region, KILLS])) },
        });
        const { account, entries } = await untilCharged(stack);
        const ledgerS = entries.reduce((sum, { gpu_ms: ms }) => sum + ms, 0) / 1000;
        const ledgerUsd = entries.reduce((sum, { total_micro_usd: micro }) => sum + micro, 0) / 1e6;
        const { gpu_seconds: platformS, cost_usd: platformUsd } = account.totals;
        const orphans = entries.filter(
          ({ outcome, kind }) => outcome === 'orphaned' && kind === 'call',
        ).length;
        process.stdout.write(
          `chaos, ledger, seed ${seed}: ${entries.length} entries, ${orphans} orphans, ${ledgerS} GPU s and $${ledgerUsd}; ` +
            `platform: ${platformS} GPU s and $${platformUsd}\n`,
        );
        expect(Math.abs(ledgerS / platformS - 1)).toBeLessThan(0.01);
        expect(Math.abs(ledgerUsd / platformUsd - 1)).toBeLessThan(0.01);
      }),
    LIMIT_MS,
  );
});
