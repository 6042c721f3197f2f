import type { Caller } from '#domain';
import type { Logger, Metrics } from '#observability';
import type { BatchRow, Database } from '#persistence';
import type { Cancellation } from '../../jobs/cancellation.js';
import type { JobIntake } from '../../jobs/intake.js';
import type { BatchJournal } from './batch-journal.js';
import type { LineJobs } from './line-jobs.js';
import type { Turns } from './turns.js';

/** Why nobody is left in whose name a batch could ask: a code of its `errors`. */
export type KeyFault = 'key_ended' | 'key_may_not_submit';

/** What batches are driven with. */
export interface KeeperParts {
  readonly database: Database;
  readonly intake: JobIntake;
  readonly cancellation: Cancellation;
  readonly lineJobs: LineJobs;
  readonly journal: BatchJournal;
  /** In whose name a batch asks now. Looked up before every step: a key may be revoked, or lose a role, at any time. */
  readonly callerOf: (batch: BatchRow) => Promise<Caller | KeyFault>;
  readonly linesMax: number;
  readonly lineBytesMax: number;
  readonly jobsAtOnce: number;
  readonly expiresS: { readonly output: number | null; readonly error: number | null };
  /** For steps that read or write files whole, and for all others: batches take turns, so that memory is bounded. */
  readonly bulk: Turns;
  readonly turns: Turns;
  /** Batches that are driven at once; left out: 200. */
  readonly drivenMax?: number;
  /** Between two looks for batches that nobody drives; left out: 1 s. */
  readonly lookMs?: number;
  /** How long a step that has failed waits before it is repeated the first time; left out: 2 s. */
  readonly faultMs?: number;
  readonly metrics: Metrics;
  readonly logger: Logger;
}
