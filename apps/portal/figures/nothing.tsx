import type { ReactNode } from 'react';

/** There is no such value. */
export function Nothing(): ReactNode {
  return (
    <span className="nothing">
      <span aria-hidden="true">–</span>
      <span className="unseen">none</span>
    </span>
  );
}
