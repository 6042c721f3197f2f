import type { ReactNode } from 'react';
import { flushSync } from 'react-dom';
import { fieldText, unplacedFaults, type Fault } from './draft-body.js';
import { focusField } from './focus-field.js';

/** More are found once these are mended. */
const SHOWN_MAX = 8;

/** What is missing or wrong, each with a way to its field. */
export function FaultList({
  faults,
  onShow,
}: {
  readonly faults: readonly Fault[];
  /** Puts a field into the page that is not in it, as a question of another page. */
  readonly onShow: (field: string) => void;
}): ReactNode {
  if (faults.length === 0) return null;
  const unplaced = new Set(unplacedFaults(faults));
  return (
    <ul className="compose-faults">
      {faults.slice(0, SHOWN_MAX).map((fault) => {
        const { field, message } = fault;
        return (
          <li key={`${field} ${message}`}>
            {unplaced.has(fault) ? (
              <>
                <code>{field}</code> {message}
              </>
            ) : (
              <button
                type="button"
                onClick={() => {
                  // There to be focused in the next line.
                  flushSync(() => onShow(field));
                  focusField(field);
                }}
              >
                {fieldText(field)}: {message}
              </button>
            )}
          </li>
        );
      })}
      {faults.length > SHOWN_MAX && <li>and {faults.length - SHOWN_MAX} more.</li>}
    </ul>
  );
}
