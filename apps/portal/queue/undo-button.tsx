import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState, type ReactNode } from 'react';
import { useClient } from '../client/client-context.js';
import { answered } from '../client/router-problem.js';
import { ConfirmDialog } from '../confirm/confirm-dialog.js';
import type { Done } from './order-dialog.js';

/** Takes one change back, once it was confirmed. */
export function UndoButton({
  changeId,
  what,
  onDone,
}: {
  readonly changeId: number;
  /** What is taken back, in a few words. */
  readonly what: string;
  readonly onDone: (done: Done) => void;
}): ReactNode {
  const client = useClient();
  const queries = useQueryClient();
  const [isAsked, setAsked] = useState(false);
  const undo = useMutation({
    mutationFn: (reason: string) =>
      answered(
        client.POST('/operations/changes/{id}/undo', {
          params: { path: { id: String(changeId) } },
          body: reason === '' ? {} : { reason },
        }),
      ),
    onSuccess: ({ change_id: id }) => {
      setAsked(false);
      onDone({ text: `Took back change ${changeId}: ${what}.`, changeId: id });
    },
    onSettled: () => queries.invalidateQueries(),
  });
  return (
    <>
      <button
        type="button"
        onClick={() => {
          undo.reset();
          setAsked(true);
        }}
      >
        Undo
        <span className="unseen">
          {' '}
          change {changeId}: {what}
        </span>
      </button>
      {isAsked && (
        <ConfirmDialog
          title={`Take back change ${changeId}?`}
          action="Take back"
          reason="optional"
          isBusy={undo.isPending}
          error={undo.error}
          onConfirm={(reason) => undo.mutate(reason)}
          onClose={() => setAsked(false)}
        >
          <p>{what}: what was in force before is restored.</p>
        </ConfirmDialog>
      )}
    </>
  );
}
