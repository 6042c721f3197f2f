import { describe, expect, it } from '@jest/globals';
import { demoRun, REAL_EXPERIMENT, SIMULATED_EXPERIMENT } from './experiment.js';

describe('the demo’s experiment', () => {
  it('says of its answers what they are', () => {
    expect(SIMULATED_EXPERIMENT.about.join(' ')).toMatch(/SIMULATED.*nothing about any real model/);
    const real = REAL_EXPERIMENT.about.join(' ');
    expect(real).toMatch(/REAL.*CPU.*135 million.*three prompts of that one model/);
    expect(real).toMatch(/regions are SIMULATED.*Differences between regions are sampling and nothing else/);
    expect(real).toContain(`cut at ${REAL_EXPERIMENT.sampling.max_tokens ?? 0} tokens`);
  });

  it('gives the real model no other model’s name', () => {
    expect(REAL_EXPERIMENT.models.join()).not.toMatch(/llama|qwen|mistral/i);
    for (const model of REAL_EXPERIMENT.models) expect(model).toMatch(/^smollm2-135m-/);
  });

  it('asks the same questions of either, and leaves the simulated models their own way', () => {
    const simulated = demoRun(SIMULATED_EXPERIMENT, 'auto');
    const real = demoRun(REAL_EXPERIMENT, 'auto');
    expect(real['questions']).toEqual(simulated['questions']);
    expect(real).toMatchObject({ temperature: 0.2, max_tokens: 72 });
    expect(simulated).not.toHaveProperty('max_tokens');
  });
});
