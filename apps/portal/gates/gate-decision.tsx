import { useQuery, useQueryClient } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { useClient } from '../client/client-context.js';
import { answered } from '../client/router-problem.js';
import { useSingleMutation } from '../client/use-single-mutation.js';
import { ConfirmDialog } from '../confirm/confirm-dialog.js';
import { useSession } from '../session/session.js';
import { overtaken } from './gate-refusal.js';

type Decision = 'approve' | 'reject';

/** A decision that somebody is about to take. */
export interface AskedDecision {
  readonly runId: string;
  readonly gateId: string;
  readonly afterQuestion: string;
  readonly decision: Decision;
}

/** The two words that a gate waits for, to those who may say them. */
export function GateButtons({
  gateId,
  onAsk,
}: {
  readonly gateId: string;
  readonly onAsk: (decision: Decision) => void;
}): ReactNode {
  const session = useSession();
  if (!session.may('submit')) return <span className="quiet-text">Deciding needs the role submit.</span>;
  return (
    <span className="actions">
      <button type="button" className="primary" onClick={() => onAsk('approve')}>
        Approve<span className="unseen"> what comes after {gateId}</span>
      </button>
      <button type="button" className="danger" onClick={() => onAsk('reject')}>
        Reject<span className="unseen"> what comes after {gateId}</span>
      </button>
    </span>
  );
}

/**
 * Asks once more, and decides. Somebody else's word is shown where it came first: so it stands outside the list of gates
 * that wait, which is read again meanwhile and would take it along.
 */
export function GateDialog({
  asked: { runId, gateId, afterQuestion, decision },
  onOvertaken,
  onClose,
}: {
  readonly asked: AskedDecision;
  /** It was decided elsewhere. @param what in a sentence */
  readonly onOvertaken: (what: string) => void;
  readonly onClose: () => void;
}): ReactNode {
  const client = useClient();
  const queries = useQueryClient();
  const decide = useSingleMutation({
    mutationFn: () =>
      answered(
        client.POST(
          decision === 'approve' ? '/runs/{id}/gates/{gate}/approve' : '/runs/{id}/gates/{gate}/reject',
          {
            params: { path: { id: runId, gate: gateId } },
          },
        ),
      ),
    onSuccess: onClose,
    onError: (error) => {
      const what = overtaken(error);
      if (what === undefined) return;
      onClose();
      onOvertaken(what);
    },
    onSettled: () => queries.invalidateQueries(),
  });
  // Only here is it of use whether a question comes after it.
  const { data: isLast } = useQuery({
    queryKey: ['gate-is-last', runId, afterQuestion],
    enabled: decision === 'approve',
    queryFn: ({ signal }) =>
      answered(
        client.GET('/runs/{id}/comparison', {
          params: { path: { id: runId }, query: { question: afterQuestion } },
          signal,
        }),
      ),
    select: ({ next_question: next }) => next === null,
  });
  return (
    <ConfirmDialog
      title={decision === 'approve' ? `Let the run go on after ${gateId}?` : `End the run after ${gateId}?`}
      action={decision === 'approve' ? 'Approve' : 'Reject and end the run'}
      danger={decision === 'reject'}
      isBusy={decide.isPending}
      error={decide.error}
      onConfirm={() => decide.mutate()}
      onClose={onClose}
    >
      <p>
        {decision === 'approve'
          ? `${approvalText(isLast)} A decision is final.`
          : 'Nothing more is asked, and the run ends as rejected. Answers up to here are kept. A decision is final.'}
      </p>
    </ConfirmDialog>
  );
}

/** @param isLast no question comes after the gate; undefined: that is not known yet */
function approvalText(isLast: boolean | undefined): string {
  if (isLast === undefined) return 'What comes after this gate is asked; where nothing does, the run ends.';
  return isLast
    ? 'No question comes after this gate: the run ends, with the answers that it has.'
    : 'The questions after this gate are asked.';
}
