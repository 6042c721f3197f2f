import type { ReactNode } from 'react';
import { RouterProblem } from '../client/router-problem.js';

/**
 * Shows a refusal as the router put it: code, detail, the fields that are wrong, and the id of the request.
 * @param what what did not work, in a few words
 */
export function ErrorNotice({
  error,
  what,
  onRetry,
}: {
  readonly error: unknown;
  readonly what: string;
  readonly onRetry?: () => void;
}): ReactNode {
  return (
    <div className="notice notice-error" role="alert">
      <p className="notice-title">{what}</p>
      {error instanceof RouterProblem ? (
        <>
          <p>{error.problem.detail}</p>
          {error.problem.errors.length > 0 && (
            <ul>
              {error.problem.errors.map(({ field, message }, index) => (
                <li key={index}>
                  <code>{field}</code> {message}
                </li>
              ))}
            </ul>
          )}
          <p className="notice-ids">
            <code>{error.problem.code}</code>
            {error.requestId !== undefined && (
              <>
                {' '}
                request <code>{error.requestId}</code>
              </>
            )}
          </p>
        </>
      ) : (
        <p>The router gave no answer. It is asked again.</p>
      )}
      {onRetry !== undefined && (
        <button type="button" onClick={onRetry}>
          Try again
        </button>
      )}
    </div>
  );
}
