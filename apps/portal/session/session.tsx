import { useQuery } from '@tanstack/react-query';
import { createContext, useContext, useMemo, useState, type ReactNode } from 'react';
import { ClientProvider, useClient } from '../client/client-context.js';
import { RouterProblem, answered } from '../client/router-problem.js';
import { KeyForm } from './key-form.js';
import { mayAs, type Role, type Self } from './roles.js';
import { storedKey } from './stored-key.js';
import { ErrorNotice } from '../notices/error-notice.js';

const keys = storedKey(() => window.sessionStorage);

export interface Session {
  /** Who the router says the caller is. */
  readonly self: Self;
  /** The server has keys, and this page has one. */
  readonly hasKey: boolean;
  readonly may: (role: Role) => boolean;
  readonly leave: () => void;
}

const SessionContext = createContext<Session | undefined>(undefined);

/** Asks for a key where the server wants one, and shows the page to whom the router knows. */
export function SessionProvider({ children }: { readonly children: ReactNode }): ReactNode {
  const [key, setKey] = useState(keys.read);
  const give = (next: string | undefined): void => {
    keys.write(next);
    setKey(next);
  };
  return (
    <ClientProvider key={key} sessionKey={key}>
      <Admission sessionKey={key} give={give}>
        {children}
      </Admission>
    </ClientProvider>
  );
}

export function useSession(): Session {
  const session = useContext(SessionContext);
  if (session === undefined) throw new Error('there is no SessionProvider around this part of the page');
  return session;
}

function Admission({
  sessionKey,
  give,
  children,
}: {
  readonly sessionKey: string | undefined;
  readonly give: (key: string | undefined) => void;
  readonly children: ReactNode;
}): ReactNode {
  const client = useClient();
  const self = useQuery({
    queryKey: ['self'],
    queryFn: ({ signal }) => answered(client.GET('/keys/self', { signal })),
    staleTime: Number.POSITIVE_INFINITY,
    // A router that is being started is waited for.
    refetchInterval: ({ state }) =>
      state.error === null || state.error instanceof RouterProblem ? false : 2000,
  });
  const { data } = self;
  const session = useMemo(
    () =>
      data && {
        self: data,
        hasKey: sessionKey !== undefined,
        may: (role: Role) => mayAs(data, role),
        leave: () => give(undefined),
      },
    // eslint-disable-next-line react-hooks/exhaustive-deps -- `give` does the same each time
    [data, sessionKey],
  );
  if (session !== undefined) return <SessionContext value={session}>{children}</SessionContext>;
  if (self.error instanceof RouterProblem && self.error.problem.status === 401) {
    return <KeyForm refused={sessionKey === undefined ? undefined : self.error} onKey={give} />;
  }
  return (
    <main className="alone">
      <h1>Beacon</h1>
      {self.error === null ? (
        <p role="status">Connecting…</p>
      ) : (
        <ErrorNotice error={self.error} what="The router was not reached" />
      )}
      {sessionKey !== undefined && self.error !== null && (
        <button type="button" onClick={() => give(undefined)}>
          Use another key
        </button>
      )}
    </main>
  );
}
