import type { ReactNode } from 'react';
import { useClient } from '../client/client-context.js';
import { answered } from '../client/router-problem.js';
import { formatCount } from '../figures/format.js';
import { ActionDialog, type LetterAction } from './action-dialog.js';
import { AT_ONCE_MAX, filterText, redrivenText, type ManyFilter } from './letter-filter.js';

/** Changes all open letters that a filter matches, once it was said how many those are. */
export function ManyDialog({
  action,
  filter,
  open,
  onDone,
  onClose,
}: {
  readonly action: LetterAction;
  readonly filter: ManyFilter;
  /** How many it matches. */
  readonly open: number;
  readonly onDone: (text: string) => void;
  readonly onClose: () => void;
}): ReactNode {
  const client = useClient();
  const limit = Math.min(open, AT_ONCE_MAX);
  const change = async (reason: string): Promise<string> => {
    // `more` only says that the limit was reached, which is what was counted unless more than fit match.
    const isCapped = open > limit;
    if (action === 'redrive') {
      const done = await answered(client.POST('/dead-letters/redrive', { body: { filter, limit } }));
      return `${redrivenText({ ...done, more: done.more && isCapped })}.`;
    }
    const { discarded, more } = await answered(
      client.POST('/dead-letters/discard', { body: { filter, limit, reason } }),
    );
    return `${discarded} discarded${more && isCapped ? '; there are more' : ''}.`;
  };
  return (
    <ActionDialog action={action} count={limit} change={change} onDone={onDone} onClose={onClose}>
      <p>
        Open letters, {filterText(filter)}.
        {open > limit &&
          ` The oldest ${formatCount(limit)} of ${formatCount(open)}: more are for another time.`}
      </p>
      <p>
        {action === 'redrive'
          ? 'Each becomes a new job, and costs as one. Letters of runs, and those that are taken for poison unless the filter says so, are passed over.'
          : 'They stay on record as given up, with the reason and who gave it. Their tenants read it.'}
      </p>
    </ActionDialog>
  );
}
