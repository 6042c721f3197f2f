import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { bodyOf, faultsAt, placedFaults, unplacedFaults } from './draft-body.js';
import {
  EMPTY_DRAFT,
  NEW_GATE,
  addQuestions,
  changeQuestion,
  freeId,
  moveQuestion,
  questionsOf,
  removeQuestion,
  toggled,
  type Draft,
  type RunBody,
} from './draft.js';
import { draftOf, gateOf } from './import-body.js';

const ready = (changes: Partial<Draft> = {}): Draft => ({
  ...addQuestions(EMPTY_DRAFT, [{ text: 'Why?' }, { fromBank: true, id: 'capital' }, { text: 'Who?' }]),
  models: ['m'],
  regions: ['US'],
  ...changes,
});

describe('a draft', () => {
  it('becomes the body of a run, in which only what was said is sent', () => {
    expect(bodyOf(ready())).toMatchObject({
      faults: [],
      body: {
        questions: [{ id: 'q1', text: 'Why?' }, 'capital', { id: 'q2', text: 'Who?' }],
        models: ['m'],
        regions: ['US'],
        order: 'auto',
        region_policy: 'pin',
      },
    });
    expect(Object.keys(bodyOf(ready()).body)).toHaveLength(5);
  });

  it('sends each option that was given, and the prompts of the regions that are asked', () => {
    const draft = ready({
      name: ' bias ',
      repeats: '3',
      temperature: '0',
      maxTokens: '64',
      budgetGpuSeconds: '3600',
      seed: '7',
      webhookUrl: ' https://hooks.example.org/x ',
      systemPrompts: { US: 'Be brief.', EU: 'Not asked.', ASIA: ' ' },
    });
    expect(bodyOf(draft).body).toMatchObject({
      name: 'bias',
      repeats: 3,
      temperature: 0,
      max_tokens: 64,
      budget: { gpu_seconds: 3600 },
      seed: 7,
      webhook_url: 'https://hooks.example.org/x',
      system_prompts: { US: 'Be brief.' },
    });
  });

  it('says what is missing, and which figure is none, before the router is asked', () => {
    expect(bodyOf(EMPTY_DRAFT).faults.map(({ field }) => field)).toEqual(['questions', 'models', 'regions']);
    expect(bodyOf(ready({ repeats: 'three', budgetUsd: '1,5' })).faults.map(({ field }) => field)).toEqual([
      'budget.usd',
      'repeats',
    ]);
  });

  it('has gates with its questions, in seconds', () => {
    const [first, second] = ready().questions;
    const gated = changeQuestion(
      changeQuestion(ready(), first!.key, { gate: { amount: '90', unit: 'min' } }),
      second!.key,
      { gate: NEW_GATE },
    );
    expect(bodyOf(gated).body.gates).toEqual([
      { after_question: 'q1', expires_in_s: 5400 },
      { after_question: 'capital', expires_in_s: 604_800 },
    ]);
    const empty = changeQuestion(gated, first!.key, { gate: { amount: ' ', unit: 'h' } });
    expect(bodyOf(empty).faults.map(({ field }) => field)).toEqual(['questions[0].gate']);
  });

  it('leaves out questions that were not written in, and puts what the router says where the question stands', () => {
    const draft = addQuestions(ready({ questions: [] }), [
      {},
      { text: 'A?' },
      {},
      { text: 'B?', gate: NEW_GATE },
    ]);
    const sent = bodyOf(draft);
    expect(sent.body.questions).toMatchObject([{ text: 'A?' }, { text: 'B?' }]);
    const placed = placedFaults(
      [
        { field: 'questions[1].text', message: 'too long' },
        { field: 'gates[0].after_question', message: 'no such' },
        { field: 'models[0]', message: 'unknown' },
        { field: 'questions[9]', message: 'not ours' },
      ],
      sent,
    );
    expect(placed.map(({ field }) => field)).toEqual([
      'questions[3].text',
      'questions[3].gate',
      'models[0]',
      'questions[9]',
    ]);
    expect(faultsAt(placed, 'questions[3]')).toEqual(['too long', 'no such']);
    expect(faultsAt(placed, 'questions[3]', ['questions[3].gate'])).toEqual(['too long']);
    expect(faultsAt(placed, 'questions[1]')).toEqual([]);
    expect(unplacedFaults([...placed, { field: 'x-header', message: 'odd' }])).toEqual([
      { field: 'x-header', message: 'odd' },
    ]);
  });

  it('keeps rows apart while they are added, moved and removed', () => {
    const draft = ready();
    const keys = draft.questions.map(({ key }) => key);
    expect(new Set(keys).size).toBe(3);
    expect(moveQuestion(draft, keys[2]!, -1).questions.map(({ key }) => key)).toEqual([
      keys[0],
      keys[2],
      keys[1],
    ]);
    expect(moveQuestion(draft, keys[0]!, -1)).toBe(draft);
    const removed = removeQuestion(draft, keys[0]!);
    expect(addQuestions(removed, [{ text: 'New?' }]).questions.at(-1)).toMatchObject({ id: 'q1' });
    expect(addQuestions(draft, [{ fromBank: true, id: 'capital' }]).questions).toHaveLength(3);
    expect(freeId(['q1', 'q3'])).toBe('q2');
    expect(toggled(['EU'], 'US', ['US', 'EU'])).toEqual(['US', 'EU']);
    expect(toggled(['US', 'EU'], 'US', ['US', 'EU'])).toEqual(['EU']);
  });
});

