import type { ReactNode } from 'react';
import { formatCount } from '../figures/format.js';

export interface ProgressCounts {
  readonly total: number;
  /** The substituted ones are among them. */
  readonly accepted: number;
  readonly substituted: number;
  readonly failed: number;
  /** At their end without an answer, and not failed: what was cancelled, or ran out of time. */
  readonly cancelled: number;
  readonly running: number;
}

/** A bar in parts, with what was answered, of all, beside it; the parts differ by pattern too. */
export function ProgressBar({
  label,
  counts,
}: {
  /** Of what it shows the progress. */
  readonly label: string;
  readonly counts: ProgressCounts;
}): ReactNode {
  const { total, accepted, substituted, failed, cancelled, running } = counts;
  const done = accepted + failed + cancelled;
  const parts = [
    ['good', accepted - substituted],
    ['warn', substituted],
    ['bad', failed],
    ['stopped', cancelled],
    ['busy', running],
  ] as const;
  return (
    <span className="progress">
      <span
        className="progress-bar"
        role="progressbar"
        aria-label={label}
        aria-valuemin={0}
        aria-valuemax={total}
        aria-valuenow={done}
        aria-valuetext={progressText(counts)}
      >
        {parts.map(
          ([tone, count]) =>
            count > 0 && (
              <span
                key={tone}
                className={`progress-part fill-${tone}`}
                style={{ width: `${(100 * count) / Math.max(1, total)}%` }}
              />
            ),
        )}
      </span>
      <span className="number progress-figures">
        {formatCount(accepted)}/{formatCount(total)}
      </span>
    </span>
  );
}

/** In words: "8 of 24 answered, 0 failed, 16 not answered, 0 running". */
function progressText({ total, accepted, failed, cancelled, running }: ProgressCounts): string {
  const stopped = cancelled > 0 ? [`${formatCount(cancelled)} not answered`] : [];
  return [
    `${formatCount(accepted)} of ${formatCount(total)} answered`,
    `${formatCount(failed)} failed`,
    ...stopped,
    `${formatCount(running)} running`,
  ].join(', ');
}
