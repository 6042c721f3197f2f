import type { BodyOf } from '#router-client';

/** Body of `POST /runs`. */
export type RunBody = BodyOf<'/runs', 'post'>;
export type RunOrder = NonNullable<RunBody['order']>;
export type RegionPolicy = NonNullable<RunBody['region_policy']>;

export const ORDERS: readonly RunOrder[] = ['auto', 'question', 'region', 'pipeline', 'best'];
export const POLICIES: readonly RegionPolicy[] = ['pin', 'prefer', 'any'];

export const GATE_UNITS = { s: 1, min: 60, h: 3600, d: 86_400 } as const;
export type GateUnit = keyof typeof GATE_UNITS;

/** How long a gate waits for a word. */
export interface DraftGate {
  readonly amount: string;
  readonly unit: GateUnit;
}

export const NEW_GATE: DraftGate = { amount: '7', unit: 'd' };

/** A question as it is being written. One of the bank is named by its id; its text is shown and not sent. */
export interface DraftQuestion {
  /** Of its row, also while ids are being changed. */
  readonly key: number;
  readonly fromBank: boolean;
  readonly id: string;
  readonly text: string;
  /** One for all regions, or one per region; empty: none. */
  readonly system: string | Readonly<Record<string, string>>;
  /** After it; null: none. */
  readonly gate: DraftGate | null;
}

/** A run as it is being composed. Figures are kept as they were typed; empty: left to the router. */
export interface Draft {
  readonly name: string;
  readonly questions: readonly DraftQuestion[];
  readonly models: readonly string[];
  readonly regions: readonly string[];
  readonly repeats: string;
  readonly order: RunOrder;
  readonly regionPolicy: RegionPolicy;
  readonly systemPrompts: Readonly<Record<string, string>>;
  readonly temperature: string;
  readonly maxTokens: string;
  readonly budgetUsd: string;
  readonly budgetGpuSeconds: string;
  readonly deadlineS: string;
  readonly maxSkewS: string;
  readonly seed: string;
  readonly shuffled: boolean;
  readonly webhookUrl: string;
}

export const EMPTY_DRAFT: Draft = {
  name: '',
  questions: [],
  models: [],
  regions: [],
  repeats: '',
  order: 'auto',
  regionPolicy: 'pin',
  systemPrompts: {},
  temperature: '',
  maxTokens: '',
  budgetUsd: '',
  budgetGpuSeconds: '',
  deadlineS: '',
  maxSkewS: '',
  seed: '',
  shuffled: false,
  webhookUrl: '',
};

export function isBlank({ fromBank, text, system }: DraftQuestion): boolean {
  return !fromBank && text.trim() === '' && systemTexts(system).every((each) => each.trim() === '');
}

function systemTexts(system: DraftQuestion['system']): string[] {
  return typeof system === 'string' ? [system] : Object.values(system);
}

/** @returns `q1`, or the first of its kind that no question has */
export function freeId(taken: Iterable<string>): string {
  const ids = new Set(taken);
  for (let number = 1; ; number += 1) {
    const id = `q${number}`;
    if (!ids.has(id)) return id;
  }
}

const nextKey = (questions: readonly DraftQuestion[]): number =>
  questions.reduce((most, { key }) => Math.max(most, key), 0) + 1;

type NewQuestion = Partial<Omit<DraftQuestion, 'key'>>;

/** Adds questions at the end, each with an id of its own where it has none. Questions of the bank are added once. */
export function addQuestions(draft: Draft, added: readonly NewQuestion[]): Draft {
  // Rows in which nothing was written make room for what is.
  const isWritten = added.some(({ fromBank, text = '' }) => fromBank === true || text !== '');
  const questions = draft.questions.filter((question) => !isWritten || !isBlank(question));
  const taken = new Set(questions.map(({ id }) => id));
  let key = nextKey(draft.questions);
  for (const { id: given, ...question } of added) {
    if (given !== undefined && question.fromBank === true && taken.has(given)) continue;
    const id = given ?? freeId(taken);
    taken.add(id);
    questions.push({ fromBank: false, text: '', system: '', gate: null, ...question, id, key });
    key += 1;
  }
  return { ...draft, questions };
}

/** What the composer begins with. */
export function newDraft(): Draft {
  return addQuestions(EMPTY_DRAFT, [{}]);
}

export function changeQuestion(draft: Draft, key: number, change: NewQuestion): Draft {
  return {
    ...draft,
    questions: draft.questions.map((each) => (each.key === key ? { ...each, ...change } : each)),
  };
}

export function removeQuestion(draft: Draft, key: number): Draft {
  return { ...draft, questions: draft.questions.filter((each) => each.key !== key) };
}

/** @param by -1: one place up; 1: one place down */
export function moveQuestion(draft: Draft, key: number, by: -1 | 1): Draft {
  const from = draft.questions.findIndex((each) => each.key === key);
  const one = draft.questions[from];
  const other = draft.questions[from + by];
  if (one === undefined || other === undefined) return draft;
  const questions = [...draft.questions];
  questions[from] = other;
  questions[from + by] = one;
  return { ...draft, questions };
}

/**
 * Several questions at once: paragraphs where there are empty lines, otherwise one per line. `id: text` names a question,
 * where the id looks like one and the text goes on after a space.
 */
export function questionsOf(text: string): { readonly id?: string; readonly text: string }[] {
  const parts = /\n[ \t]*\n/.test(text.trim()) ? text.split(/\n[ \t]*\n/) : text.split('\n');
  return parts.flatMap((part) => {
    const trimmed = part.trim();
    if (trimmed === '') return [];
    const [, id, rest] = /^([A-Za-z0-9][A-Za-z0-9._-]{0,63}):\s+(\S[\s\S]*)$/.exec(trimmed) ?? [];
    return [id === undefined || rest === undefined ? { text: trimmed } : { id, text: rest }];
  });
}

/** Adds a choice where it is not made and takes it back where it is, in the order of `all`. */
export function toggled(chosen: readonly string[], name: string, all: readonly string[]): string[] {
  const next = chosen.includes(name) ? chosen.filter((each) => each !== name) : [...chosen, name];
  const place = (each: string): number => (all.includes(each) ? all.indexOf(each) : all.length);
  return next.sort((left, right) => place(left) - place(right));
}
