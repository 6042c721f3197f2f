import { useState, type ReactNode } from 'react';
import { BankDialog } from './bank-dialog.js';
import { faultsAt, type Fault } from './draft-body.js';
import {
  addQuestions,
  changeQuestion,
  moveQuestion,
  questionsOf,
  removeQuestion,
  type Draft,
} from './draft.js';
import { Dialog } from '../dialogs/dialog.js';
import { Faults, Field } from '../fields/field.js';
import { QuestionItem } from './question-item.js';
import { formatCount } from '../figures/format.js';

const PAGE_SIZE = 20;

/** @param field as the API names it: `questions[25].text` @returns the page it is on; undefined: it is of no question */
export function pageOf(field: string): number | undefined {
  const index = /^questions\[(\d+)\]/.exec(field)?.[1];
  return index === undefined ? undefined : Math.floor(Number(index) / PAGE_SIZE);
}

/** Whoever changes the draft says how from what it is by then. */
export type ChangeDraft = (change: (draft: Draft) => Draft) => void;

export function QuestionList({
  draft,
  faults,
  page,
  onPage: setPage,
  onDraft,
}: {
  readonly draft: Draft;
  readonly faults: readonly Fault[];
  /** Of the questions, counted from 0; beyond the last one: the last. */
  readonly page: number;
  readonly onPage: (page: number) => void;
  readonly onDraft: ChangeDraft;
}): ReactNode {
  const [opened, setOpened] = useState<'several' | 'bank'>();
  const { questions } = draft;
  const lastPage = Math.max(0, Math.ceil(questions.length / PAGE_SIZE) - 1);
  const shown = Math.min(page, lastPage);
  const from = shown * PAGE_SIZE;
  /** What is wrong on another page must not be out of sight. */
  const elsewhere = questions.flatMap(({ id }, index) =>
    (index < from || index >= from + PAGE_SIZE) && faultsAt(faults, `questions[${index}]`).length > 0
      ? [{ id, index }]
      : [],
  );
  const add = (added: Parameters<typeof addQuestions>[1]): void => {
    onDraft((now) => addQuestions(now, added));
    // The last page is where they are.
    setPage(Number.MAX_SAFE_INTEGER);
  };
  return (
    <>
      <section className="panel stack" aria-labelledby="questions" data-field="questions">
        <h2 id="questions">
          Questions{' '}
          {questions.length > 0 && <span className="quiet-text">({formatCount(questions.length)})</span>}
        </h2>
        <ol className="plain stack" start={from + 1}>
          {questions.slice(from, from + PAGE_SIZE).map((question, offset) => {
            const index = from + offset;
            const path = `questions[${index}]`;
            return (
              <QuestionItem
                key={question.key}
                question={question}
                place={index + 1}
                path={path}
                isFirst={index === 0}
                isLast={index === questions.length - 1}
                regions={draft.regions}
                faults={faultsAt(faults, path, [`${path}.gate`])}
                gateFaults={faultsAt(faults, `${path}.gate`)}
                onChange={(change) => onDraft((now) => changeQuestion(now, question.key, change))}
                onMove={(by) => onDraft((now) => moveQuestion(now, question.key, by))}
                onRemove={() => onDraft((now) => removeQuestion(now, question.key))}
              />
            );
          })}
        </ol>
        {lastPage > 0 && (
          <nav className="actions" aria-label="Pages of questions">
            <button type="button" disabled={shown === 0} onClick={() => setPage(shown - 1)}>
              Earlier
            </button>
            <span className="number">
              {formatCount(from + 1)} to {formatCount(Math.min(from + PAGE_SIZE, questions.length))} of{' '}
              {formatCount(questions.length)}
            </span>
            <button type="button" disabled={shown === lastPage} onClick={() => setPage(shown + 1)}>
              Later
            </button>
          </nav>
        )}
        {elsewhere.length > 0 && (
          <p className="field-error">
            {elsewhere.length === 1 ? 'A question' : `${elsewhere.length} questions`} on other pages cannot be
            asked like this.{' '}
            <button type="button" onClick={() => setPage(Math.floor((elsewhere[0]?.index ?? 0) / PAGE_SIZE))}>
              Show {elsewhere[0]?.id}
            </button>
          </p>
        )}
        <Faults faults={faults.filter(({ field }) => field === 'questions').map(({ message }) => message)} />
        <div className="actions">
          <button type="button" onClick={() => add([{}])}>
            Add a question
          </button>
          <button type="button" onClick={() => setOpened('several')}>
            Add several…
          </button>
          <button type="button" onClick={() => setOpened('bank')}>
            From the question bank…
          </button>
        </div>
      </section>
      {opened === 'several' && <SeveralDialog onClose={() => setOpened(undefined)} onAdd={add} />}
      {opened === 'bank' && (
        <BankDialog
          taken={questions.filter(({ fromBank }) => fromBank).map(({ id }) => id)}
          onClose={() => setOpened(undefined)}
          onAdd={add}
        />
      )}
    </>
  );
}

function SeveralDialog({
  onClose,
  onAdd,
}: {
  readonly onClose: () => void;
  readonly onAdd: (questions: { readonly id?: string; readonly text: string }[]) => void;
}): ReactNode {
  const [text, setText] = useState('');
  const found = questionsOf(text);
  return (
    <Dialog title="Add several questions" onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (found.length === 0) return;
          onAdd(found);
          onClose();
        }}
      >
        <Field
          label="One on each line, or paragraphs with empty lines between them"
          hint={
            <>
              <code>id: text</code> gives a question its id.
            </>
          }
        >
          {(control) => (
            <textarea {...control} rows={10} value={text} onChange={({ target }) => setText(target.value)} />
          )}
        </Field>
        <div className="actions">
          <button type="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" className="primary" disabled={found.length === 0}>
            Add {found.length === 1 ? '1 question' : `${formatCount(found.length)} questions`}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
