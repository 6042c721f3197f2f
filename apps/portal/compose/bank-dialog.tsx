import { useInfiniteQuery } from '@tanstack/react-query';
import { useState, type ReactNode } from 'react';
import { useClient } from '../client/client-context.js';
import { answered } from '../client/router-problem.js';
import { Dialog } from '../dialogs/dialog.js';
import { EmptyState } from '../notices/empty-state.js';
import { ErrorNotice } from '../notices/error-notice.js';
import { Field } from '../fields/field.js';

const PAGE_SIZE = 100;

/** Takes questions from the bank. @param taken ids that the run has already */
export function BankDialog({
  taken,
  onClose,
  onAdd,
}: {
  readonly taken: readonly string[];
  readonly onClose: () => void;
  readonly onAdd: (
    questions: { readonly fromBank: true; readonly id: string; readonly text: string }[],
  ) => void;
}): ReactNode {
  const client = useClient();
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const [sought, setSought] = useState('');
  const bank = useInfiniteQuery({
    queryKey: ['question-bank'],
    queryFn: ({ pageParam, signal }) =>
      answered(
        client.GET('/questions', {
          params: { query: { limit: PAGE_SIZE, ...(pageParam === '' ? {} : { cursor: pageParam }) } },
          signal,
        }),
      ),
    initialPageParam: '',
    getNextPageParam: ({ next_cursor: next }) => next,
  });
  const all = bank.data?.pages.flatMap(({ questions }) => questions) ?? [];
  const needle = sought.trim().toLowerCase();
  const found = all.filter(({ id, text }) => `${id}\n${text}`.toLowerCase().includes(needle));
  const free = found.filter(({ id }) => !taken.includes(id));
  const choose = (ids: readonly string[], isChosen: boolean): void =>
    setChosen((now) => {
      const next = new Set(now);
      for (const id of ids) {
        if (isChosen) next.add(id);
        else next.delete(id);
      }
      return next;
    });
  return (
    <Dialog title="Question bank" onClose={onClose}>
      <form
        className="stack"
        onSubmit={(event) => {
          event.preventDefault();
          const added = all.filter(({ id }) => chosen.has(id));
          if (added.length === 0) return;
          onAdd(added.map(({ id, text }) => ({ fromBank: true, id, text })));
          onClose();
        }}
      >
        {bank.isError && (
          <ErrorNotice
            error={bank.error}
            what="The question bank could not be read"
            onRetry={() => void bank.refetch()}
          />
        )}
        {bank.isPending && <p role="status">Reading the question bank…</p>}
        {bank.isSuccess && all.length === 0 && (
          <EmptyState title="The question bank is empty">
            <p>
              Operators fill it in the configuration, under <code>questions:</code>.
            </p>
          </EmptyState>
        )}
        {all.length > 0 && (
          <>
            <Field label="Look for">
              {(control) => (
                <input
                  {...control}
                  type="search"
                  value={sought}
                  onChange={({ target }) => setSought(target.value)}
                />
              )}
            </Field>
            <div className="compose-bank" role="group" aria-label="Questions of the bank" tabIndex={0}>
              {found.map(({ id, text }) => (
                <label key={id} className="compose-bank-entry">
                  <input
                    type="checkbox"
                    disabled={taken.includes(id)}
                    checked={chosen.has(id) || taken.includes(id)}
                    onChange={({ target }) => choose([id], target.checked)}
                  />
                  <span>
                    <code>{id}</code> {text}
                  </span>
                </label>
              ))}
              {found.length === 0 && <p>None of those that were read has that in it.</p>}
            </div>
            <div className="actions">
              {bank.hasNextPage && (
                <button
                  type="button"
                  disabled={bank.isFetchingNextPage}
                  onClick={() => void bank.fetchNextPage()}
                >
                  Read more of them
                </button>
              )}
              <button
                type="button"
                disabled={free.length === 0}
                onClick={() =>
                  choose(
                    free.map(({ id }) => id),
                    !free.every(({ id }) => chosen.has(id)),
                  )
                }
              >
                {free.length > 0 && free.every(({ id }) => chosen.has(id))
                  ? 'Choose none'
                  : 'Choose all in sight'}
              </button>
            </div>
          </>
        )}
        <div className="actions">
          <button type="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" className="primary" disabled={chosen.size === 0}>
            Add {chosen.size === 1 ? '1 question' : `${chosen.size} questions`}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
