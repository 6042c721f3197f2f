import { randomInt } from 'node:crypto';
import { ProblemError, detailOf, type FieldError, type RunBudgetRequest, type RunRequest } from '#contracts';
import { resolveRegion, type Configuration } from '#config';
import { canKeepTogether, mayAnswer, shuffledBySeed } from '#domain';
import type { NewGate, NewQuestion, RunPair, StoredRunSpec } from '#persistence';
import { webhookUrlFault } from '../webhooks/webhook-url.js';

/** Of those that are drawn here. */
const SEEDS = 2 ** 31;

/** What a run without a bound has `null` for. */
function storedBudget({ usd, gpu_seconds }: RunBudgetRequest): NonNullable<StoredRunSpec['budget']> {
  return { usd: usd ?? null, gpu_seconds: gpu_seconds ?? null };
}

export interface ResolvedRun {
  readonly spec: StoredRunSpec;
  readonly questions: readonly NewQuestion[];
  readonly gates: readonly NewGate[];
  readonly totalCells: number;
}

/**
 * Replaces names by what they stand for: region aliases, questions of the bank. Leaves out the pairs that are
 * served nowhere.
 * @throws ProblemError naming every field that is wrong
 */
export function resolveRun(request: RunRequest, configuration: Configuration): ResolvedRun {
  const faults = new Faults();
  const regions = resolveRegions(request.regions, configuration, faults);
  const questions = resolveQuestions(request, configuration, faults);
  const systemPrompts = resolvePrompts(request.system_prompts, 'system_prompts', configuration, faults);
  if (request.max_skew_s !== undefined && !canKeepTogether(request.order))
    faults.add('max_skew_s', `does not go with the order "${request.order}"`);
  refuseUnknownModels(request.models, configuration, faults);
  const gates = resolveGates(request, questions, faults);
  const isShuffled = request.question_order === 'shuffled';
  if (isShuffled && gates.length > 0)
    faults.add(
      'question_order',
      'cannot be "shuffled" with gates: they divide the questions as they are given',
    );
  refuseLongPrompts(questions, regions, systemPrompts, configuration, faults);
  refuseWebhookUrl(request.webhook_url, configuration, faults);
  faults.throwIfAny();

  const pairs: RunPair[] = [];
  const unavailable: RunPair[] = [];
  for (const region of regions) {
    for (const model of request.models) {
      const pair = { model, region };
      const isServed = configuration.endpoints.some((endpoint) =>
        mayAnswer(endpoint, pair, request.region_policy),
      );
      (isServed ? pairs : unavailable).push(pair);
    }
  }
  if (pairs.length === 0) {
    throw new ProblemError('MODEL_NOT_IN_REGION', 'none of the models is deployed in any of the regions');
  }
  const totalCells = questions.length * request.repeats * pairs.length;
  if (totalCells > configuration.limits.run_cells) {
    throw new ProblemError(
      'VALIDATION_FAILED',
      `the run would have ${totalCells} cells; at most ${configuration.limits.run_cells} are allowed`,
      [
        {
          field: 'questions',
          message: `makes ${totalCells} cells; the limit is ${configuration.limits.run_cells}`,
        },
      ],
    );
  }
  const { models, repeats, region_policy, temperature, max_tokens } = request;
  // A run that is shuffled without a seed is given one, so that it can be had again.
  const seed = request.seed ?? (isShuffled ? randomInt(SEEDS) : null);
  return {
    spec: {
      models,
      regions,
      repeats,
      region_policy,
      system_prompts: systemPrompts,
      temperature,
      max_tokens,
      webhook_url: request.webhook_url ?? null,
      seed,
      question_order: request.question_order ?? 'given',
      pairs,
      in_flight_max: pairs.map((pair) => inFlightMax(pair, request.region_policy, configuration)),
      unavailable,
      ...(request.max_skew_s === undefined ? {} : { max_skew_s: request.max_skew_s }),
      ...(request.budget === undefined ? {} : { budget: storedBudget(request.budget) }),
    },
    questions: isShuffled && seed !== null ? shuffledBySeed(questions, seed) : questions,
    gates,
    totalCells,
  };
}

class Faults {
  private readonly faults: FieldError[] = [];
  private onlyUnknownModels = true;

  add(field: string, message: string): void {
    this.onlyUnknownModels = false;
    this.faults.push({ field, message });
  }

  addUnknownModel(field: string, model: string): void {
    this.faults.push({ field, message: `no endpoint serves "${model}"` });
  }

  throwIfAny(): void {
    if (this.faults.length === 0) return;
    const code = this.onlyUnknownModels ? 'UNKNOWN_MODEL' : 'VALIDATION_FAILED';
    throw new ProblemError(code, detailOf(this.faults), this.faults.slice(0, 100));
  }
}

/**
 * Twice the calls that the pair's endpoints take at once: enough to keep them busy, and so few that another run's cell
 * never has more than that before it.
 */
