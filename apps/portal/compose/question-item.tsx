import { useId, type ReactNode } from 'react';
import { GATE_UNITS, NEW_GATE, type DraftGate, type DraftQuestion, type GateUnit } from './draft.js';
import { Faults, Field } from '../fields/field.js';

const UNITS: Readonly<Record<GateUnit, string>> = { s: 'seconds', min: 'minutes', h: 'hours', d: 'days' };
const unitOf = (text: string): GateUnit =>
  (Object.keys(GATE_UNITS) as GateUnit[]).find((unit) => unit === text) ?? 'd';

export interface QuestionItemProps {
  readonly question: DraftQuestion;
  /** As the API names it: `questions[2]`. */
  readonly path: string;
  /** From 1. */
  readonly place: number;
  readonly isFirst: boolean;
  readonly isLast: boolean;
  readonly regions: readonly string[];
  /** Of this question, without its path. */
  readonly faults: readonly string[];
  readonly gateFaults: readonly string[];
  readonly onChange: (change: Partial<Omit<DraftQuestion, 'key'>>) => void;
  readonly onMove: (by: -1 | 1) => void;
  readonly onRemove: () => void;
}

export function QuestionItem(props: QuestionItemProps): ReactNode {
  const { question, path, place, faults, isFirst, isLast, onChange, onMove, onRemove } = props;
  const name = question.id === '' ? `Question ${place}` : question.id;
  return (
    <li className="compose-question" data-field={path}>
      <fieldset>
        <legend>
          <span className="number">{place}.</span>{' '}
          {question.fromBank ? (
            <>
              <code>{question.id}</code> <span className="quiet-text">from the bank</span>
            </>
          ) : (
            'Question'
          )}
        </legend>
        <div className="compose-question-head">
          {question.fromBank ? (
            <p className="compose-bank-text">{question.text}</p>
          ) : (
            <Field label="Id" field={`${path}.id`} className="compose-id">
              {(control) => (
                <input
                  {...control}
                  value={question.id}
                  maxLength={64}
                  autoComplete="off"
                  spellCheck={false}
                  onChange={({ target }) => onChange({ id: target.value })}
                />
              )}
            </Field>
          )}
          <div className="actions">
            <button type="button" className="quiet" disabled={isFirst} onClick={() => onMove(-1)}>
              <span aria-hidden="true">↑</span> <span className="unseen">Move {name} up</span>
            </button>
            <button type="button" className="quiet" disabled={isLast} onClick={() => onMove(1)}>
              <span aria-hidden="true">↓</span> <span className="unseen">Move {name} down</span>
            </button>
            <button type="button" className="quiet" onClick={onRemove}>
              Remove <span className="unseen">{name}</span>
            </button>
          </div>
        </div>
        {question.fromBank ? (
          <Faults faults={faults} />
        ) : (
          <>
            <Field label="Text" field={`${path}.text`} faults={faults}>
              {(control) => (
                <textarea
                  {...control}
                  rows={Math.min(8, Math.max(2, question.text.split('\n').length))}
                  value={question.text}
                  onChange={({ target }) => onChange({ text: target.value })}
                />
              )}
            </Field>
            <SystemPrompt {...props} />
          </>
        )}
        <GateChoice {...props} />
      </fieldset>
    </li>
  );
}

function SystemPrompt({ question: { system }, regions, onChange }: QuestionItemProps): ReactNode {
  const isWritten = typeof system === 'string' ? system !== '' : true;
  return (
    <details open={isWritten}>
      <summary>System prompt{isWritten ? '' : ' (none)'}</summary>
      <div className="stack">
        {typeof system === 'string' ? (
          <>
            <Field label="For all regions">
              {(control) => (
                <textarea
                  {...control}
                  rows={2}
                  value={system}
                  onChange={({ target }) => onChange({ system: target.value })}
                />
              )}
            </Field>
            {regions.length > 1 && (
              <div className="actions">
                <button
                  type="button"
                  className="quiet"
                  onClick={() =>
                    onChange({ system: Object.fromEntries(regions.map((region) => [region, system])) })
                  }
                >
                  One for each region
                </button>
              </div>
            )}
          </>
        ) : (
          <>
            {[...new Set([...regions, ...Object.keys(system)])].map((region) => (
              <Field key={region} label={`In ${region}`}>
                {(control) => (
                  <textarea
                    {...control}
                    rows={2}
                    value={system[region] ?? ''}
                    onChange={({ target }) => onChange({ system: { ...system, [region]: target.value } })}
                  />
                )}
              </Field>
            ))}
            <div className="actions">
              <button
                type="button"
                className="quiet"
                onClick={() => onChange({ system: Object.values(system).find((each) => each !== '') ?? '' })}
              >
                The same in all regions
              </button>
            </div>
          </>
        )}
      </div>
    </details>
  );
}

function GateChoice({
  question: { gate, id },
  path,
  place,
  gateFaults,
  onChange,
}: QuestionItemProps): ReactNode {
  const faultsId = useId();
  const set = (change: Partial<DraftGate>): void => onChange({ gate: { ...(gate ?? NEW_GATE), ...change } });
  const name = id === '' ? `question ${place}` : id;
  return (
    <>
      <div className="compose-gate">
        <label className="compose-check">
          <input
            type="checkbox"
            checked={gate !== null}
            onChange={({ target }) => onChange({ gate: target.checked ? NEW_GATE : null })}
          />{' '}
          Wait for approval after this question
        </label>
        {gate !== null && (
          <span className="compose-gate-time" data-field={`${path}.gate`}>
            for at most{' '}
            <input
              aria-label={`How long the gate after ${name} waits`}
              aria-invalid={gateFaults.length === 0 ? undefined : true}
              aria-describedby={gateFaults.length === 0 ? undefined : faultsId}
              inputMode="decimal"
              size={4}
              value={gate.amount}
              onChange={({ target }) => set({ amount: target.value })}
            />{' '}
            <select
              aria-label={`Unit of the time that the gate after ${name} waits`}
              value={gate.unit}
              onChange={({ target }) => set({ unit: unitOf(target.value) })}
            >
              {Object.entries(UNITS).map(([unit, text]) => (
                <option key={unit} value={unit}>
                  {text}
                </option>
              ))}
            </select>
          </span>
        )}
      </div>
      <Faults id={faultsId} faults={gateFaults} />
    </>
  );
}
