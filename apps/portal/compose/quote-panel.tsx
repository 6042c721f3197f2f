import { useId, type ReactNode } from 'react';
import { ErrorNotice } from '../notices/error-notice.js';
import { formatCount, roughly } from '../figures/format.js';
import { Time } from '../figures/time.js';
import { PlanTimeline } from './plan-timeline.js';
import { about, isOverBudget, price, startLabel, type PlannedOrder } from './quote.js';
import { FaultList } from './fault-list.js';
import type { RunBody, RunOrder } from './draft.js';
import type { QuoteState } from './use-quote.js';
import type { Start } from './use-start.js';

/** What the run would take, and the button that starts it. */
export function QuotePanel({
  state,
  budget,
  start,
  onStart,
  onOrder,
  onShow,
}: {
  readonly state: QuoteState;
  /** What the run may take; undefined: not bounded. */
  readonly budget: RunBody['budget'];
  readonly start: Start;
  readonly onStart: () => void;
  readonly onOrder: (order: RunOrder) => void;
  /** Puts a field into the page that is not in it. */
  readonly onShow: (field: string) => void;
}): ReactNode {
  const noteId = useId();
  const { quote, faults, isCurrent, isAsking, quotedAt, error, askAgain } = state;
  const overBudget = quote !== undefined && isCurrent && isOverBudget(quote, budget);
  const canStart = quote !== undefined && isCurrent && !start.isStarting;
  return (
    <section className="panel compose-quote" aria-labelledby="quote">
      <h2 id="quote">Quote</h2>
      {error !== undefined && <ErrorNotice error={error} what="There is no quote" onRetry={askAgain} />}
      <p role="status" className={isCurrent ? 'quiet-text' : 'compose-stale'}>
        {statusText({ hasQuote: quote !== undefined, isCurrent, isAsking, wrong: faults.length })}
        {isCurrent && quotedAt > 0 && (
          <>
            {' '}
            <Time at={new Date(quotedAt).toISOString()} />
          </>
        )}
      </p>
      {!isCurrent && <FaultList faults={faults} onShow={onShow} />}
      {quote !== undefined && (
        <div className={isCurrent ? undefined : 'compose-old'}>
          <dl className="facts">
            <Fact name="Executions">{formatCount(quote.cells)}</Fact>
            <Fact name="Takes">{about(quote.taken.makespan_s)}</Fact>
            <Fact name="Costs">
              {quote.taken.cost_usd === null ? (
                <span className="quiet-text">not shown</span>
              ) : (
                price(quote.taken.cost_usd)
              )}
            </Fact>
            <Fact name="GPU time">{about(quote.taken.gpu_seconds.total)}</Fact>
            <Fact name="Cold starts">{formatCount(quote.taken.cold_starts)}</Fact>
            <Fact name="GPUs at once">
              {quote.taken.peak_gpus} of {quote.gpuLimit}
            </Fact>
          </dl>
          {quote.unpricedGpus.length > 0 && (
            <p className="field-hint">No price is known for {quote.unpricedGpus.join(', ')}.</p>
          )}
          {quote.isAssumed && (
            <p className="notice notice-warn">
              Nothing has been learned about some of these models yet: their times are assumed.
            </p>
          )}
          {quote.taken.feasible === false && (
            <div className="notice notice-warn">
              <p className="notice-title">A bound is not kept</p>
              <ul>
                {quote.taken.infeasible_because.map((because) => (
                  <li key={because}>{because}</li>
                ))}
              </ul>
            </div>
          )}
          {quote.unavailable.length > 0 && (
            <p className="notice notice-warn">
              Served nowhere, and not asked:{' '}
              {quote.unavailable.map(({ model, region }) => `${model} in ${region}`).join(', ')}.
            </p>
          )}
          <PlanTimeline quote={quote} />
          <Orders orders={quote.orders} taken={quote.taken} reason={quote.reason} onOrder={onOrder} />
          {quote.notes.length > 0 && (
            <details>
              <summary>What this takes for granted</summary>
              <ul>
                {quote.notes.map((note) => (
                  <li key={note}>{note}</li>
                ))}
              </ul>
            </details>
          )}
        </div>
      )}
      {start.error !== undefined && <ErrorNotice error={start.error} what="The run was not started" />}
      {start.isLost && (
        <p className="notice notice-warn" role="alert">
          The answer was lost. The router is asked again under the same key, so one run is started and not
          two.
        </p>
      )}
      <div className="actions">
        {overBudget && (
          <p className="compose-start-note" id={noteId}>
            It may not finish: what the budget does not pay for is not asked.
          </p>
        )}
        <button
          type="button"
          className="primary compose-start"
          disabled={!canStart}
          aria-describedby={overBudget ? noteId : undefined}
          onClick={onStart}
        >
          {start.isStarting
            ? 'Starting…'
            : quote !== undefined && isCurrent
              ? `${startLabel(quote)}${overBudget ? ', may not finish' : ''}`
              : isAsking
                ? 'Waiting for the quote…'
                : 'Start'}
        </button>
      </div>
    </section>
  );
}

function statusText({
  hasQuote,
  isCurrent,
  isAsking,
  wrong,
}: {
  readonly hasQuote: boolean;
  readonly isCurrent: boolean;
  readonly isAsking: boolean;
  readonly wrong: number;
}): string {
  if (isCurrent) return 'Nothing runs yet. Planned at';
  if (isAsking) return hasQuote ? 'Out of date: being planned again…' : 'Being planned…';
  if (wrong > 0) {
    const what = wrong === 1 ? 'One thing is missing or wrong' : `${wrong} things are missing or wrong`;
    return hasQuote ? `${what}. This is the quote from before.` : `${what}.`;
  }
  return hasQuote ? 'Out of date.' : 'There is none yet.';
}

function Fact({ name, children }: { readonly name: string; readonly children: ReactNode }): ReactNode {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function Orders({
  orders,
  taken,
  reason,
  onOrder,
}: {
  readonly orders: readonly PlannedOrder[];
  readonly taken: PlannedOrder;
  readonly reason: string;
  readonly onOrder: (order: RunOrder) => void;
}): ReactNode {
  const hasCosts = orders.some(({ cost_usd: cost }) => cost !== null);
  return (
    <details>
      <summary>
        Order: {taken.order} <span className="quiet-text">({reason})</span>
      </summary>
      <div className="table-frame" role="region" aria-label="Orders" tabIndex={0}>
        <table>
          <caption className="unseen">What each order would take</caption>
          <thead>
            <tr>
              <th scope="col">Order</th>
              <th scope="col" className="number">
                Takes
              </th>
              {hasCosts && (
                <th scope="col" className="number">
                  Costs
                </th>
              )}
              <th scope="col" className="number">
                Cold starts
              </th>
              <th scope="col" className="number">
                GPUs
              </th>
              <th scope="col">
                <span className="unseen">Choose</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {orders.map((each) => (
              <tr key={each.order}>
                <th scope="row">{each.order}</th>
                <td className="number">{roughly(each.makespan_s)}</td>
                {hasCosts && (
                  <td className="number">{each.cost_usd === null ? '–' : price(each.cost_usd)}</td>
                )}
                <td className="number">{each.cold_starts}</td>
                <td className="number">{each.peak_gpus}</td>
                <td>
                  {each.order === taken.order ? (
                    'taken'
                  ) : (
                    <button type="button" className="quiet" onClick={() => onOrder(each.order)}>
                      Take <span className="unseen">{each.order}</span>
                    </button>
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </details>
  );
}
