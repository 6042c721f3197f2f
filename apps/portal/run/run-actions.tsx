import { useQueryClient } from '@tanstack/react-query';
import { useId, useState, type ReactNode } from 'react';
import { useClient } from '../client/client-context.js';
import { answered } from '../client/router-problem.js';
import { useSingleMutation } from '../client/use-single-mutation.js';
import { Dialog } from '../dialogs/dialog.js';
import { ErrorNotice } from '../notices/error-notice.js';
import { useSession } from '../session/session.js';
import type { Run } from './run-facts.js';
import { actionsFor, type RunAction } from './run-steps.js';

const LABELS: Readonly<Record<RunAction, string>> = {
  pause: 'Pause',
  resume: 'Resume',
  cancel: 'Cancel run',
  'retry-failed': 'Retry failed',
  extend: 'Extend',
};

/** What may be done with the run now, by whoever looks at it. */
export function RunActions({ run }: { readonly run: Run }): ReactNode {
  const session = useSession();
  const client = useClient();
  const queries = useQueryClient();
  const [asked, setAsked] = useState<'cancel' | 'extend'>();
  const [repeats, setRepeats] = useState(run.repeats + 1);
  const id = useId();
  const params = { path: { id: run.run_id } };
  const act = useSingleMutation({
    mutationFn: async (action: RunAction): Promise<unknown> => {
      switch (action) {
        case 'pause':
          return answered(client.POST('/runs/{id}/pause', { params }));
        case 'resume':
          return answered(client.POST('/runs/{id}/resume', { params }));
        case 'cancel':
          return answered(client.POST('/runs/{id}/cancel', { params }));
        case 'retry-failed':
          return answered(client.POST('/runs/{id}/retry-failed', { params, body: {} }));
        case 'extend':
          return answered(client.POST('/runs/{id}/extend', { params, body: { repeats } }));
      }
    },
    onSettled: () => queries.invalidateQueries({ queryKey: ['run', run.run_id] }),
    onSuccess: () => setAsked(undefined),
  });
  const actions = actionsFor(run, session.may);
  if (actions.length === 0 && act.error === null) return null;
  const close = (): void => {
    setAsked(undefined);
    // What is under way goes on, and nothing else can be asked for until it has ended.
    if (!act.isPending) act.reset();
  };
  return (
    <>
      <div className="actions heading-end">
        {actions.map((action) => (
          <button
            key={action}
            type="button"
            className={action === 'cancel' ? 'danger' : undefined}
            disabled={act.isPending}
            onClick={() => {
              if (action !== 'cancel' && action !== 'extend') {
                act.mutate(action);
                return;
              }
              // What an earlier one failed with is not told of this one.
              act.reset();
              setAsked(action);
            }}
          >
            {LABELS[action]}
          </button>
        ))}
        {act.isPending && asked === undefined && <span role="status">Under way…</span>}
      </div>
      {act.error !== null && asked === undefined && (
        <ErrorNotice error={act.error} what="That was not done" />
      )}
      {asked === 'cancel' && (
        <Dialog title="Cancel the run?" onClose={close}>
          <p>
            Calls that are under way are cancelled upstream. Answers up to now are kept, and the run can be
            taken up again with “Retry failed”.
          </p>
          {act.error !== null && <ErrorNotice error={act.error} what="The run was not cancelled" />}
          <div className="actions">
            <button type="button" onClick={close}>
              Keep it running
            </button>
            <button
              type="button"
              className="danger"
              disabled={act.isPending}
              onClick={() => act.mutate('cancel')}
            >
              Cancel run
            </button>
          </div>
        </Dialog>
      )}
      {asked === 'extend' && (
        <Dialog title="Extend the run" onClose={close}>
          <form
            className="stack"
            onSubmit={(event) => {
              event.preventDefault();
              act.mutate('extend');
            }}
          >
            <p>
              Every question is asked again until each has so many repeats in all. It has {run.repeats} now.
            </p>
            <label htmlFor={id}>Repeats in all</label>
            <input
              id={id}
              type="number"
              min={run.repeats + 1}
              max={1000}
              required
              value={repeats}
              onChange={({ target }) => setRepeats(target.valueAsNumber)}
            />
            {act.error !== null && <ErrorNotice error={act.error} what="The run was not extended" />}
            <div className="actions">
              <button type="button" onClick={close}>
                Leave it
              </button>
              <button type="submit" className="primary" disabled={act.isPending}>
                Extend
              </button>
            </div>
          </form>
        </Dialog>
      )}
    </>
  );
}
