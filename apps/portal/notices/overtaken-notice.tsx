import type { ReactNode } from 'react';

/** Says that somebody or the clock was faster. @param text in a sentence; undefined: nobody was */
export function OvertakenNotice({ text }: { readonly text: string | undefined }): ReactNode {
  if (text === undefined) return null;
  return (
    <p className="notice notice-warn" role="alert">
      {text}
    </p>
  );
}
