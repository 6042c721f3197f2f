import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { METRICS, Metrics } from './metrics.js';

const page = readFileSync(new URL('../../docs/metrics.md', import.meta.url), 'utf8');

describe('docs/metrics.md', () => {
  it('lists every metric with its type and labels, and no other', () => {
    const rows = [...page.matchAll(/^\| `(beacon_\w+)` +\| (\w+) +\| ([^|]*)\|/gm)];
    const documented = rows.map(([, name, kind, labels]) => ({
      name,
      kind,
      labels: [...labels!.matchAll(/`(\w+)`/g)].map(([, label]) => label),
    }));
    expect(documented).toEqual(
      Object.entries(METRICS).map(([name, { kind, labels }]) => ({ name, kind, labels })),
    );
  });

  it('names no metric that does not exist', () => {
    const named = [...page.matchAll(/\b(beacon_[a-z_]+)/g)].map(([, name]) => name!);
    expect(named.filter((name) => !Object.hasOwn(METRICS, name))).toEqual([]);
  });
});

describe('metrics', () => {
  it('are named as Prometheus recommends: counters end in _total, nothing else does', () => {
    const misnamed = Object.entries(METRICS).filter(
      ([name, { kind }]) => name.endsWith('_total') !== (kind === 'counter'),
    );
    expect(misnamed).toEqual([]);
  });

  it('are exposed with the service they come from', async () => {
    const metrics = new Metrics('router');
    metrics.count('beacon_jobs_total', { region: 'US', state: 'completed' }, 3);
    metrics.set('beacon_slots_in_use', { endpoint: 'us-llama' }, 2);
    metrics.observe('beacon_settle_seconds', {}, 0.004);
    const { body, contentType } = await metrics.expose();
    expect(contentType).toContain('text/plain');
    expect(body).toContain('beacon_jobs_total{region="US",state="completed",service="router"} 3');
    expect(body).toContain('beacon_slots_in_use{endpoint="us-llama",service="router"} 2');
    expect(body).toContain('beacon_settle_seconds_bucket{le="0.005",service="router"} 1');
    expect(body).toContain('beacon_settle_seconds_count{service="router"} 1');
  });
});
