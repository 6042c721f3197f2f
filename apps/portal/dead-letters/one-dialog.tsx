import type { ReactNode } from 'react';
import { useClient } from '../client/client-context.js';
import { answered } from '../client/router-problem.js';
import { ActionDialog, type LetterAction } from './action-dialog.js';
import { wordsOf, type Letter } from './letter-filter.js';

/** Redrives or discards one letter. */
export function OneDialog({
  action,
  letter,
  onDone,
  onClose,
}: {
  readonly action: LetterAction;
  readonly letter: Letter;
  readonly onDone: (text: string) => void;
  readonly onClose: () => void;
}): ReactNode {
  const client = useClient();
  const params = { path: { job_id: letter.job_id } };
  const change = async (reason: string): Promise<string> => {
    if (action === 'discard') {
      await answered(client.POST('/dead-letters/{job_id}/discard', { params, body: { reason } }));
      return `Discarded ${letter.job_id}.`;
    }
    const { redriven_as: job, already } = await answered(
      client.POST('/dead-letters/{job_id}/redrive', { params }),
    );
    return already ? `It had been redriven before, as job ${job}.` : `Redriven as job ${job}.`;
  };
  return (
    <ActionDialog action={action} count={1} change={change} onDone={onDone} onClose={onClose}>
      <p>
        <code>{letter.code}</code> {wordsOf(letter)}
      </p>
      {letter.poison && action === 'redrive' && (
        <p className="notice notice-warn">It is taken for poison: its request seems to be what fails.</p>
      )}
      <p>
        {action === 'redrive'
          ? 'A new job is made of the stored request, at the end of the queue.'
          : 'It stays on record as given up, with the reason and who gave it. Its tenant reads it.'}
      </p>
    </ActionDialog>
  );
}