describe('several questions at once', () => {
  it.each<[string, ReturnType<typeof questionsOf>]>([
    ['One?\nTwo?\n', [{ text: 'One?' }, { text: 'Two?' }]],
    ['One,\nin two lines?\n\nTwo?', [{ text: 'One,\nin two lines?' }, { text: 'Two?' }]],
    ['capital: What is it?', [{ id: 'capital', text: 'What is it?' }]],
    ['Note: the time is 12:30', [{ id: 'Note', text: 'the time is 12:30' }]],
    ['https://example.org?', [{ text: 'https://example.org?' }]],
    [' \n\n ', []],
  ])('%j', (text, questions) => expect(questionsOf(text)).toEqual(questions));
});

describe('an imported body', () => {
  const word = fc.stringMatching(/^[a-z][a-z0-9-]{0,8}$/);
  const figure = fc.integer({ min: 1, max: 1000 });
  const bodies = fc.record(
    {
      name: word,
      questions: fc.uniqueArray(
        fc.oneof(
          word,
          fc.record(
            {
              id: word,
              text: word,
              system: fc.oneof(word, fc.dictionary(word, word, { minKeys: 1, maxKeys: 2 })),
            },
            { requiredKeys: ['id', 'text'] },
          ),
        ),
        { minLength: 1, maxLength: 5, selector: (each) => (typeof each === 'string' ? each : each.id) },
      ),
      models: fc.uniqueArray(word, { minLength: 1, maxLength: 3 }),
      regions: fc.uniqueArray(word, { minLength: 1, maxLength: 3 }),
      repeats: figure,
      order: fc.constantFrom('auto' as const, 'best' as const),
      region_policy: fc.constantFrom('pin' as const, 'any' as const),
      temperature: fc.integer({ min: 0, max: 8 }).map((quarters) => quarters / 4),
      max_tokens: figure,
      budget: fc.record({ usd: figure, gpu_seconds: figure }, { requiredKeys: ['usd'] }),
      deadline_s: figure,
      max_skew_s: figure,
      seed: figure,
      question_order: fc.constant('shuffled' as const),
      webhook_url: fc.constant('https://hooks.example.org/'),
    },
    { requiredKeys: ['questions', 'models', 'regions', 'order', 'region_policy'] },
  );

  it('is the same body when it is sent or exported again', () => {
    fc.assert(
      fc.property(bodies, figure, (generated, expires) => {
        const first = generated.questions[0]!;
        const body = {
          ...generated,
          gates: [
            { after_question: typeof first === 'string' ? first : first.id, expires_in_s: expires * 30 },
          ],
          system_prompts: { [generated.regions[0]!]: 'Be brief.' },
        } as RunBody;
        const { draft, faults } = draftOf(body);
        expect(faults).toEqual([]);
        expect(bodyOf(draft)).toMatchObject({ body, faults: [] });
        expect(Object.keys(bodyOf(draft).body).sort()).toEqual(Object.keys(body).sort());
      }),
    );
  });

  it('names what it cannot take over, and takes the rest', () => {
    const { draft, faults } = draftOf({
      name: 'x',
      question: [],
      questions: ['bank', { id: 'a', text: 'A?', prompt: 'x' }, 7],
      models: 'm',
      regions: ['US'],
      order: 'fastest',
      gates: [
        { after_question: 'zzz', expires_in_s: 60 },
        { after_question: 'a', expires_in_s: 'soon' },
      ],
    });
    expect(faults.map(({ field }) => field)).toEqual([
      'question',
      'gates[1]',
      'questions[1].prompt',
      'questions[2]',
      'gates',
      'models',
      'order',
    ]);
    expect(draft).toMatchObject({ name: 'x', regions: ['US'], models: [], order: 'auto' });
    expect(draft.questions.map(({ id, fromBank }) => [id, fromBank])).toEqual([
      ['bank', true],
      ['a', false],
    ]);
    for (const none of [null, [], 'text', 7]) expect(draftOf(none).faults).toHaveLength(1);
  });

  it.each([
    [604_800, { amount: '7', unit: 'd' }],
    [5400, { amount: '90', unit: 'min' }],
    [61, { amount: '61', unit: 's' }],
  ])('has a gate of %d s as %j', (seconds, gate) => expect(gateOf(seconds)).toEqual(gate));
});
