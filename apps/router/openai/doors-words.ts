import { ProblemError, type DoorHeaders } from '#contracts';

/** Fields of a job, and where a client of the door said what is in them. */
export type FieldNames = ReadonlyMap<string, string>;

export function fieldsAtDoor(body: Readonly<Record<string, unknown>>, headers: DoorHeaders): FieldNames {
  return new Map([
    ['region_preference', headers['x-beacon-region'] === undefined ? 'model' : 'x-beacon-region'],
    ['region_policy', 'x-beacon-region-policy'],
    ['priority', 'x-beacon-priority'],
    ['deadline', 'x-beacon-deadline'],
    ['timeout_ms', 'x-beacon-timeout-ms'],
    ...(typeof body['max_completion_tokens'] === 'number'
      ? ([['max_tokens', 'max_completion_tokens']] as const)
      : []),
  ]);
}

/** A refusal of a job, by the names that the client knows. */
export function inDoorsWords(fields: FieldNames, error: unknown): unknown {
  if (!(error instanceof ProblemError)) return error;
  const { code, detail, errors, retryAfterS, cause } = error;
  const known = errors.map(({ field, message }) => ({ field: fields.get(field) ?? field, message }));
  const text = errors.reduce(
    (words, { field }, index) => words.replace(`${field}: `, `${known[index]?.field ?? field}: `),
    detail,
  );
  return new ProblemError(code, text, known, {
    cause,
    ...(retryAfterS === undefined ? {} : { retryAfterS }),
  });
}
