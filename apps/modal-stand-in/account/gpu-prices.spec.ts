import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { USD_PER_S } from './gpu-prices.js';

/** Read as text: the stand-in may not import the domain. */
const DOMAIN_LIST = /GPU_USD_PER_S[^{]*\{(?<entries>[^}]*)\}/;
const ENTRY = /^\s*'?(?<gpu>[\w-]+)'?: (?<usd>[\d.]+),$/gm;

describe('the price list of GPUs', () => {
  it('is the one by which Beacon computes costs, and containers without a GPU', () => {
    const source = readFileSync('libs/domain/gpu-cost.ts', 'utf8');
    const entries = DOMAIN_LIST.exec(source)?.groups?.['entries'] ?? '';
    const domain = Object.fromEntries(
      [...entries.matchAll(ENTRY)].map(([, gpu = '', usd]): [string, number] => [gpu, Number(usd)]),
    );
    const { none, ...gpus } = USD_PER_S;
    expect(gpus).toEqual(domain);
    expect(none).toBeGreaterThan(0);
  });
});
