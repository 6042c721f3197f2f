import { useId, useState, type ReactNode } from 'react';
import { Dialog } from '../dialogs/dialog.js';
import { ErrorNotice } from '../notices/error-notice.js';

/** What the router keeps of a reason. */
const REASON_MAX = 500;

/** Asks before something is done that others notice. It stays open until it was done, and says what kept it from being done. */
export function ConfirmDialog({
  title,
  action,
  cancel = 'Cancel',
  danger = false,
  reason: wanted = 'none',
  isBusy,
  error,
  children,
  onConfirm,
  onClose,
}: {
  readonly title: string;
  /** On the button: what it does. */
  readonly action: string;
  /** On the other button. */
  readonly cancel?: string;
  readonly danger?: boolean;
  readonly reason?: 'none' | 'optional' | 'required';
  readonly isBusy: boolean;
  readonly error: unknown;
  readonly children?: ReactNode;
  /** @param reason empty where none was given */
  readonly onConfirm: (reason: string) => void;
  readonly onClose: () => void;
}): ReactNode {
  const [reason, setReason] = useState('');
  const id = useId();
  const given = reason.trim();
  return (
    <Dialog title={title} onClose={onClose}>
      <form
        className="stack"
        onSubmit={(event) => {
          event.preventDefault();
          if (!isBusy && (wanted !== 'required' || given !== '')) onConfirm(given);
        }}
      >
        {children}
        {wanted !== 'none' && (
          <div className="field">
            <label htmlFor={id}>Reason{wanted === 'optional' ? ' (optional)' : ''}</label>
            <input
              id={id}
              value={reason}
              maxLength={REASON_MAX}
              required={wanted === 'required'}
              autoComplete="off"
              onChange={({ target }) => setReason(target.value)}
            />
          </div>
        )}
        {error !== undefined && error !== null && <ErrorNotice error={error} what="It was not done" />}
        <div className="actions">
          <button type="button" onClick={onClose}>
            {cancel}
          </button>
          <button type="submit" className={danger ? 'danger' : 'primary'} disabled={isBusy}>
            {action}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
