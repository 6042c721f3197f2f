import { createRouterClient, type TypedRouterClient } from '#router-client';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { createContext, useContext, useMemo, useState, type ReactNode } from 'react';
import { connection } from '../connection/connection.js';
import { RouterProblem } from './router-problem.js';
import { routerAddress } from './router-address.js';

interface RouterAccess {
  readonly client: TypedRouterClient;
  readonly baseUrl: string;
  /** undefined: none was given. */
  readonly key: string | undefined;
  /** For what the typed client does not do: streams and downloads. The key goes in the header. */
  readonly fetch: (path: string, init?: RequestInit) => Promise<Response>;
}

const RouterContext = createContext<RouterAccess | undefined>(undefined);

const RETRIES_MAX = 2;
/** Lists and states are asked for again this often while they are looked at. */
export const REFRESH_MS = 2000;

/** Gives the parts of the page the router's client. To be made anew for another key, so that no answer to the last one stays. */
export function ClientProvider({
  sessionKey,
  children,
}: {
  readonly sessionKey: string | undefined;
  readonly children: ReactNode;
}): ReactNode {
  const access = useMemo(() => accessOf(sessionKey), [sessionKey]);
  const [queries] = useState(newQueryClient);
  return (
    <RouterContext value={access}>
      <QueryClientProvider client={queries}>{children}</QueryClientProvider>
    </RouterContext>
  );
}

export function useRouter(): RouterAccess {
  const access = useContext(RouterContext);
  if (access === undefined) throw new Error('there is no ClientProvider around this part of the page');
  return access;
}

export function useClient(): TypedRouterClient {
  return useRouter().client;
}

function accessOf(key: string | undefined): RouterAccess {
  const baseUrl = routerAddress(document.baseURI);
  return {
    client: createRouterClient({ baseUrl, key, fetch: (request) => connection.fetch(request) }),
    baseUrl,
    key,
    fetch: (path, init = {}) => {
      const headers = new Headers(init.headers);
      if (key !== undefined) headers.set('authorization', `Bearer ${key}`);
      return connection.fetch(new Request(`${baseUrl}${path}`, { ...init, headers }));
    },
  };
}

function newQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        // A refusal is an answer; what never got one is tried again, and the connection's state says so meanwhile.
        retry: (failures, error) => !(error instanceof RouterProblem) && failures < RETRIES_MAX,
        // A page on a machine without any network may still be the router's own.
        networkMode: 'always',
        staleTime: 1000,
      },
      mutations: { retry: false, networkMode: 'always' },
    },
  });
}
