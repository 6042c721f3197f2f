import type { ReactNode } from 'react';
import { useConnection, useReconnection } from './use-connection.js';
import type { ConnectionState } from './connection.js';

const TEXTS: Readonly<Record<ConnectionState, string>> = {
  connecting: 'Connecting',
  reached: 'Connected',
  live: 'Live',
  lost: 'Connection lost, trying again',
};

/** Said aloud when it changes; the sign before it differs in form, not only in colour. */
export function ConnectionStatus(): ReactNode {
  const state = useConnection();
  useReconnection();
  return (
    <p className={`connection connection-${state}`} role="status">
      <span className="connection-sign" aria-hidden="true" />
      {TEXTS[state]}
    </p>
  );
}
