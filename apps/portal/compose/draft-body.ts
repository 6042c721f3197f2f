import { GATE_UNITS, isBlank, type Draft, type DraftQuestion, type RunBody } from './draft.js';

/** What is wrong with a field, named as the API names it: `questions[2].text`. */
export interface Fault {
  readonly field: string;
  readonly message: string;
}

export interface DraftBody {
  readonly body: RunBody;
  /** What can be told without asking the router; empty: it may be asked. */
  readonly faults: readonly Fault[];
  /** Of each question of the body, its place in the draft: what was not written in is not sent. */
  readonly questionAt: readonly number[];
  /** Of each gate of the body, the place of its question in the draft. */
  readonly gateAt: readonly number[];
}

/** What would be sent. Faults name places in the draft. */
export function bodyOf(draft: Draft): DraftBody {
  const faults: Fault[] = [];
  const number = (field: string, text: string): number | undefined => {
    const trimmed = text.trim();
    if (trimmed === '') return undefined;
    const value = Number(trimmed);
    if (Number.isFinite(value)) return value;
    faults.push({ field, message: 'must be a number' });
    return undefined;
  };
  const questionAt = draft.questions.flatMap((question, index) => (isBlank(question) ? [] : [index]));
  const gateAt = questionAt.filter((index) => (draft.questions[index]?.gate ?? null) !== null);
  if (questionAt.length === 0) faults.push({ field: 'questions', message: 'There is no question yet.' });
  if (draft.models.length === 0) faults.push({ field: 'models', message: 'Choose at least one model.' });
  if (draft.regions.length === 0) faults.push({ field: 'regions', message: 'Choose at least one region.' });

  const usd = number('budget.usd', draft.budgetUsd);
  const gpuSeconds = number('budget.gpu_seconds', draft.budgetGpuSeconds);
  const prompts = Object.fromEntries(
    draft.regions.flatMap((region) => {
      const prompt = draft.systemPrompts[region] ?? '';
      return prompt.trim() === '' ? [] : [[region, prompt]];
    }),
  );
  const questions = questionAt.flatMap((at) => {
    const question = draft.questions[at];
    return question === undefined ? [] : [sentQuestion(question)];
  });
  const gates = gateAt.flatMap((at) => {
    const { gate = null, id = '' } = draft.questions[at] ?? {};
    if (gate === null) return [];
    const amount = number(`questions[${at}].gate`, gate.amount);
    if (gate.amount.trim() === '')
      faults.push({ field: `questions[${at}].gate`, message: 'Say how long it waits.' });
    return [{ after_question: id, expires_in_s: Math.round((amount ?? 0) * GATE_UNITS[gate.unit]) }];
  });
  const body: RunBody = {
    ...(draft.name.trim() === '' ? {} : { name: draft.name.trim() }),
    questions,
    models: [...draft.models],
    regions: [...draft.regions],
    ...present('repeats', number('repeats', draft.repeats)),
    order: draft.order,
    region_policy: draft.regionPolicy,
    ...(Object.keys(prompts).length === 0 ? {} : { system_prompts: prompts }),
    ...(gates.length === 0 ? {} : { gates }),
    ...present('temperature', number('temperature', draft.temperature)),
    ...present('max_tokens', number('max_tokens', draft.maxTokens)),
    ...(usd === undefined && gpuSeconds === undefined
      ? {}
      : { budget: { ...present('usd', usd), ...present('gpu_seconds', gpuSeconds) } }),
    ...present('deadline_s', number('deadline_s', draft.deadlineS)),
    ...present('max_skew_s', number('max_skew_s', draft.maxSkewS)),
    ...present('seed', number('seed', draft.seed)),
    ...(draft.shuffled ? { question_order: 'shuffled' as const } : {}),
    ...(draft.webhookUrl.trim() === '' ? {} : { webhook_url: draft.webhookUrl.trim() }),
    // The types have fields with defaults as always there: so they are in what the router reads, not in what it is sent.
  };
  return { body, faults, questionAt, gateAt };
}

function sentQuestion({ fromBank, id, text, system }: DraftQuestion): RunBody['questions'][number] {
  if (fromBank) return id;
  if (typeof system === 'string') return { id, text, ...(system.trim() === '' ? {} : { system }) };
  const written = Object.entries(system).filter(([, prompt]) => prompt.trim() !== '');
  return { id, text, ...(written.length === 0 ? {} : { system: Object.fromEntries(written) }) };
}

function present(name: string, value: number | undefined): Record<string, number> {
  return value === undefined ? {} : { [name]: value };
}

/** Moves what the router says of the body to the draft's own places: gates stand with their questions. */
export function placedFaults(
  faults: readonly Fault[],
  { questionAt, gateAt }: Pick<DraftBody, 'questionAt' | 'gateAt'>,
): Fault[] {
  return faults.map(({ field, message }) => {
    const [, list, index = '', rest = ''] = /^(questions|gates)\[(\d+)\](.*)$/.exec(field) ?? [];
    if (list === undefined) return { field, message };
    const at = (list === 'questions' ? questionAt : gateAt)[Number(index)];
    if (at === undefined) return { field, message };
    return { field: list === 'questions' ? `questions[${at}]${rest}` : `questions[${at}].gate`, message };
  });
}

/**
 * Faults of a field, and of those within it unless they have places of their own.
 * @param own fields within it that show their faults themselves
 */
export function faultsAt(faults: readonly Fault[], field: string, own: readonly string[] = []): string[] {
  return faults
    .filter((fault) => isWithin(fault.field, field) && !own.some((inner) => isWithin(fault.field, inner)))
    .map(({ message }) => message);
}

function isWithin(field: string, outer: string): boolean {
  return field === outer || field.startsWith(`${outer}.`) || field.startsWith(`${outer}[`);
}

const FIELD_TEXTS: Readonly<Record<string, string>> = {
  name: 'Name',
  questions: 'Questions',
  models: 'Models',
  regions: 'Regions',
  repeats: 'Repeats',
  order: 'Order',
  region_policy: 'Region policy',
  system_prompts: 'System prompts of the regions',
  temperature: 'Temperature',
  max_tokens: 'Tokens at most',
  budget: 'Budget',
  'budget.usd': 'Budget in US dollars',
  'budget.gpu_seconds': 'Budget in GPU seconds',
  deadline_s: 'Deadline',
  max_skew_s: 'Regions side by side',
  seed: 'Seed',
  question_order: 'Order of the questions',
  webhook_url: 'Webhook',
};

/** A field as the composer names it: "Question 3" for `questions[2].text`. */
export function fieldText(field: string): string {
  const [, index, rest = ''] = /^questions\[(\d+)\](.*)$/.exec(field) ?? [];
  if (index !== undefined) return `Question ${Number(index) + 1}${rest === '.gate' ? ', its gate' : ''}`;
  return FIELD_TEXTS[field] ?? FIELD_TEXTS[/^[^.[]*/.exec(field)?.[0] ?? ''] ?? field;
}

/** Fields that have a place of their own in the composer; what is wrong elsewhere is listed above the button. */
const PLACED_FIELDS = [
  ...['name', 'questions', 'models', 'regions', 'repeats', 'order', 'region_policy', 'system_prompts'],
  ...['temperature', 'max_tokens', 'budget', 'deadline_s', 'max_skew_s', 'seed', 'question_order'],
  'webhook_url',
] as const;

export function unplacedFaults(faults: readonly Fault[]): Fault[] {
  return faults.filter(({ field }) => !PLACED_FIELDS.some((known) => isWithin(field, known)));
}
