import { useState } from 'react';

export interface Asking<Asked> {
  /** undefined: no dialog is open. */
  readonly asked: Asked | undefined;
  readonly ask: (about: Asked) => void;
  /** Closes the dialog that was open when this was given out: the answer to one that was closed meanwhile closes no other. */
  readonly close: () => void;
}

/** What a dialog asks about, while it is open. */
export function useAsked<Asked extends object | string>(): Asking<Asked> {
  const [asked, ask] = useState<Asked>();
  return { asked, ask, close: () => ask((now) => (now === asked ? undefined : now)) };
}
