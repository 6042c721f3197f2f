// Numbers of advisory locks: one number, one meaning. They stand here alone, so that nobody takes one that is taken.
// Locks that turn on a name (`runs of …`, `batches of …`, `files of …`) have the hash of a text in place of a number, and
// stand where they are taken.

export const LOCK_MIGRATIONS = 7_310_001;
export const LOCK_ADMISSION = 7_310_002;
/** First half of a pair of keys; the second says which run. */
export const LOCK_RUNS = 7_310_003;
/** The same, of a batch. */
export const LOCK_BATCHES = 7_310_004;
/** The same, of a region in which tickets that came back are judged. */
export const LOCK_TRIALS = 7_310_005;
