import type { CSSProperties, ReactNode } from 'react';
import { formatDuration } from '../figures/format.js';
import { intervalText, ticks, type Quote } from './quote.js';

/** Steps on the axis, at most: their texts are beside each other in little room. */
const TICKS = 2;

/** What each container would do, drawn to scale; the words are for those who listen, and for whoever points at a bar. */
export function PlanTimeline({ quote }: { readonly quote: Quote }): ReactNode {
  const { rows, endS, taken } = quote;
  const at = (seconds: number): string => `${endS === 0 ? 0 : (100 * seconds) / endS}%`;
  return (
    <figure className="plan-timeline">
      <figcaption>
        Timeline of the plan <span className="plan-key plan-warming">cold start</span>{' '}
        <span className="plan-key plan-busy">answering</span> <span className="plan-key plan-idle">idle</span>
      </figcaption>
      <div className="plan-rows" tabIndex={0} role="region" aria-label="Timeline of the plan">
        <ul className="plain">
          {rows.map(({ label, intervals }) => (
            <li key={label} className="plan-row">
              <span className="plan-label" title={label}>
                {label}
              </span>
              <span className="unseen">: {intervals.map(intervalText).join('; ')}</span>
              <span className="plan-bar" aria-hidden="true">
                {intervals.map((interval, index) => (
                  <span
                    key={index}
                    className={`plan-interval plan-${interval.state}`}
                    title={intervalText(interval)}
                    style={
                      {
                        left: at(interval.from_s),
                        width: at(interval.to_s - interval.from_s),
                      } satisfies CSSProperties
                    }
                  />
                ))}
                <span className="plan-last" style={{ left: at(taken.makespan_s) }} />
              </span>
            </li>
          ))}
        </ul>
        <div className="plan-row plan-axis" aria-hidden="true">
          <span className="plan-label" />
          <span className="plan-bar">
            {ticks(endS, TICKS).map((tick) => (
              <span
                key={tick}
                className={tick > endS / 2 ? 'plan-tick plan-tick-late' : 'plan-tick'}
                style={{ left: at(tick) }}
              >
                {tick === 0 ? '0' : formatDuration(tick)}
              </span>
            ))}
          </span>
        </div>
      </div>
      {taken.timeline_truncated && (
        <p className="field-hint">
          Too much to draw whole: what comes later, or some endpoints, are left out.
        </p>
      )}
    </figure>
  );
}
