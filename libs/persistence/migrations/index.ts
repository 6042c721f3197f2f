import { Jobs1763769600001 } from './0001-jobs.js';

/** In order. Append only: a released migration never changes. */
export const MIGRATIONS = [Jobs1763769600001];