function inFlightMax(
  { model, region }: RunPair,
  policy: RunRequest['region_policy'],
  { endpoints }: Configuration,
): number {
  const serving = endpoints.filter(({ models }) => models.includes(model));
  const own = serving.filter((endpoint) => endpoint.region === region);
  const able = policy === 'any' || own.length === 0 ? serving : own;
  return 2 * able.reduce((sum, { concurrency }) => sum + concurrency, 0);
}

function resolveRegions(names: readonly string[], configuration: Configuration, faults: Faults): string[] {
  const regions: string[] = [];
  for (const [index, name] of names.entries()) {
    const region = resolveRegion(configuration, name);
    if (region === undefined) faults.add(`regions[${index}]`, `there is no region "${name}"`);
    else if (regions.includes(region)) faults.add(`regions[${index}]`, `names region ${region} again`);
    else regions.push(region);
  }
  return regions;
}

function refuseUnknownModels(models: readonly string[], configuration: Configuration, faults: Faults): void {
  for (const [index, model] of models.entries()) {
    if (models.indexOf(model) < index) faults.add(`models[${index}]`, `names model "${model}" again`);
    else if (!configuration.endpoints.some((endpoint) => endpoint.models.includes(model))) {
      faults.addUnknownModel(`models[${index}]`, model);
    }
  }
}

function resolveQuestions(request: RunRequest, configuration: Configuration, faults: Faults): NewQuestion[] {
  const bank = new Map(configuration.questions.map((question) => [question.id, question]));
  const seen = new Set<string>();
  const questions: NewQuestion[] = [];
  for (const [index, given] of request.questions.entries()) {
    const field = `questions[${index}]`;
    const question = typeof given === 'string' ? bank.get(given) : given;
    if (question === undefined) {
      faults.add(field, `the question bank has no "${typeof given === 'string' ? given : given.id}"`);
      continue;
    }
    if (seen.has(question.id)) faults.add(field, `has the id "${question.id}" of an earlier question`);
    seen.add(question.id);
    const { id, text, system } = question;
    const systems =
      system === undefined || typeof system === 'string'
        ? { '': system ?? '' }
        : resolvePrompts(system, `${field}.system`, configuration, faults);
    questions.push({
      id,
      text,
      systems: Object.values(systems).some((prompt) => prompt !== '') ? systems : null,
    });
  }
  return questions;
}

/** @returns the prompts by the regions' own names */
function resolvePrompts(
  prompts: Readonly<Record<string, string>>,
  field: string,
  configuration: Configuration,
  faults: Faults,
): Record<string, string> {
  const resolved: Record<string, string> = {};
  for (const [name, prompt] of Object.entries(prompts)) {
    const region = resolveRegion(configuration, name);
    if (region === undefined) faults.add(`${field}.${name}`, `there is no region "${name}"`);
    else if (Object.hasOwn(resolved, region)) faults.add(`${field}.${name}`, `names region ${region} again`);
    else resolved[region] = prompt;
  }
  return resolved;
}

function resolveGates(request: RunRequest, questions: readonly NewQuestion[], faults: Faults): NewGate[] {
  const numbers = new Map(questions.map(({ id }, index) => [id, index + 1]));
  const gates = new Map<string, NewGate>();
  for (const [index, gate] of request.gates.entries()) {
    const field = `gates[${index}].after_question`;
    const afterQuestionNo = numbers.get(gate.after_question);
    if (afterQuestionNo === undefined)
      faults.add(field, `"${gate.after_question}" is not a question of this run`);
    else if (gates.has(gate.after_question)) faults.add(field, `has a gate already`);
    else
      gates.set(gate.after_question, {
        gateId: gate.after_question,
        afterQuestionNo,
        expiresInS: gate.expires_in_s,
      });
  }
  return [...gates.values()];
}

function refuseWebhookUrl(url: string | undefined, configuration: Configuration, faults: Faults): void {
  if (url === undefined) return;
  const fault = webhookUrlFault(url, configuration);
  if (fault !== undefined) faults.add('webhook_url', fault);
}

/** The router refuses a job whose messages are too long together; better to say so before anything runs. */
function refuseLongPrompts(
  questions: readonly NewQuestion[],
  regions: readonly string[],
  systemPrompts: Readonly<Record<string, string>>,
  configuration: Configuration,
  faults: Faults,
): void {
  const limit = configuration.limits.prompt_bytes;
  const regionBytes = new Map(
    regions.map((region) => [region, Buffer.byteLength(systemPrompts[region] ?? '')]),
  );
  for (const [index, { text, systems }] of questions.entries()) {
    const ownBytes = Buffer.byteLength(text);
    const tooLong = regions.find((region) => {
      const system = systems?.[region] ?? systems?.[''] ?? '';
      return ownBytes + Buffer.byteLength(system) + (regionBytes.get(region) ?? 0) + SEPARATOR_BYTES > limit;
    });
    if (tooLong !== undefined) {
      faults.add(`questions[${index}]`, `is longer than ${limit} bytes with the system prompt of ${tooLong}`);
    }
  }
}

/** Between a region's system prompt and the question's own. */
const SEPARATOR_BYTES = 2;
