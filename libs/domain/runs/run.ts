/** A run's status, as clients see it. docs/runs.md draws the arrows. */
export const RUN_STATUSES = [
  'planned',
  'running',
  'awaiting_approval',
  'paused',
  'completed',
  'completed_with_failures',
  'failed',
  'cancelled',
  'rejected',
  'expired',
] as const;
export type RunStatus = (typeof RUN_STATUSES)[number];

/** Why a run ends before its cells do. Set once by whoever asks; carried out by the runner. */
export type RunEnding = 'cancelled' | 'rejected' | 'expired';

/**
 * In which order a run's cells are submitted. `best` goes on like `pipeline`, with the pairs in the sequence in which the
 * planner would start their endpoints.
 */
export const RUN_ORDERS = ['question', 'region', 'pipeline', 'best'] as const;
export type RunOrder = (typeof RUN_ORDERS)[number];
export const REQUESTED_ORDERS = ['auto', ...RUN_ORDERS] as const;
export type RequestedOrder = (typeof REQUESTED_ORDERS)[number];

export const CELL_STATES = ['pending', 'submitted', 'accepted', 'failed', 'cancelled'] as const;
export type CellState = (typeof CELL_STATES)[number];
/** States in which a cell still wants an answer. */
export type OpenCellState = Extract<CellState, 'pending' | 'submitted'>;

const UNFINISHED: readonly RunStatus[] = ['planned', 'running', 'awaiting_approval', 'paused'];

export function isRunFinished(status: RunStatus): boolean {
  return !UNFINISHED.includes(status);
}

/**
 * What a paused run is once it is resumed: what it would be, had nobody paused it.
 * @param atGate it stands before a gate that nobody has decided
 */
export function resumedStatus(
  started: boolean,
  atGate: boolean,
): Extract<RunStatus, 'planned' | 'running' | 'awaiting_approval'> {
  if (atGate) return 'awaiting_approval';
  return started ? 'running' : 'planned';
}

export interface CellCounts {
  readonly accepted: number;
  readonly failed: number;
}

/** How a run ends whose cells are all closed. Nothing accepted is a failure, never "completed". */
export function finalStatus(counts: CellCounts, ending: RunEnding | null): RunStatus {
  if (ending !== null) return ending;
  if (counts.failed === 0) return 'completed';
  return counts.accepted === 0 ? 'failed' : 'completed_with_failures';
}

/**
 * The planner's choice for `auto`. A gate has people look at all answers up to a question, so going question
 * by question brings the gate soonest; otherwise nobody should wait for the slowest region.
 */
export function chooseOrder(requested: RequestedOrder, gates: number): { order: RunOrder; reason: string } {
  if (requested !== 'auto') return { order: requested, reason: 'as requested' };
  if (gates > 0) {
    return {
      order: 'question',
      reason: 'the run has gates: every answer before a gate is due at the same time',
    };
  }
  return {
    order: 'pipeline',
    reason: 'no gates: each endpoint goes on at its own pace, none waits for another',
  };
}
