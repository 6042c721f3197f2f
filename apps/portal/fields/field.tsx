import { useId, type ReactNode } from 'react';

/** What a control needs to be named, explained and marked as wrong. */
export interface ControlProps {
  readonly id: string;
  readonly 'aria-describedby': string | undefined;
  readonly 'aria-invalid': true | undefined;
}

/** A labelled control with its hint, and what is wrong with it said beside it. */
export function Field({
  label,
  hint,
  faults = [],
  field,
  className,
  children,
}: {
  readonly label: ReactNode;
  readonly hint?: ReactNode;
  readonly faults?: readonly string[] | undefined;
  /** As the API names it: by it the field is found again. */
  readonly field?: string | undefined;
  readonly className?: string;
  readonly children: (control: ControlProps) => ReactNode;
}): ReactNode {
  const id = useId();
  const described = [
    ...(hint === undefined ? [] : [`${id}-hint`]),
    ...(faults.length === 0 ? [] : [`${id}-faults`]),
  ];
  return (
    <div className={className === undefined ? 'field' : `field ${className}`} data-field={field}>
      <label htmlFor={id}>{label}</label>
      {children({
        id,
        'aria-describedby': described.length === 0 ? undefined : described.join(' '),
        'aria-invalid': faults.length === 0 ? undefined : true,
      })}
      {hint !== undefined && (
        <p className="field-hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
      <Faults id={`${id}-faults`} faults={faults} />
    </div>
  );
}

export function Faults({
  id,
  faults,
}: {
  readonly id?: string;
  readonly faults: readonly string[];
}): ReactNode {
  if (faults.length === 0) return null;
  return (
    <p className="field-error" id={id}>
      {[...new Set(faults)].join('; ')}
    </p>
  );
}

/** A text or a figure on one line. */
export function TextField({
  label,
  hint,
  faults,
  field,
  value,
  placeholder,
  type = 'text',
  onChange,
}: {
  readonly label: string;
  readonly hint?: ReactNode;
  readonly faults?: readonly string[];
  readonly field?: string;
  readonly value: string;
  readonly placeholder?: string;
  readonly type?: 'text' | 'figure' | 'url' | 'datetime-local';
  readonly onChange: (value: string) => void;
}): ReactNode {
  return (
    <Field label={label} hint={hint} faults={faults} field={field}>
      {(control) => (
        <input
          {...control}
          type={type === 'figure' ? 'text' : type}
          inputMode={type === 'figure' ? 'decimal' : undefined}
          autoComplete="off"
          spellCheck={false}
          placeholder={placeholder}
          value={value}
          onChange={({ target }) => onChange(target.value)}
        />
      )}
    </Field>
  );
}

/** A choice of few. */
export function ChoiceField<Choice extends string>({
  label,
  hint,
  faults,
  field,
  value,
  choices,
  onChange,
}: {
  readonly label: string;
  readonly hint?: ReactNode;
  readonly faults?: readonly string[];
  readonly field?: string;
  readonly value: Choice;
  readonly choices: readonly (readonly [Choice, string])[];
  readonly onChange: (value: Choice) => void;
}): ReactNode {
  return (
    <Field label={label} hint={hint} faults={faults} field={field}>
      {(control) => (
        <select
          {...control}
          value={value}
          onChange={({ target }) => {
            const found = choices.find(([each]) => each === target.value);
            if (found !== undefined) onChange(found[0]);
          }}
        >
          {choices.map(([each, text]) => (
            <option key={each} value={each}>
              {text}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}
