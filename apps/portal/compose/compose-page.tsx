import './compose.css';
import { useEffect, useMemo, useState, type ReactNode } from 'react';
import { useLocation } from 'wouter';
import { saveFile } from '../downloads/save-file.js';
import { Heading } from '../frame/heading.js';
import { ErrorNotice } from '../notices/error-notice.js';
import { EmptyState } from '../notices/empty-state.js';
import { useSession } from '../session/session.js';
import { useDeployment } from './deployment.js';
import { bodyOf, faultsAt, type Fault } from './draft-body.js';
import { keepDraft, readDraft } from './draft-store.js';
import { isBlank, newDraft, type Draft } from './draft.js';
import { TextField } from '../fields/field.js';
import { ImportDialog } from './import-dialog.js';
import { OptionsForm } from './options-form.js';
import { QuestionList, pageOf } from './question-list.js';
import { QuotePanel } from './quote-panel.js';
import type { Quote } from './quote.js';
import { TargetGrid } from './target-grid.js';
import { useQuote } from './use-quote.js';
import { useStart } from './use-start.js';

const store = (): Storage => window.sessionStorage;

/** Composes a run and starts it, once what it takes has been seen. */
export function ComposePage(): ReactNode {
  const session = useSession();
  if (!session.may('submit')) {
    return (
      <>
        <Heading title="New run" />
        <EmptyState title="This key may not start runs">
          <p>
            That needs the role <code>submit</code>.
          </p>
        </EmptyState>
      </>
    );
  }
  return <Composer />;
}

function Composer(): ReactNode {
  const session = useSession();
  const [, navigate] = useLocation();
  const [draft, setDraft] = useState(() => readDraft(store));
  const [questionPage, setQuestionPage] = useState(0);
  const [isImporting, setImporting] = useState(false);
  const [importFaults, setImportFaults] = useState<readonly Fault[]>([]);
  const sent = useMemo(() => bodyOf(draft), [draft]);
  const deployment = useDeployment(session.self.limits);
  const quote = useQuote(sent);
  const start = useStart((run) => {
    keepDraft(store, newDraft());
    navigate(`/runs/${run.run_id}`);
  });
  useEffect(() => void keepDraft(store, draft), [draft]);

  const change = (fields: Partial<Draft>): void => setDraft((now) => ({ ...now, ...fields }));
  // What was not begun is missing, and needs no scolding; the status of the quote says so.
  const isUntouched =
    draft.questions.every(isBlank) && draft.models.length === 0 && draft.regions.length === 0;
  const faults = isUntouched ? [] : quote.faults;
  return (
    <>
      <Heading title="New run">
        <div className="actions heading-end">
          <button type="button" onClick={() => setImporting(true)}>
            Import…
          </button>
          <button type="button" onClick={() => void exportYaml(sent.body, draft.name)}>
            Export YAML
          </button>
          <button
            type="button"
            onClick={() =>
              saveFile(
                fileName(draft.name, 'json'),
                new Blob([`${JSON.stringify(sent.body, null, 2)}\n`], { type: 'application/json' }),
              )
            }
          >
            Export JSON
          </button>
          <button
            type="button"
            disabled={isUntouched && draft.name === ''}
            onClick={() => {
              setDraft(newDraft());
              setImportFaults([]);
            }}
          >
            Clear
          </button>
        </div>
      </Heading>
      {isImporting && (
        <ImportDialog
          onClose={() => setImporting(false)}
          onImport={(imported) => {
            setDraft(imported.draft);
            setImportFaults(imported.faults);
          }}
        />
      )}
      <ImportFaults faults={importFaults} onClose={() => setImportFaults([])} />
      <div className="compose">
        <div className="compose-form">
          <div className="panel" data-field="name">
            <TextField
              label="Name"
              value={draft.name}
              faults={faultsAt(faults, 'name')}
              onChange={(name) => change({ name })}
            />
          </div>
          <QuestionList
            draft={draft}
            faults={faults}
            page={questionPage}
            onPage={setQuestionPage}
            onDraft={setDraft}
          />
          <section className="panel" aria-labelledby="targets" tabIndex={-1} data-fields="models regions">
            <h2 id="targets">Models and regions</h2>
            {deployment.isError && (
              <ErrorNotice
                error={deployment.error}
                what="What is deployed could not be read"
                onRetry={() => void deployment.refetch()}
              />
            )}
            {deployment.isPending && <p role="status">Reading what is deployed…</p>}
            {deployment.data !== undefined && (
              <TargetGrid
                deployment={deployment.data}
                models={draft.models}
                regions={draft.regions}
                modelFaults={faultsAt(faults, 'models')}
                regionFaults={faultsAt(faults, 'regions')}
                onModels={(models) => change({ models })}
                onRegions={(regions) => change({ regions })}
              />
            )}
          </section>
          <OptionsForm
            draft={draft}
            faults={faults}
            showsCosts={session.may('ledger') || hasCost(quote.quote)}
            onChange={change}
          />
        </div>
        <QuotePanel
          state={quote}
          budget={sent.body.budget}
          start={start}
          onStart={() => start.start(sent.body)}
          onOrder={(order) => change({ order })}
          onShow={(field) => setQuestionPage((now) => pageOf(field) ?? now)}
        />
      </div>
    </>
  );
}

function ImportFaults({
  faults,
  onClose,
}: {
  readonly faults: readonly Fault[];
  readonly onClose: () => void;
}): ReactNode {
  if (faults.length === 0) return null;
  return (
    <div className="notice notice-warn" role="alert">
      <p className="notice-title">Imported, except for what follows</p>
      <ul>
        {faults.map(({ field, message }) => (
          <li key={`${field} ${message}`}>
            <code>{field}</code> {message}
          </li>
        ))}
      </ul>
      <button type="button" onClick={onClose}>
        Close
      </button>
    </div>
  );
}

function hasCost(quote: Quote | undefined): boolean {
  return quote !== undefined && quote.taken.cost_usd !== null;
}

async function exportYaml(body: unknown, name: string): Promise<void> {
  const { stringify } = await import('yaml');
  saveFile(fileName(name, 'yaml'), new Blob([stringify(body)], { type: 'application/yaml' }));
}

function fileName(name: string, extension: string): string {
  const plain = name.trim().replace(/[^A-Za-z0-9._-]+/g, '-');
  return `${plain === '' ? 'run' : plain}.${extension}`;
}
