import { expect, it } from '@jest/globals';
import { Metrics } from '#observability';
import { JobArrivals } from './job-arrivals.js';

it('a queued job is told to the engine, the queue as callers see it, the journal and the metrics', async () => {
  const told: unknown[] = [];
  const metrics = new Metrics('test');
  const arrivals = new JobArrivals(
    { jobsArrived: () => void told.push('engine') },
    { arrived: (...about) => void told.push(about) },
    { record: (change) => void told.push(change) },
    metrics,
  );
  arrivals.announce([]);
  expect(told).toEqual([]);
  const job = { id: 'j', tenant: 't', model: 'm', homeRegion: 'US', lane: 'l', priority: 'high' } as const;
  arrivals.announce([job]);
  expect(told).toEqual([
    'engine',
    ['l', 'm', 't'],
    { jobId: 'j', from: null, to: 'queued', attempt: 0, homeRegion: 'US' },
  ]);
  expect((await metrics.expose()).body).toMatch(
    /beacon_jobs_accepted_total\{.*region="US".*priority="high".*\} 1/,
  );
});
