import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Ticket } from '#contracts';
import type { Endpoint } from './endpoint.js';
import { readAnswer } from './protocols.js';

const NAMES: Readonly<Record<string, readonly string[]>> = {
  US: ['US', 'us-east'],
  EU: ['EU', 'eu-west'],
  ASIA: ['ASIA', 'apac', 'asia-pacific'],
};
const all = Object.values(NAMES).flat();
const attested = fc.oneof(
  fc.constantFrom(...all, ...all.map((name) => name.toUpperCase())),
  fc.constantFrom(...all.map((name) => ` ${name}`), ...all.map((name) => `${name}-2`), '', 'toString'),
  fc.string(),
  fc.constant(undefined),
);

function endpointIn(region: string): Endpoint {
  const url = 'http://127.0.0.1:9/m';
  return {
    id: 'e',
    region,
    regionNames: NAMES[region] ?? [],
    protocol: 'modal-hf',
    url,
    healthUrl: undefined,
  };
}

describe('an answer is taken', () => {
  it('under its endpoint’s region only where it attests a name of that region, in whatever case', () => {
    const seen = { taken: 0, refused: 0 };
    fc.assert(
      fc.property(fc.constantFrom(...Object.keys(NAMES)), attested, (region, name) => {
        const body = JSON.stringify({
          ...{ status: 'success', response: 'because', model: 'm', inference_time: 1, region: name },
          tokens_generated: 1,
        });
        const result = readAnswer(endpointIn(region), {} as Ticket, body, undefined);
        const isOwn = NAMES[region]!.some((known) => known.toLowerCase() === name?.toLowerCase());
        expect(result).toMatchObject(
          isOwn ? { kind: 'succeeded', region } : { kind: 'failed', code: 'REGION_MISMATCH' },
        );
        seen[isOwn ? 'taken' : 'refused'] += 1;
      }),
      { numRuns: 2000 },
    );
    expect(Math.min(...Object.values(seen))).toBeGreaterThan(50);
  });
});
