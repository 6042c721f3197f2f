import type { z } from 'zod';

// What schemas find wrong, in words that whoever sent it understands: what it must be, with the limit. A schema that knows
// better has a message of its own, which comes first.

const WHOLE = 'a whole number';
const KINDS: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: WHOLE,
  boolean: 'true or false',
  array: 'a list',
  tuple: 'a list',
  object: 'an object',
  record: 'an object',
  null: 'null',
};

const FORMATS: Readonly<Record<string, string>> = {
  datetime: 'a time of RFC 3339 with its zone, like 2026-01-31T12:00:00Z',
  date: 'a date like 2026-01-31',
  uuid: 'a UUID',
  url: 'a URL',
};

/** Words for issues without a message of their own, to be given to `safeParse` as `error`. */
export function wordsOfIssue(issue: z.core.$ZodRawIssue): string {
  const missing = wordsOfMissing(issue);
  if (missing !== undefined) return missing;
  switch (issue.code) {
    case 'invalid_type':
      return mustBe([isWhole(issue.inst) ? WHOLE : kindOf(issue.expected)], issue.input);
    case 'invalid_value':
      return oneOf(issue.values);
    case 'too_small':
      return wordsOfSize(issue.origin, issue.minimum, sizeKind(issue, 'at least', 'more than'));
    case 'too_big':
      return wordsOfSize(issue.origin, issue.maximum, sizeKind(issue, 'at most', 'less than'));
    case 'invalid_format':
      return wordsOfFormat(issue);
    case 'not_multiple_of':
      return `must be a multiple of ${String(issue.divisor)}`;
    case 'unrecognized_keys':
      return `has fields that are not known: ${issue.keys.join(', ')}`;
    case 'invalid_union':
      return wordsOfUnion(issue);
    case 'invalid_key':
      return 'has a name in it that is not valid';
    case 'invalid_element':
      return 'has an entry that is not valid';
    case 'custom':
      return 'is not valid';
  }
}

/**
 * Of what is not there, no words of a schema's own say more than this.
 * @param issue with its `input`
 * @returns undefined: it is there, and something else is wrong
 */
export function wordsOfMissing(issue: z.core.$ZodRawIssue | z.core.$ZodIssue): string | undefined {
  switch (issue.code) {
    case 'invalid_type':
      return issue.input === undefined ? 'is missing' : undefined;
    case 'invalid_value':
      return issue.input === undefined ? `is missing; ${oneOf(issue.values)}` : undefined;
    case 'invalid_union': {
      const { discriminator, options } = issue as { discriminator?: string; options?: readonly unknown[] };
      if (discriminator === undefined) return issue.input === undefined ? 'is missing' : undefined;
      const { [discriminator]: chosen } = issue.input as Record<string, unknown>;
      return chosen === undefined ? `is missing; ${oneOf(options ?? [])}` : undefined;
    }
    case 'too_small':
    case 'too_big':
    case 'invalid_format':
    case 'not_multiple_of':
    case 'unrecognized_keys':
    case 'invalid_key':
    case 'invalid_element':
    case 'custom':
      return undefined;
  }
}

function kindOf(expected: string): string {
  return KINDS[expected] ?? expected;
}

/** Of a text a schema for whole numbers says only that it is no number. */
function isWhole(schema: z.core.$ZodRawIssue['inst']): boolean {
  const { format } = (schema?._zod.def ?? {}) as { readonly format?: unknown };
  return format === 'safeint';
}

/** @param kinds one of which it must be */
function mustBe(kinds: readonly string[], input: unknown): string {
  const given = givenAs(input);
  const wanted = [...new Set(kinds)].join(' or ');
  const isNear =
    given === undefined || kinds.includes(given) || (given === KINDS['number'] && kinds.includes(WHOLE));
  return isNear ? `must be ${wanted}` : `must be ${wanted}, not ${given}`;
}

/** @returns undefined: JSON has no such value; it was made of text, of a query for example */
function givenAs(input: unknown): string | undefined {
  if (input === null || typeof input === 'boolean') return String(input);
  if (typeof input === 'number') return Number.isFinite(input) ? 'a number' : undefined;
  if (Array.isArray(input)) return 'a list';
  if (typeof input === 'object') return 'an object';
  return typeof input === 'string' ? 'text' : undefined;
}

function oneOf(values: readonly unknown[]): string {
  const [only, ...others] = values;
  return others.length === 0 ? `must be ${JSON.stringify(only)}` : `must be one of ${values.join(', ')}`;
}

function sizeKind(
  { exact, inclusive }: { readonly exact?: boolean; readonly inclusive?: boolean },
  within: string,
  beyond: string,
): string {
  if (exact === true) return 'exactly';
  return inclusive === false ? beyond : within;
}

const UNITS: Readonly<Record<string, readonly [one: string, many: string]>> = {
  string: ['character', 'characters'],
  array: ['entry', 'entries'],
};

function wordsOfSize(origin: string, limit: number | bigint, kind: string): string {
  const units = UNITS[origin];
  if (units === undefined) return `must be ${kind} ${String(limit)}`;
  if (kind === 'at least' && Number(limit) === 1) return 'must not be empty';
  if (kind !== 'at least' && Number(limit) === 0) return 'must be empty';
  return `must have ${kind} ${String(limit)} ${units[Number(limit) === 1 ? 0 : 1]}`;
}

function wordsOfFormat({
  format,
  pattern,
  ...rest
}: z.core.$ZodRawIssue<z.core.$ZodIssueInvalidStringFormat>): string {
  const { prefix, suffix, includes } = rest;
  if (format === 'regex') return `must match ${String(pattern)}`;
  if (format === 'starts_with') return `must begin with ${JSON.stringify(prefix)}`;
  if (format === 'ends_with') return `must end with ${JSON.stringify(suffix)}`;
  if (format === 'includes') return `must contain ${JSON.stringify(includes)}`;
  return `must be ${FORMATS[format] ?? `of the format ${format}`}`;
}

/** Of alternatives none of which the value's type fits. */
function wordsOfUnion(issue: z.core.$ZodRawIssue<z.core.$ZodIssueInvalidUnion>): string {
  const { options } = issue as { readonly options?: readonly unknown[] };
  if (options !== undefined) return oneOf(options);
  const kinds = issue.errors.map((branch) => branch.find(({ path }) => path.length === 0)).map(kindAsked);
  const known = kinds.filter((kind) => kind !== undefined);
  return known.length > 0 && known.length === kinds.length
    ? mustBe(known, issue.input)
    : 'has none of the forms that it may have';
}

function kindAsked(issue: z.core.$ZodIssue | undefined): string | undefined {
  if (issue?.code === 'invalid_type') return kindOf(issue.expected);
  return issue?.code === 'invalid_value'
    ? issue.values.map((value) => JSON.stringify(value)).join(' or ')
    : undefined;
}
