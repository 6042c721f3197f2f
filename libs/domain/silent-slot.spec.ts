import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { JOB_STATES } from './job.js';
import { planForSilentSlot, type SilentSlotFacts } from './silent-slot.js';

const base: SilentSlotFacts = {
  holderWouldBeHeard: true,
  jobState: 'dispatched',
  started: false,
  pastDeadline: false,
  ticketWaits: true,
  outcomeWaits: false,
  hasTaker: true,
};
const facts = fc.record({
  holderWouldBeHeard: fc.boolean(),
  jobState: fc.constantFrom(...JOB_STATES),
  started: fc.boolean(),
  pastDeadline: fc.boolean(),
  ticketWaits: fc.boolean(),
  outcomeWaits: fc.boolean(),
  hasTaker: fc.boolean(),
});

describe('a silent slot', () => {
  it.each<[string, Partial<SilentSlotFacts>, string]>([
    ['a staged ticket that waits in its stream is left alone', {}, 'extend'],
    [
      'a running call is left alone while its holder has had no time to be heard',
      {
        jobState: 'processing',
        started: true,
        ticketWaits: false,
        pastDeadline: true,
        holderWouldBeHeard: false,
      },
      'wait',
    ],
    ['a ticket that was never published is issued again', { ticketWaits: false }, 'reissue'],
    ['a ticket nobody would take is taken back', { hasTaker: false }, 'return'],
    [
      'a lost ticket nobody would take is taken back, not issued again',
      { hasTaker: false, ticketWaits: false },
      'return',
    ],
    [
      'a running call whose ticket will be redelivered is left alone',
      { jobState: 'processing', started: true },
      'extend',
    ],
    [
      'a running call whose ticket is gone is issued again',
      { jobState: 'processing', started: true, ticketWaits: false },
      'reissue',
    ],
    [
      'a running call is given up once its time has passed',
      { jobState: 'processing', started: true, pastDeadline: true },
      'concludeLost',
    ],
    [
      'an outcome on its way is waited for, however late',
      { jobState: 'processing', started: true, pastDeadline: true, outcomeWaits: true, ticketWaits: false },
      'extend',
    ],
    [
      'a cancelled call whose dispatcher is silent keeps its slot',
      { jobState: 'cancelling', started: true, ticketWaits: false },
      'endJobKeepSlot',
    ],
    [
      'a cancelled job without ticket and call frees it',
      { jobState: 'cancelling', ticketWaits: false },
      'free',
    ],
    ['an expired job without ticket and call frees it', { jobState: 'expired', ticketWaits: false }, 'free'],
  ])('%s', (_title, changes, plan) => {
    expect(planForSilentSlot({ ...base, ...changes })).toBe(plan);
  });

  it('is never freed while its call may be running', () => {
    fc.assert(
      fc.property(facts, (known) => {
        if (known.started && !known.pastDeadline) expect(planForSilentSlot(known)).not.toBe('free');
      }),
    );
  });

  it('gets no second ticket while the first may be acted on or was answered', () => {
    fc.assert(
      fc.property(facts, (known) => {
        if (known.ticketWaits || known.outcomeWaits) expect(planForSilentSlot(known)).not.toBe('reissue');
      }),
    );
  });

  it('makes no call for a job that is over', () => {
    fc.assert(
      fc.property(facts, (known) => {
        const over = known.jobState !== 'dispatched' && known.jobState !== 'processing';
        if (over) expect(planForSilentSlot(known)).not.toBe('reissue');
      }),
    );
  });
});
