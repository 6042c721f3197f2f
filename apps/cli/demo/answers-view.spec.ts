import { describe, expect, it } from '@jest/globals';
import type { CellResultView } from '#contracts';
import { answersByRegion } from './answers-view.js';
import { PLAIN_STYLE } from '../terminal/style.js';

const aCell = (region: string, response: string, more: Partial<CellResultView> = {}): CellResultView => ({
  ...{ question_id: 'math', model: 'small', region, repeat: 1, status: 'accepted', response },
  ...{ answered_region: region, substituted: false, endpoint_id: 'e', job_id: null, attempts: 1 },
  ...{ inference_time: null, tokens_generated: null, error_code: null, accepted_at: null },
  ...{
    model_revision: null,
    temperature: 0.1,
    max_tokens: 512,
    prompt_sha256: '',
    seed: null,
    asked_at: null,
    erased: false,
  },
  ...more,
});

describe('answers by region', () => {
  const shown = {
    questions: [{ id: 'math', text: 'What is 2+2?' }],
    models: ['small', 'large'],
    regions: ['US', 'EU'],
    unavailable: [{ model: 'large', region: 'US' }],
  };

  it('stand side by side, one row for each model', () => {
    const cells = [
      aCell('US', 'It is four. (simulated small)'),
      aCell('EU', 'Four.'),
      aCell('EU', '4', { model: 'large' }),
    ];
    expect(answersByRegion({ ...shown, cells }, 60, PLAIN_STYLE)).toEqual([
      '',
      'Q1 What is 2+2? [math]',
      '       │ US                       │ EU',
      ` ──────┼─${'─'.repeat(24)}─┼─${'─'.repeat(24)}`,
      ' small │ It is four.              │ Four.',
      ' large │ not deployed             │ 4',
    ]);
  });

  it('say what is missing, failed or from elsewhere', () => {
    const cells = [
      aCell('US', '', { status: 'failed', response: null, error_code: 'EXECUTION_TIMEOUT' }),
      aCell('EU', 'Four.', { substituted: true, answered_region: 'US' }),
    ];
    const text = answersByRegion({ ...shown, cells }, 120, PLAIN_STYLE).join('\n');
    expect(text).toContain('NO ANSWER: failed EXECUTION_TIMEOUT');
    expect(text).toContain('(from US) Four.');
    expect(text).toContain('MISSING');
  });
});
