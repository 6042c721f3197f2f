import { useQueryClient } from '@tanstack/react-query';
import { useState, type ReactNode } from 'react';
import { useClient } from '../client/client-context.js';
import { answered } from '../client/router-problem.js';
import { useSingleMutation } from '../client/use-single-mutation.js';
import { TextField } from '../fields/field.js';
import { formatCount, formatDuration, formatUsd } from '../figures/format.js';
import { ErrorNotice } from '../notices/error-notice.js';
import { useSession } from '../session/session.js';
import type { CellBoard } from './cell-board.js';
import type { Run } from './run-facts.js';

/** What cells fail with that were not asked, because the run's budget might not have paid for them. */
export const BUDGET_REACHED = 'BUDGET_REACHED';

/** Why an ended run left cells out, and the way on: its budget is raised and they are asked. */
export function BudgetNotice({ run, board }: { readonly run: Run; readonly board: CellBoard }): ReactNode {
  const session = useSession();
  const held = board.failedWith(BUDGET_REACHED);
  if (run.finished_at === null || held === 0) return null;
  // Whoever raises it asks for all that has no answer, as `Retry failed` does.
  const { failed, cancelled } = board.counts();
  const others = failed + cancelled - held;
  const { usd, gpu_seconds: gpuS } = run.budget;
  const bounds = [
    ...(usd === null ? [] : [formatUsd(usd)]),
    ...(gpuS === null ? [] : [`${formatDuration(gpuS)} of GPU time`]),
  ];
  return (
    <div className="notice notice-warn stack" role="region" aria-label="Budget">
      <p className="notice-title">The budget is reached</p>
      <p>
        {formatCount(held)} {held === 1 ? 'execution was' : 'executions were'} not asked (
        <code>{BUDGET_REACHED}</code>): what is left of the budget
        {bounds.length > 0 && ` of ${bounds.join(' and ')}`} might not have paid for{' '}
        {held === 1 ? 'it' : 'them'}. With a higher one {held === 1 ? 'it is' : 'they are'} asked
        {others === 0 ? '' : `, and the ${formatCount(others)} others that have no answer`}
        {session.may('submit') ? '.' : '; raising it needs the role submit.'}
      </p>
      {session.may('submit') && <RaiseForm run={run} asked={failed + cancelled} />}
    </div>
  );
}

function RaiseForm({ run, asked }: { readonly run: Run; readonly asked: number }): ReactNode {
  const { usd, gpu_seconds: gpuS } = run.budget;
  const client = useClient();
  const queries = useQueryClient();
  const [usdText, setUsdText] = useState(plain(usd));
  const [gpuText, setGpuText] = useState(plain(gpuS));
  const newUsd = raisedTo(usdText, usd);
  const newGpuS = raisedTo(gpuText, gpuS);
  const isWrong = newUsd === 'wrong' || newGpuS === 'wrong';
  const isSame = newUsd === usd && newGpuS === gpuS;
  const raise = useSingleMutation({
    mutationFn: () =>
      answered(
        client.POST('/runs/{id}/retry-failed', {
          params: { path: { id: run.run_id } },
          body: {
            budget: {
              ...(typeof newUsd === 'number' ? { usd: newUsd } : {}),
              ...(typeof newGpuS === 'number' ? { gpu_seconds: newGpuS } : {}),
            },
          },
        }),
      ),
    onSettled: () => queries.invalidateQueries({ queryKey: ['run', run.run_id] }),
  });
  return (
    <form
      className="stack"
      onSubmit={(event) => {
        event.preventDefault();
        if (!isWrong && !isSame) raise.mutate();
      }}
    >
      <div className="actions budget-fields">
        {usd !== null && (
          <TextField
            label="Budget in US dollars"
            type="figure"
            value={usdText}
            faults={newUsd === 'wrong' ? [`must be a number, ${plain(usd)} or more`] : []}
            onChange={setUsdText}
          />
        )}
        {gpuS !== null && (
          <TextField
            label="Budget in GPU seconds"
            type="figure"
            value={gpuText}
            faults={newGpuS === 'wrong' ? [`must be a number, ${plain(gpuS)} or more`] : []}
            onChange={setGpuText}
          />
        )}
        <button type="submit" className="primary" disabled={isWrong || isSame || raise.isPending}>
          Raise it and ask {asked === 1 ? 'it' : formatCount(asked)}
        </button>
      </div>
      {raise.error !== null && <ErrorNotice error={raise.error} what="The budget was not raised" />}
    </form>
  );
}

/** @returns what was typed; null: there is no such bound. A bound is never lowered. */
function raisedTo(text: string, bound: number | null): number | null | 'wrong' {
  if (bound === null) return null;
  const value = Number(text.trim());
  return text.trim() !== '' && Number.isFinite(value) && value >= bound ? value : 'wrong';
}

/** As it would be typed: never `1e-7`. */
function plain(bound: number | null): string {
  return bound?.toLocaleString('en-US', { maximumSignificantDigits: 15, useGrouping: false }) ?? '';
}
