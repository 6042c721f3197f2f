import type { AnswerOf, BodyOf, QueryOf } from '#router-client';

export type Letter = AnswerOf<'/dead-letters', 'get'>['dead_letters'][number];
export type LetterState = Letter['state'];
export type LetterQuery = QueryOf<'/dead-letters', 'get'>;
export type ManyFilter = BodyOf<'/dead-letters/redrive', 'post'>['filter'];

/** Which letters are looked at, as it was typed; empty: any. */
export interface LetterFilter {
  readonly state: LetterState | '';
  readonly code: string;
  readonly model: string;
  readonly region: string;
  readonly endpoint: string;
  readonly taskType: string;
  readonly runId: string;
  /** As a control for dates has it: in the reader's own time. */
  readonly since: string;
  readonly until: string;
  readonly poison: 'true' | 'false' | '';
}

export const OPEN_LETTERS: LetterFilter = {
  state: 'open',
  code: '',
  model: '',
  region: '',
  endpoint: '',
  taskType: '',
  runId: '',
  since: '',
  until: '',
  poison: '',
};

type Conditions = Omit<ManyFilter, 'poison'>;

/** What letters have to have, whatever their state. */
function conditions(filter: LetterFilter): Conditions {
  const given = (name: keyof Conditions, text: string): Conditions =>
    text.trim() === '' ? {} : { [name]: text.trim() };
  return {
    ...given('code', filter.code),
    ...given('model', filter.model),
    ...given('region', filter.region),
    ...given('endpoint', filter.endpoint),
    ...given('task_type', filter.taskType),
    ...given('run_id', filter.runId),
    ...given('since', moment(filter.since)),
    ...given('until', moment(filter.until)),
  };
}

export function queryOf(filter: LetterFilter): LetterQuery {
  return {
    ...conditions(filter),
    ...(filter.poison === '' ? {} : { poison: filter.poison }),
    ...(filter.state === '' ? {} : { state: filter.state }),
  };
}

/** The open ones that the filter matches: others are not changed. */
export function manyFilterOf(filter: LetterFilter): ManyFilter {
  return { ...conditions(filter), ...(filter.poison === '' ? {} : { poison: filter.poison === 'true' }) };
}

/** @returns RFC 3339; empty where it is no moment */
export function moment(local: string): string {
  const at = new Date(local);
  return local === '' || Number.isNaN(at.getTime()) ? '' : at.toISOString();
}

/** Which letters are meant, in words: for whoever is about to change them. */
export function filterText(filter: ManyFilter): string {
  const { poison, ...rest } = filter;
  const parts = Object.entries(rest).map(([name, value]) => `${name.replaceAll('_', ' ')} ${String(value)}`);
  if (poison !== undefined) parts.push(poison ? 'taken for poison' : 'not taken for poison');
  return parts.length === 0 ? 'whatever they are of' : parts.join(', ');
}

/** Most that one request changes. */
export const AT_ONCE_MAX = 1000;

export function redrivenText({
  redriven,
  skipped_by_reason: skipped,
  more,
}: AnswerOf<'/dead-letters/redrive', 'post'>): string {
  const passed = Object.entries(skipped as Readonly<Record<string, number | undefined>>).map(
    ([reason, count]) => `${count ?? 0} ${reason}`,
  );
  return [
    `${redriven} redriven`,
    ...(passed.length === 0 ? [] : [`passed over: ${passed.join(', ')}`]),
    ...(more ? ['there are more'] : []),
  ].join('; ');
}

/** What was said of the failure: the upstream's words to operators, the catalogue's sentence to everybody else. */
export function wordsOf(letter: Letter): string {
  return ('message' in letter ? letter.message : letter.detail) ?? letter.code;
}
