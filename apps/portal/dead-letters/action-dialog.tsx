import { useQueryClient } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { useSingleMutation } from '../client/use-single-mutation.js';
import { ConfirmDialog } from '../confirm/confirm-dialog.js';
import { formatCount } from '../figures/format.js';

/** What may be done to open letters. */
export type LetterAction = 'redrive' | 'discard';

/** Asks before letters are redriven or discarded, and does it; a discard wants a reason. */
export function ActionDialog({
  action,
  count,
  change,
  children,
  onDone,
  onClose,
}: {
  readonly action: LetterAction;
  /** How many letters it is about. */
  readonly count: number;
  /** Has the router do it. @returns what was done, as a sentence */
  readonly change: (reason: string) => Promise<string>;
  /** Which they are, and what becomes of them. */
  readonly children: ReactNode;
  readonly onDone: (text: string) => void;
  readonly onClose: () => void;
}): ReactNode {
  const queries = useQueryClient();
  const done = useSingleMutation({
    mutationFn: change,
    onSuccess: (text) => {
      onDone(text);
      onClose();
    },
    onSettled: () => queries.invalidateQueries(),
  });
  const isDiscard = action === 'discard';
  const what = `${isDiscard ? 'Discard' : 'Redrive'} ${count === 1 ? '1 letter' : `${formatCount(count)} letters`}`;
  return (
    <ConfirmDialog
      title={`${what}?`}
      action={what}
      danger={isDiscard}
      reason={isDiscard ? 'required' : 'none'}
      isBusy={done.isPending}
      error={done.error}
      onConfirm={done.mutate}
      onClose={onClose}
    >
      {children}
    </ConfirmDialog>
  );
}
