import { useEffect, useId, useRef, type ReactNode } from 'react';
import { rememberFocus } from './focus-return.js';

/** A modal dialog of the browser's own: it keeps the focus, and Escape closes it. Shown as long as it is rendered. */
export function Dialog({
  title,
  onClose,
  children,
}: {
  readonly title: string;
  readonly onClose: () => void;
  readonly children: ReactNode;
}): ReactNode {
  const element = useRef<HTMLDialogElement>(null);
  const titleId = useId();
  useEffect(() => {
    const dialog = element.current;
    const returnFocus = rememberFocus();
    if (dialog !== null && !dialog.open) dialog.showModal();
    return () => {
      dialog?.close();
      returnFocus();
    };
  }, []);
  return (
    <dialog
      ref={element}
      aria-labelledby={titleId}
      onCancel={(event) => {
        // It closes by no longer being rendered.
        event.preventDefault();
        onClose();
      }}
    >
      <h2 id={titleId}>{title}</h2>
      {children}
    </dialog>
  );
}
