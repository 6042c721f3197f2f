export const GATE_STATUSES = ['pending', 'waiting', 'approved', 'rejected', 'expired'] as const;
/** `pending`: not reached yet; `waiting`: the run stands before it. */
export type GateStatus = (typeof GATE_STATUSES)[number];
export type GateDecision = Extract<GateStatus, 'approved' | 'rejected'>;
/** How a gate may end: decided, or because nobody did in time. */
export const GATE_OUTCOMES = ['approved', 'rejected', 'expired'] as const satisfies readonly GateStatus[];

export type GateVerdict =
  /** Record the decision. */
  | { readonly kind: 'decide' }
  /** It was decided like that before: nothing changes and the answer is the same. */
  | { readonly kind: 'repeat' }
  /** Its time was over before anybody decided: record that instead. */
  | { readonly kind: 'expire' }
  | { readonly kind: 'conflict' };

/**
 * @param overdue by the database's clock, its time to decide is over
 */
export function judgeGateDecision(status: GateStatus, overdue: boolean, decision: GateDecision): GateVerdict {
  switch (status) {
    case 'pending':
      return { kind: 'decide' };
    case 'waiting':
      return overdue ? { kind: 'expire' } : { kind: 'decide' };
    case 'approved':
    case 'rejected':
    case 'expired':
      return { kind: status === decision ? 'repeat' : 'conflict' };
  }
}
