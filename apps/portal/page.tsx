import type { ReactNode } from 'react';
import { Link, Redirect, Route, Router, Switch } from 'wouter';
import { useHashLocation } from 'wouter/use-hash-location';
import { BatchesPage } from './batches/batches-page.js';
import { ComposePage } from './compose/compose-page.js';
import { DeadLettersPage } from './dead-letters/dead-letters-page.js';
import { Frame } from './frame/frame.js';
import { Heading } from './frame/heading.js';
import { GatesPage } from './gates/gates-page.js';
import { LedgerPage } from './ledger/ledger-page.js';
import { QueuePage } from './queue/queue-page.js';
import { RunPage } from './run/run-page.js';
import { RunsPage } from './runs/runs-page.js';
import { SessionProvider } from './session/session.js';

// Not an interface: the router wants an index signature, which only a type has of itself.
type RunPlace = { id: string; view?: string; question?: string; repeat?: string };

/** The paths are the API's, so the page's own places lie behind a #. */
export function Page(): ReactNode {
  return (
    <SessionProvider>
      <Router hook={useHashLocation}>
        <Frame>
          <Switch>
            <Route path="/">
              <Redirect to="/runs" replace />
            </Route>
            <Route path="/runs">
              <RunsPage />
            </Route>
            <Route<RunPlace> path="/runs/:id/:view?/:question?/:repeat?">
              {({ id, view, question, repeat }) => (
                <RunPage key={id} runId={id} view={view} question={question} repeat={repeat} />
              )}
            </Route>
            <Route path="/compose">
              <ComposePage />
            </Route>
            <Route path="/gates">
              <GatesPage />
            </Route>
            <Route path="/batches/:batch?">
              <BatchesPage />
            </Route>
            <Route path="/queue">
              <QueuePage />
            </Route>
            <Route path="/dead-letters/:job?">
              <DeadLettersPage />
            </Route>
            <Route path="/ledger">
              <LedgerPage />
            </Route>
            <Route>
              <Heading title="Nothing here" />
              <p>
                There is no such view. <Link href="/runs">All runs</Link>
              </p>
            </Route>
          </Switch>
        </Frame>
      </Router>
    </SessionProvider>
  );
}
