import type { SpanAttributes } from './tracing.js';

/** What every span of an attempt says, in the router and in the dispatcher: by these they are found. */
export function spanIdsOf(ids: {
  readonly job_id: string;
  readonly attempt: number;
  readonly epoch: number;
  readonly endpoint_id: string;
  readonly region: string;
}): SpanAttributes {
  return {
    'beacon.job.id': ids.job_id,
    'beacon.attempt': ids.attempt,
    'beacon.epoch': ids.epoch,
    'beacon.endpoint.id': ids.endpoint_id,
    'beacon.region': ids.region,
  };
}
