import type { AnswerOf } from '#router-client';
import type { Role } from '../session/roles.js';

type Run = Pick<AnswerOf<'/runs/{id}', 'get'>, 'status' | 'cancelling'>;

export type RunAction = 'pause' | 'resume' | 'cancel' | 'retry-failed' | 'extend';

/** What the router would take now: docs/runs.md has the arrows, docs/access.md the roles. */
export function actionsFor({ status, cancelling }: Run, may: (role: Role) => boolean): readonly RunAction[] {
  if (cancelling) return [];
  const controls = may('submit') || may('operate');
  switch (status) {
    case 'planned':
    case 'running':
    case 'awaiting_approval':
      return controls ? ['pause', 'cancel'] : [];
    case 'paused':
      return controls ? ['resume', 'cancel'] : [];
    case 'completed':
      return may('submit') ? ['extend'] : [];
    case 'completed_with_failures':
    case 'failed':
      return may('submit') ? ['retry-failed', 'extend'] : [];
    case 'cancelled':
      return may('submit') ? ['retry-failed'] : [];
    case 'rejected':
    case 'expired':
      return [];
  }
}
