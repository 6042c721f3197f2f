import { useQueryClient } from '@tanstack/react-query';
import { useEffect, useRef, useSyncExternalStore } from 'react';
import { useRouter } from '../client/client-context.js';
import { connection, type ConnectionState } from './connection.js';

/** While there is no connection it is tried this often. */
const PROBE_MS = 1000;

export function useConnection(): ConnectionState {
  return useSyncExternalStore(connection.subscribe, connection.read);
}

/** Looks for the router while it is away; once it is back, everything that is shown is asked for again. */
export function useReconnection(): void {
  const state = useConnection();
  const router = useRouter();
  const queries = useQueryClient();
  const wasLost = useRef(false);
  useEffect(() => {
    if (state !== 'lost') {
      if (wasLost.current && state !== 'connecting') {
        wasLost.current = false;
        void queries.invalidateQueries();
      }
      return;
    }
    wasLost.current = true;
    const timer = setInterval(() => {
      router.fetch('/health/live').catch(() => undefined);
    }, PROBE_MS);
    return () => clearInterval(timer);
  }, [state, router, queries]);
}
