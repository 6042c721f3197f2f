import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { ProblemError, parseRequest, type FieldError } from './problems.js';

/** What a body is refused for. */
function faultsOf(schema: z.ZodType, body: unknown): readonly FieldError[] {
  return refusalOf(schema, body).errors;
}

function refusalOf(schema: z.ZodType, body: unknown): ProblemError {
  try {
    parseRequest(schema, body);
  } catch (error) {
    if (error instanceof ProblemError) return error;
    throw error;
  }
  throw new Error('it was taken');
}

const turn = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('say') }),
  z.object({ kind: z.literal('ask') }),
]);
const textOrTexts = z.union([z.string().min(1), z.array(z.string()).max(2)]);

describe('a field that', () => {
  it.each<[what: string, schema: z.ZodType, value: unknown, message: string]>([
    ['is missing', z.string(), undefined, 'is missing'],
    ['is missing and has alternatives', textOrTexts, undefined, 'is missing'],
    ['is missing and has words of its own', z.string({ error: 'must be ids' }), undefined, 'is missing'],
    ['is missing and has choices', z.enum(['a', 'b']), undefined, 'is missing; must be one of a, b'],
    ['is missing and has one choice', z.literal('a'), undefined, 'is missing; must be "a"'],
    ['is null', z.string(), null, 'must be text, not null'],
    ['is a number for a text', z.string(), 3, 'must be text, not a number'],
    ['is a text for a number', z.number(), '3', 'must be a number, not text'],
    ['is a text for a whole number', z.int(), '3', 'must be a whole number, not text'],
    ['is no whole number', z.int(), 1.5, 'must be a whole number'],
    ['is no whole number in a query', z.coerce.number().int(), '1.5', 'must be a whole number'],
    ['is no number in a query', z.coerce.number(), 'x', 'must be a number'],
    ['is beyond safe whole numbers', z.int(), 1e300, 'must be at most 9007199254740991'],
    ['is a text for true or false', z.boolean(), 'yes', 'must be true or false, not text'],
    ['is an object for a list', z.array(z.string()), {}, 'must be a list, not an object'],
    ['is a list for an object', z.object({}), [], 'must be an object, not a list'],
    ['is true for a map', z.record(z.string(), z.string()), true, 'must be an object, not true'],
    ['has a value where null alone is taken', z.null(), 3, 'must be null, not a number'],
    ['has words of its own', z.string({ error: 'must be ids' }), 3, 'must be ids'],
    ['is too small', z.number().min(1), 0, 'must be at least 1'],
    ['is not above its limit', z.number().positive(), 0, 'must be more than 0'],
    ['is too large', z.number().max(2), 3, 'must be at most 2'],
    ['is not below its limit', z.number().lt(2), 2, 'must be less than 2'],
    ['is no multiple', z.number().multipleOf(5), 3, 'must be a multiple of 5'],
    ['is an empty text', z.string().min(1), '', 'must not be empty'],
    ['is too short', z.string().min(3), 'x', 'must have at least 3 characters'],
    ['is too long', z.string().max(1), 'xx', 'must have at most 1 character'],
    ['has another length', z.string().length(3), 'x', 'must have exactly 3 characters'],
    ['is an empty list', z.array(z.string()).min(1), [], 'must not be empty'],
    ['is a list with too little', z.array(z.string()).min(2), ['a'], 'must have at least 2 entries'],
    ['is a list with too much', z.array(z.string()).max(1), ['a', 'b'], 'must have at most 1 entry'],
    ['is a list that may have nothing', z.array(z.string()).max(0), ['a'], 'must be empty'],
    ['is a tuple with too much', z.tuple([z.string()]), ['a', 'b'], 'must have at most 1 entry'],
    [
      'is no time',
      z.iso.datetime({ offset: true }),
      'tomorrow',
      'must be a time of RFC 3339 with its zone, like 2026-01-31T12:00:00Z',
    ],
    ['is no date', z.iso.date(), 'tomorrow', 'must be a date like 2026-01-31'],
    ['is no UUID', z.uuid(), 'x', 'must be a UUID'],
    ['is no URL', z.url(), 'x', 'must be a URL'],
    ['is of another pattern', z.string().regex(/^[a-z]+$/), '1', 'must match /^[a-z]+$/'],
    ['is of another format', z.base64(), '%', 'must be of the format base64'],
    ['begins otherwise', z.string().startsWith('a'), 'x', 'must begin with "a"'],
    ['ends otherwise', z.string().endsWith('a'), 'x', 'must end with "a"'],
    ['lacks what it must contain', z.string().includes('a'), 'x', 'must contain "a"'],
    ['is none of its choices', z.enum(['a', 'b']), 'c', 'must be one of a, b'],
    ['is not its one choice', z.literal(false), true, 'must be false'],
    ['fits no alternative', textOrTexts, 3, 'must be text or a list, not a number'],
    [
      'fits no choice or kind',
      z.union([z.literal('all'), z.int()]),
      'x',
      'must be "all" or a number, not text',
    ],
    ['is refused without a word', z.string().refine(() => false), 'x', 'is not valid'],
    ['is refused by a rule', z.string().refine(() => false, 'must be told'), 'x', 'must be told'],
  ])('%s', (_what, schema, value, message) => {
    expect(faultsOf(z.object({ field: schema }), { field: value })).toEqual([{ field: 'field', message }]);
  });

  it('is within the alternative that was meant is named itself', () => {
    const schema = z.object({ stop: textOrTexts });
    expect(faultsOf(schema, { stop: '' })).toEqual([{ field: 'stop', message: 'must not be empty' }]);
    expect(faultsOf(schema, { stop: ['a', 3] })).toEqual([
      { field: 'stop[1]', message: 'must be text, not a number' },
    ]);
  });

  it('chooses among kinds of objects is named with them', () => {
    expect(faultsOf(turn, { kind: 'shout' })).toEqual([
      { field: 'kind', message: 'must be one of say, ask' },
    ]);
    expect(faultsOf(turn, {})).toEqual([{ field: 'kind', message: 'is missing; must be one of say, ask' }]);
    expect(faultsOf(turn, 3)).toEqual([{ field: 'body', message: 'must be an object, not a number' }]);
  });

  it('nobody knows is named, and so is the member of a map whose name is no good', () => {
    expect(faultsOf(z.strictObject({}), { a: 1, b: 2 })).toEqual([
      { field: 'a', message: 'is not a known field' },
      { field: 'b', message: 'is not a known field' },
    ]);
    expect(
      faultsOf(z.object({ map: z.record(z.string().max(2), z.string()) }), { map: { abc: 'x' } }),
    ).toEqual([{ field: 'map.abc', message: 'its name must have at most 2 characters' }]);
  });
});

describe('the detail of a refusal', () => {
  const schema = z.strictObject({
    a: z.string(),
    b: z.string(),
    c: z.string(),
    d: z.string(),
    e: z.string(),
  });

  it('names three faults and says how many more there are', () => {
    expect(refusalOf(schema, {}).detail).toBe('a: is missing; b: is missing; c: is missing; and 2 more');
    expect(refusalOf(schema, { a: '' }).detail).toMatch(/; and 1 more$/);
    expect(refusalOf(schema, { a: '', b: '' }).detail).toBe('c: is missing; d: is missing; e: is missing');
  });

  it('of a body that is not there says so', () => {
    expect(refusalOf(schema, undefined).detail).toBe('body: is missing');
  });
});
