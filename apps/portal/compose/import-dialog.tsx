import { useState, type ReactNode } from 'react';
import { Dialog } from '../dialogs/dialog.js';
import { Field } from '../fields/field.js';
import { draftOf, type Imported } from './import-body.js';

/** Takes the body of a run, in YAML or JSON, from a file or typed in. */
export function ImportDialog({
  onClose,
  onImport,
}: {
  readonly onClose: () => void;
  readonly onImport: (imported: Imported) => void;
}): ReactNode {
  const [text, setText] = useState('');
  const [fault, setFault] = useState<string>();
  const take = async (): Promise<void> => {
    try {
      // Loaded when it is needed: it is as large as the rest of the composer.
      const { parse } = await import('yaml');
      const value: unknown = parse(text);
      onImport(draftOf(value));
      onClose();
    } catch (error) {
      setFault(error instanceof Error ? error.message : String(error));
    }
  };
  return (
    <Dialog title="Import a run" onClose={onClose}>
      <form
        className="stack"
        onSubmit={(event) => {
          event.preventDefault();
          void take();
        }}
      >
        <p>
          The body of <code>POST /runs</code>, in YAML or JSON, as <code>beacon run FILE</code> takes it. It
          takes the place of what is in the composer.
        </p>
        <Field label="File">
          {(control) => (
            <input
              {...control}
              type="file"
              accept=".yaml,.yml,.json,application/json,application/yaml"
              onChange={({ target }) => {
                const [file] = target.files ?? [];
                if (file === undefined) return;
                setFault(undefined);
                file.text().then(setText, (error: unknown) => setFault(String(error)));
              }}
            />
          )}
        </Field>
        <Field label="Or typed in" faults={fault === undefined ? [] : [fault]}>
          {(control) => (
            <textarea
              {...control}
              className="compose-code"
              rows={12}
              spellCheck={false}
              value={text}
              onChange={({ target }) => setText(target.value)}
            />
          )}
        </Field>
        <div className="actions">
          <button type="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" className="primary" disabled={text.trim() === ''}>
            Import
          </button>
        </div>
      </form>
    </Dialog>
  );
}
