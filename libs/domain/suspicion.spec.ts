import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ATTEMPT_ERROR_CODES } from './errors.js';
import { blamesPayload, judgeReturnedTicket } from './suspicion.js';

describe('a ticket that came back', () => {
  it.each([
    [0, false, 'begin'],
    [0, true, 'begin'],
    [1, false, 'begin'],
    [1, true, 'begin'],
    [2, false, 'beginAlone'],
    [2, true, 'wait'],
    [3, false, 'poison'],
    [3, true, 'poison'],
    [9, true, 'poison'],
  ] as const)(
    'of which %i have died, while another is on trial: %s, is told to %s',
    (lost, other, verdict) => {
      expect(judgeReturnedTicket({ lost, crashesMax: 3, otherOnTrial: other })).toBe(verdict);
    },
  );

  it('is never given up while fewer than the maximum have died, and always alone before that', () => {
    fc.assert(
      fc.property(
        fc.nat(20),
        fc.integer({ min: 2, max: 20 }),
        fc.boolean(),
        (lost, crashesMax, otherOnTrial) => {
          const verdict = judgeReturnedTicket({ lost, crashesMax, otherOnTrial });
          expect(verdict === 'poison').toBe(lost >= crashesMax);
          if (lost === crashesMax - 1) expect(['beginAlone', 'wait']).toContain(verdict);
        },
      ),
    );
  });
});

describe('what speaks against a payload', () => {
  it('is what another endpoint would fail at alike, and what kills containers', () => {
    expect(ATTEMPT_ERROR_CODES.filter(blamesPayload)).toEqual([
      'UPSTREAM_CRASHED',
      'FUNCTION_TIMED_OUT',
      'REQUEST_REJECTED',
      'MODEL_ERROR',
      'RESPONSE_TOO_LARGE',
      'POISON_SUSPECTED',
    ]);
  });
});
