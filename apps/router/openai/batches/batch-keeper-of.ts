import type { Configuration } from '#config';
import { hasRole, type Caller } from '#domain';
import type { BatchRow } from '#persistence';
import type { KeyRing } from '../../access/key-ring.js';
import type { Endpoints } from '../../engine/endpoints.js';
import type { JobPlacement } from '../../jobs/job-placement.js';
import { BatchKeeper } from './batch-keeper.js';
import type { KeeperParts, KeyFault } from './keeper-parts.js';
import { LineJobs } from './line-jobs.js';
import { Turns } from './turns.js';

const DAY_S = 86_400;
/** Files that are read or written whole at once. */
const BULK_AT_ONCE = 2;
/** Batches whose lines are asked or counted at once. */
const STEPS_AT_ONCE = 4;

export interface BatchParts extends Pick<
  KeeperParts,
  'database' | 'intake' | 'cancellation' | 'journal' | 'metrics' | 'logger'
> {
  readonly configuration: Configuration;
  readonly endpoints: Endpoints;
  readonly placement: JobPlacement;
  /** undefined: the server has no keys, or does not know them. */
  readonly keyRing: Pick<KeyRing, 'callerFor'> | undefined;
}

/** The keeper of a router's batches, as its configuration says. */
export function batchKeeperOf({
  configuration,
  endpoints,
  placement,
  keyRing,
  ...parts
}: BatchParts): BatchKeeper {
  const { limits, retention } = configuration;
  const shortest = (...days: number[]): number | null => {
    const bounded = days.filter((each) => each > 0);
    return bounded.length === 0 ? null : Math.min(...bounded) * DAY_S;
  };
  return new BatchKeeper({
    ...parts,
    lineJobs: new LineJobs(configuration, endpoints, placement, parts.logger),
    callerOf: (batch) => callerOf(batch, keyRing),
    linesMax: limits.batch_lines,
    lineBytesMax: limits.body_bytes,
    jobsAtOnce: limits.batch_jobs_at_once,
    expiresS: {
      output: shortest(retention.files_days, retention.results_days),
      error: shortest(retention.files_days, retention.results_days, retention.prompts_days),
    },
    bulk: new Turns(BULK_AT_ONCE),
    turns: new Turns(STEPS_AT_ONCE),
  });
}

/** Its key as it is now; where keys are not known here, as it was when the batch was made. */
async function callerOf(
  { tenant, keyId, keyLimits }: BatchRow,
  keyRing: BatchParts['keyRing'],
): Promise<Caller | KeyFault> {
  if (keyId === null)
    return { kind: 'local', tenant, keyId, roles: ['submit'], limits: keyLimits, requestId: null };
  if (keyRing !== undefined) {
    const caller = await keyRing.callerFor(keyId, tenant);
    if (caller === undefined) return 'key_ended';
    return hasRole(caller, 'submit') ? caller : 'key_may_not_submit';
  }
  return { kind: 'key', tenant, keyId, roles: ['submit'], limits: keyLimits, requestId: null };
}
