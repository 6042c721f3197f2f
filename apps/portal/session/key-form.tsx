import { useId, useState, type FormEvent, type ReactNode } from 'react';
import type { RouterProblem } from '../client/router-problem.js';
import { ErrorNotice } from '../notices/error-notice.js';

/** Takes a key. It stays in this tab and travels in a header only, never in an address. */
export function KeyForm({
  refused,
  onKey,
}: {
  readonly refused: RouterProblem | undefined;
  readonly onKey: (key: string) => void;
}): ReactNode {
  const [key, setKey] = useState('');
  const id = useId();
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    const given = key.trim();
    if (given !== '') onKey(given);
  };
  return (
    <main className="alone">
      <h1>Beacon</h1>
      <form className="panel stack" onSubmit={submit}>
        <p>This server asks for an API key. It is kept for this tab only.</p>
        {refused !== undefined && <ErrorNotice error={refused} what="The key was refused" />}
        <label htmlFor={id}>API key</label>
        <input
          id={id}
          type="password"
          autoComplete="off"
          spellCheck={false}
          required
          value={key}
          onChange={(event) => setKey(event.target.value)}
        />
        <div className="actions">
          <button type="submit" className="primary">
            Open
          </button>
        </div>
      </form>
    </main>
  );
}
