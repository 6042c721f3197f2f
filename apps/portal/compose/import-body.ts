import type { Fault } from './draft-body.js';
import {
  EMPTY_DRAFT,
  GATE_UNITS,
  ORDERS,
  POLICIES,
  addQuestions,
  type Draft,
  type DraftGate,
  type DraftQuestion,
  type GateUnit,
} from './draft.js';

export interface Imported {
  readonly draft: Draft;
  /** What could not be taken over. */
  readonly faults: readonly Fault[];
}

/** Fields of `POST /runs/plan` and files of the command line that a run does not have are named, not dropped in silence. */
const KNOWN = [
  ...[
    'name',
    'questions',
    'models',
    'regions',
    'repeats',
    'order',
    'region_policy',
    'system_prompts',
    'gates',
  ],
  ...['max_skew_s', 'budget', 'deadline_s', 'temperature', 'max_tokens', 'webhook_url', 'seed'],
  'question_order',
];

/** @param value the body of `POST /runs`, as it was parsed from JSON or YAML */
export function draftOf(value: unknown): Imported {
  const faults: Fault[] = [];
  if (!isRecord(value)) {
    return {
      draft: EMPTY_DRAFT,
      faults: [{ field: 'the file', message: 'does not hold the body of a run' }],
    };
  }
  const wrong = (field: string, message: string): void => void faults.push({ field, message });
  for (const name of Object.keys(value)) if (!KNOWN.includes(name)) wrong(name, 'is no field of a run');

  const text = (from: Record<string, unknown>, name: string, path = name): string => {
    const given = from[name];
    if (given === undefined || given === null) return '';
    if (typeof given === 'string' || typeof given === 'number') return String(given);
    wrong(path, 'must be a text or a number');
    return '';
  };
  const names = (name: string): string[] => {
    const given = value[name];
    if (given === undefined) return [];
    if (Array.isArray(given) && given.every((each) => typeof each === 'string')) return [...new Set(given)];
    wrong(name, 'must be a list of names');
    return [];
  };
  const choice = <Choice extends string>(name: string, all: readonly Choice[], otherwise: Choice): Choice => {
    const given = value[name];
    if (given === undefined) return otherwise;
    const found = all.find((each) => each === given);
    if (found === undefined) wrong(name, `must be one of ${all.join(', ')}`);
    return found ?? otherwise;
  };
  const prompts = (given: unknown, path: string): Record<string, string> => {
    if (!isRecord(given)) {
      wrong(path, 'must name a text for each region');
      return {};
    }
    return Object.fromEntries(
      Object.keys(given).map((region) => [region, text(given, region, `${path}.${region}`)]),
    );
  };

  const gates = gatesOf(value['gates'], wrong);
  const given = value['questions'] ?? [];
  if (!Array.isArray(given)) wrong('questions', 'must be a list');
  const questions = (Array.isArray(given) ? given : []).flatMap(
    (question: unknown, index): Omit<DraftQuestion, 'key'>[] => {
      const path = `questions[${index}]`;
      if (typeof question === 'string') {
        return [{ fromBank: true, id: question, text: '', system: '', gate: gates.get(question) ?? null }];
      }
      if (!isRecord(question)) {
        wrong(path, 'must be a question, or the id of one in the question bank');
        return [];
      }
      for (const name of Object.keys(question))
        if (!['id', 'text', 'system'].includes(name)) wrong(`${path}.${name}`, 'is no field of a question');
      const id = text(question, 'id', `${path}.id`);
      const system = isRecord(question['system'])
        ? prompts(question['system'], `${path}.system`)
        : text(question, 'system', `${path}.system`);
      const own = text(question, 'text', `${path}.text`);
      return [{ fromBank: false, id, text: own, system, gate: gates.get(id) ?? null }];
    },
  );
  for (const after of gates.keys())
    if (!questions.some(({ id }) => id === after)) wrong('gates', `"${after}" is not a question of this run`);
  const budget = isRecord(value['budget']) ? value['budget'] : {};
  const draft: Draft = {
    name: text(value, 'name'),
    questions: [],
    models: names('models'),
    regions: names('regions'),
    repeats: text(value, 'repeats'),
    order: choice('order', ORDERS, 'auto'),
    regionPolicy: choice('region_policy', POLICIES, 'pin'),
    systemPrompts:
      value['system_prompts'] === undefined ? {} : prompts(value['system_prompts'], 'system_prompts'),
    temperature: text(value, 'temperature'),
    maxTokens: text(value, 'max_tokens'),
    budgetUsd: text(budget, 'usd', 'budget.usd'),
    budgetGpuSeconds: text(budget, 'gpu_seconds', 'budget.gpu_seconds'),
    deadlineS: text(value, 'deadline_s'),
    maxSkewS: text(value, 'max_skew_s'),
    seed: text(value, 'seed'),
    shuffled: choice('question_order', ['given', 'shuffled'] as const, 'given') === 'shuffled',
    webhookUrl: text(value, 'webhook_url'),
  };
  return { draft: addQuestions(draft, questions), faults };
}

function gatesOf(given: unknown, wrong: (field: string, message: string) => void): Map<string, DraftGate> {
  const gates = new Map<string, DraftGate>();
  if (given === undefined) return gates;
  if (!Array.isArray(given)) {
    wrong('gates', 'must be a list');
    return gates;
  }
  for (const [index, gate] of (given as unknown[]).entries()) {
    const after = isRecord(gate) ? gate['after_question'] : undefined;
    const expires = isRecord(gate) ? (gate['expires_in_s'] ?? 7 * GATE_UNITS.d) : undefined;
    if (typeof after !== 'string' || typeof expires !== 'number')
      wrong(`gates[${index}]`, 'must have after_question, and expires_in_s as a number');
    else gates.set(after, gateOf(expires));
  }
  return gates;
}

/** In the largest unit that says it in a whole number. */
export function gateOf(seconds: number): DraftGate {
  const unit = (['d', 'h', 'min'] as const).find((each) => seconds > 0 && seconds % GATE_UNITS[each] === 0);
  const found: GateUnit = unit ?? 's';
  return { amount: String(seconds / GATE_UNITS[found]), unit: found };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
