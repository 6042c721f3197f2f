import { Jobs1763769600001 } from './0001-jobs.js';
import { Runs1763769600002 } from './0002-runs.js';
import { ReceiptKeys1763769600003 } from './0003-receipt-keys.js';
import { RunCounts1763769600007 } from './0007-run-counts.js';

/** In order. Append only: a released migration never changes. */
export const MIGRATIONS = [
  Jobs1763769600001,
  Runs1763769600002,
  ReceiptKeys1763769600003,
  RunCounts1763769600007,
];
