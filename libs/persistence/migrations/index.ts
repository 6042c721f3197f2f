import { Jobs1763769600001 } from './0001-jobs.js';
import { Runs1763769600002 } from './0002-runs.js';

/** In order. Append only: a released migration never changes. */
export const MIGRATIONS = [Jobs1763769600001, Runs1763769600002];
