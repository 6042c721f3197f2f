import { useQueryClient } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { useClient } from '../client/client-context.js';
import { RouterProblem, answered } from '../client/router-problem.js';
import { useSingleMutation } from '../client/use-single-mutation.js';
import { ConfirmDialog } from '../confirm/confirm-dialog.js';
import type { Done } from './order-dialog.js';

/** A change that somebody is about to take back. */
export interface AskedUndo {
  readonly changeId: number;
  /** What is taken back, in a few words. */
  readonly what: string;
}

export function UndoButton({
  changeId,
  what,
  onAsk,
}: AskedUndo & { readonly onAsk: (asked: AskedUndo) => void }): ReactNode {
  return (
    <button type="button" onClick={() => onAsk({ changeId, what })}>
      Undo
      <span className="unseen">
        {' '}
        change {changeId}: {what}
      </span>
    </button>
  );
}

/**
 * Takes one change back, once it was confirmed. It stands outside the lists of changes, which are read again meanwhile and
 * would take it along where somebody else was faster.
 */
export function UndoDialog({
  asked: { changeId, what },
  onDone,
  onOvertaken,
  onClose,
}: {
  readonly asked: AskedUndo;
  readonly onDone: (done: Done) => void;
  /** Somebody or the clock was faster. @param text what came of it, in a sentence */
  readonly onOvertaken: (text: string) => void;
  readonly onClose: () => void;
}): ReactNode {
  const client = useClient();
  const queries = useQueryClient();
  const undo = useSingleMutation({
    mutationFn: (reason: string) =>
      answered(
        client.POST('/operations/changes/{id}/undo', {
          params: { path: { id: String(changeId) } },
          body: reason === '' ? {} : { reason },
        }),
      ),
    onSuccess: ({ change_id: id }) => {
      onClose();
      onDone({ text: `Took back change ${changeId}: ${what}.`, changeId: id });
    },
    onError: (error) => {
      if (!(error instanceof RouterProblem) || error.problem.code !== 'CHANGE_SUPERSEDED') return;
      onClose();
      onOvertaken(
        `Change ${changeId} cannot be taken back any more: ${error.problem.detail.replace(/^id: /, '')}.`,
      );
    },
    onSettled: () => queries.invalidateQueries(),
  });
  return (
    <ConfirmDialog
      title={`Take back change ${changeId}?`}
      action="Take back"
      reason="optional"
      isBusy={undo.isPending}
      error={undo.error}
      onConfirm={undo.mutate}
      onClose={onClose}
    >
      <p>{what}: what was in force before is restored.</p>
    </ConfirmDialog>
  );
}
