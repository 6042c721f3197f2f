import type { ReactNode } from 'react';
import { faultsAt, type Fault } from './draft-body.js';
import type { Draft, RegionPolicy, RunOrder } from './draft.js';
import { ChoiceField, Field, TextField } from '../fields/field.js';

/** What each choice means; said below it, since a narrow choice cuts its text. */
const ORDER_HINTS: Readonly<Record<RunOrder, string>> = {
  auto: 'The fastest that keeps the bounds',
  question: 'One question everywhere, then the next',
  region: 'One region after the other',
  pipeline: 'Each endpoint at its own pace',
  best: 'The planner’s own',
};
const POLICY_HINTS: Readonly<Record<RegionPolicy, string>> = {
  pin: 'There or nowhere',
  prefer: 'Elsewhere where it fails',
  any: 'Where it starts first',
};
const ORDERS = (Object.keys(ORDER_HINTS) as RunOrder[]).map((each) => [each, each] as const);
const POLICIES = (Object.keys(POLICY_HINTS) as RegionPolicy[]).map((each) => [each, each] as const);

export function OptionsForm({
  draft,
  faults,
  showsCosts,
  onChange,
}: {
  readonly draft: Draft;
  readonly faults: readonly Fault[];
  /** Whether a bound in money may be given. */
  readonly showsCosts: boolean;
  readonly onChange: (change: Partial<Draft>) => void;
}): ReactNode {
  const at = (field: string): string[] => faultsAt(faults, field);
  return (
    <>
      <section className="panel" aria-labelledby="how">
        <h2 id="how">How it is asked</h2>
        <div className="compose-options">
          <TextField
            label="Repeats"
            type="figure"
            placeholder="1"
            hint="Of each question, 1000 at most"
            value={draft.repeats}
            field="repeats"
            faults={at('repeats')}
            onChange={(repeats) => onChange({ repeats })}
          />
          <ChoiceField
            label="Order"
            value={draft.order}
            choices={ORDERS}
            hint={ORDER_HINTS[draft.order]}
            field="order"
            faults={at('order')}
            onChange={(order) => onChange({ order })}
          />
          <ChoiceField
            label="Region policy"
            value={draft.regionPolicy}
            choices={POLICIES}
            hint={POLICY_HINTS[draft.regionPolicy]}
            field="region_policy"
            faults={at('region_policy')}
            onChange={(regionPolicy) => onChange({ regionPolicy })}
          />
          <TextField
            label="Temperature"
            type="figure"
            placeholder="0.1"
            hint="0 to 2"
            value={draft.temperature}
            field="temperature"
            faults={at('temperature')}
            onChange={(temperature) => onChange({ temperature })}
          />
          <TextField
            label="Tokens at most"
            type="figure"
            placeholder="512"
            hint="Of each answer"
            value={draft.maxTokens}
            field="max_tokens"
            faults={at('max_tokens')}
            onChange={(maxTokens) => onChange({ maxTokens })}
          />
          <TextField
            label="Budget in GPU seconds"
            type="figure"
            placeholder="none"
            hint="Nothing is asked that may pass it"
            value={draft.budgetGpuSeconds}
            field="budget.gpu_seconds"
            faults={[
              ...at('budget.gpu_seconds'),
              ...faults.filter(({ field }) => field === 'budget').map(({ message }) => message),
            ]}
            onChange={(budgetGpuSeconds) => onChange({ budgetGpuSeconds })}
          />
          {(showsCosts || draft.budgetUsd !== '') && (
            <TextField
              label="Budget in US dollars"
              type="figure"
              placeholder="none"
              value={draft.budgetUsd}
              field="budget.usd"
              faults={at('budget.usd')}
              onChange={(budgetUsd) => onChange({ budgetUsd })}
            />
          )}
        </div>
      </section>
      <More draft={draft} faults={faults} at={at} onChange={onChange} />
      <RegionPrompts draft={draft} at={at} onChange={onChange} />
    </>
  );
}

const MORE = ['deadline_s', 'max_skew_s', 'seed', 'question_order', 'webhook_url'];

function More({
  draft,
  faults,
  at,
  onChange,
}: {
  readonly draft: Draft;
  readonly faults: readonly Fault[];
  readonly at: (field: string) => string[];
  readonly onChange: (change: Partial<Draft>) => void;
}): ReactNode {
  const isUsed =
    [draft.deadlineS, draft.maxSkewS, draft.seed, draft.webhookUrl].some((text) => text !== '') ||
    draft.shuffled ||
    faults.some(({ field }) => MORE.includes(field));
  return (
    <details className="panel" open={isUsed}>
      <summary>Deadline, seed, regions side by side, webhook</summary>
      <div className="compose-options">
        <TextField
          label="Deadline in seconds"
          type="figure"
          placeholder="none"
          hint="For the choice of the order; nothing ends a run that is late"
          value={draft.deadlineS}
          field="deadline_s"
          faults={at('deadline_s')}
          onChange={(deadlineS) => onChange({ deadlineS })}
        />
        <TextField
          label="Regions side by side, seconds"
          type="figure"
          placeholder="not bounded"
          hint="How far apart they may be asked one question"
          value={draft.maxSkewS}
          field="max_skew_s"
          faults={at('max_skew_s')}
          onChange={(maxSkewS) => onChange({ maxSkewS })}
        />
        <TextField
          label="Seed"
          type="figure"
          placeholder="none"
          hint="Makes the sampling repeatable"
          value={draft.seed}
          field="seed"
          faults={at('seed')}
          onChange={(seed) => onChange({ seed })}
        />
        <TextField
          label="Webhook"
          type="url"
          placeholder="https://"
          hint="Is told of gates, of the budget and of the end"
          value={draft.webhookUrl}
          field="webhook_url"
          faults={at('webhook_url')}
          onChange={(webhookUrl) => onChange({ webhookUrl })}
        />
        <ChoiceField
          label="Order of the questions"
          value={draft.shuffled ? 'shuffled' : 'given'}
          choices={[
            ['given', 'as given'],
            ['shuffled', 'shuffled by the seed'],
          ]}
          field="question_order"
          faults={at('question_order')}
          onChange={(order) => onChange({ shuffled: order === 'shuffled' })}
        />
      </div>
    </details>
  );
}

function RegionPrompts({
  draft,
  at,
  onChange,
}: {
  readonly draft: Draft;
  readonly at: (field: string) => string[];
  readonly onChange: (change: Partial<Draft>) => void;
}): ReactNode {
  if (draft.regions.length === 0) return null;
  return (
    <details
      className="panel"
      open={draft.regions.some((region) => (draft.systemPrompts[region] ?? '') !== '')}
    >
      <summary>System prompts of the regions</summary>
      <div className="stack">
        <p className="field-hint">A region’s comes before a question’s own.</p>
        {draft.regions.map((region) => (
          <Field
            key={region}
            label={`In ${region}`}
            field={`system_prompts.${region}`}
            faults={at(`system_prompts.${region}`)}
          >
            {(control) => (
              <textarea
                {...control}
                rows={2}
                value={draft.systemPrompts[region] ?? ''}
                onChange={({ target }) =>
                  onChange({ systemPrompts: { ...draft.systemPrompts, [region]: target.value } })
                }
              />
            )}
          </Field>
        ))}
      </div>
    </details>
  );
}
