import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { costOf, decimalUsd, gpuCostMicroUsd, llmCostMicroUsd, type BilledUse } from './cost.js';
import { BUILT_IN_PRICES, priceTableOf, pricesAt } from './prices.js';

const WORKED_EXAMPLE = pricesAt(
  priceTableOf([
    {
      from: '2026-11-20',
      gpus: { A10G: 0.0004 },
      region_multipliers: { US: 1 },
      models: { 'gpt-small': { input_usd_per_million_tokens: 0.25, output_usd_per_million_tokens: 1.25 } },
    },
  ]),
  Date.parse('2026-11-22T00:00:00Z'),
);

function aUse(changes: Partial<BilledUse> = {}): BilledUse {
  return {
    ...{ billing: 'both', gpu: 'A10G', region: 'US', model: 'gpt-small' },
    ...{ gpuMs: 10_500, tokensIn: 1000, tokensOut: 2000, isAnswered: true, ...changes },
  };
}

describe('caller rule 16: what a call costs', () => {
  it('is, in the worked example, $0.0042 for the GPU, $0.00275 for tokens, $0.00695 in all', () => {
    const cost = costOf(aUse(), WORKED_EXAMPLE);
    expect(cost).toMatchObject({
      gpuMicroUsd: 4200n,
      llmMicroUsd: 2750n,
      totalMicroUsd: 6950n,
      isUnpriced: false,
    });
    expect(decimalUsd(cost.totalMicroUsd)).toBe('0.006950');
  });

  it('leaves out what an endpoint is not paid for', () => {
    expect(costOf(aUse({ billing: 'gpu' }), WORKED_EXAMPLE)).toMatchObject({
      ...{ gpuMicroUsd: 4200n, llmMicroUsd: null, tokenPrice: null, totalMicroUsd: 4200n },
    });
    expect(costOf(aUse({ billing: 'tokens' }), WORKED_EXAMPLE)).toMatchObject({
      ...{ gpuMicroUsd: null, gpuNanoUsdPerS: null, llmMicroUsd: 2750n, totalMicroUsd: 2750n },
    });
  });

  it.each([
    ['a GPU without a price', aUse({ gpu: 'ABACUS' }), 2750n],
    ['a model without a price', aUse({ model: 'other' }), 4200n],
    ['an answer whose tokens nobody counted', aUse({ tokensIn: null, tokensOut: null }), 4200n],
    ['tokens in that nobody counted', aUse({ tokensIn: null, tokensOut: 10 }), 4213n],
    ['tokens out that nobody counted', aUse({ tokensIn: 10, tokensOut: null }), 4203n],
  ])('says that it leaves out %s', (_what, use, totalMicroUsd) => {
    expect(costOf(use, WORKED_EXAMPLE)).toMatchObject({ isUnpriced: true, totalMicroUsd });
  });

  it('is complete where the kind of tokens that nobody counted is free', () => {
    const price = { input_usd_per_million_tokens: 0, output_usd_per_million_tokens: 1 };
    const prices = pricesAt(
      priceTableOf([{ from: '2026-11-20', models: { m: price } }]),
      Date.parse('2026-11-22T00:00:00Z'),
    );
    const use = aUse({ billing: 'tokens', model: 'm', tokensIn: null, tokensOut: 10 });
    expect(costOf(use, prices)).toMatchObject({ isUnpriced: false, totalMicroUsd: 10n });
    expect(costOf({ ...use, tokensIn: 10, tokensOut: null }, prices)).toMatchObject({ isUnpriced: true });
  });

  it('is complete where a call without an answer counted no tokens, or had no GPU', () => {
    const failed = aUse({ gpu: 'ABACUS', gpuMs: 0, tokensIn: null, tokensOut: null, isAnswered: false });
    expect(costOf(failed, WORKED_EXAMPLE)).toMatchObject({ isUnpriced: false, totalMicroUsd: 0n });
  });

  it('multiplies GPU time for a pinned region, by 1.5 where nothing else is said', () => {
    expect(costOf(aUse({ gpu: 'T4', region: 'EU', gpuMs: 1000 }), BUILT_IN_PRICES).gpuMicroUsd).toBe(246n);
  });

  it('is rounded once, halves upwards, and never by more than half a micro-dollar', () => {
    expect(gpuCostMicroUsd(1, 500_000n, 1_000_000n)).toBe(1n);
    expect(gpuCostMicroUsd(1, 499_999n, 1_000_000n)).toBe(0n);
    const ms = fc.integer({ min: 0, max: 1e9 });
    const rate = fc.bigInt({ min: 0n, max: 10_000_000_000n });
    const multiplier = fc.bigInt({ min: 0n, max: 100_000_000n });
    fc.assert(
      fc.property(ms, rate, multiplier, (gpuMs, nano, factor) => {
        const exact = BigInt(gpuMs) * nano * factor;
        const twiceOff = 2n * (gpuCostMicroUsd(gpuMs, nano, factor) * 1_000_000_000_000n - exact);
        expect(twiceOff <= 1_000_000_000_000n && twiceOff > -1_000_000_000_000n).toBe(true);
      }),
    );
    const price = { inputMicroUsdPerMillion: 250_000n, outputMicroUsdPerMillion: 250_000n };
    expect(llmCostMicroUsd(1, 1, price)).toBe(1n);
    expect(llmCostMicroUsd(1, 0, price)).toBe(0n);
  });
});

describe('dollars', () => {
  it.each([
    [0n, '0.000000'],
    [6950n, '0.006950'],
    [1_000_000n, '1.000000'],
    [12_345_678_901n, '12345.678901'],
    [-1n, '-0.000001'],
  ])('%s micro-dollars are written as %s', (microUsd, written) => {
    expect(decimalUsd(microUsd)).toBe(written);
  });
});
