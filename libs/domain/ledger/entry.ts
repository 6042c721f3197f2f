/** `call`: one call upstream. `idle`: the time for which its container idled after it. */
export const LEDGER_KINDS = ['call', 'idle'] as const;
export type LedgerKind = (typeof LEDGER_KINDS)[number];

/**
 * How a call ended. `refused`: before any container was asked for. `lost`: its dispatcher fell silent and its time passed.
 * `orphaned`: its dispatcher fell silent, and another made the call again.
 */
export const CALL_OUTCOMES = ['succeeded', 'failed', 'refused', 'cancelled', 'lost', 'orphaned'] as const;
export type CallOutcome = (typeof CALL_OUTCOMES)[number];
