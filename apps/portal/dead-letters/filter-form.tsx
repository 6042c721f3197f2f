import type { ReactNode } from 'react';
import { ChoiceField, TextField } from '../fields/field.js';
import { OPEN_LETTERS, type LetterFilter } from './letter-filter.js';

/** Each change takes hold as it is made. */
export function FilterForm({
  filter,
  showsEndpoints,
  onFilter,
}: {
  readonly filter: LetterFilter;
  readonly showsEndpoints: boolean;
  readonly onFilter: (filter: LetterFilter) => void;
}): ReactNode {
  const change = (fields: Partial<LetterFilter>): void => onFilter({ ...filter, ...fields });
  const isPlain = JSON.stringify(filter) === JSON.stringify(OPEN_LETTERS);
  return (
    <form
      className="panel letters-filter"
      role="search"
      aria-label="Which dead letters"
      onSubmit={(event) => event.preventDefault()}
    >
      <ChoiceField
        label="State"
        value={filter.state}
        choices={[
          ['', 'any'],
          ['open', 'open'],
          ['redriven', 'redriven'],
          ['discarded', 'discarded'],
        ]}
        onChange={(state) => change({ state })}
      />
      <TextField label="Code" value={filter.code} onChange={(code) => change({ code })} />
      <TextField label="Model" value={filter.model} onChange={(model) => change({ model })} />
      <TextField label="Region" value={filter.region} onChange={(region) => change({ region })} />
      {showsEndpoints && (
        <TextField label="Endpoint" value={filter.endpoint} onChange={(endpoint) => change({ endpoint })} />
      )}
      <TextField label="Task type" value={filter.taskType} onChange={(taskType) => change({ taskType })} />
      <TextField label="Run" value={filter.runId} onChange={(runId) => change({ runId })} />
      <TextField
        label="Failed from"
        type="datetime-local"
        value={filter.since}
        onChange={(since) => change({ since })}
      />
      <TextField
        label="Failed before"
        type="datetime-local"
        value={filter.until}
        onChange={(until) => change({ until })}
      />
      <ChoiceField
        label="Poison"
        value={filter.poison}
        choices={[
          ['', 'any'],
          ['true', 'taken for poison'],
          ['false', 'not taken for poison'],
        ]}
        onChange={(poison) => change({ poison })}
      />
      {!isPlain && (
        <button type="button" onClick={() => onFilter(OPEN_LETTERS)}>
          All open ones
        </button>
      )}
    </form>
  );
}
