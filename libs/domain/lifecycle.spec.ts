import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { JOB_STATES, TERMINAL_STATES, isTerminal, statusOf, type JobState } from './job.js';
import { arrows, nextState } from './lifecycle.js';

const page = readFileSync(new URL('../../docs/lifecycle.md', import.meta.url), 'utf8');
const EVENTS = [...new Set(arrows().map(({ event }) => event))];
const anEvent = fc.constantFrom(...EVENTS);
const aState = fc.constantFrom(...JOB_STATES);

describe('docs/lifecycle.md', () => {
  it('lists every arrow with its owner, and no other', () => {
    const documented = [...page.matchAll(/^\| `(\w+)` +\| `(\w+)` +\| `(\w+)` +\| ([^|]+?) +\|/gm)];
    expect(documented.map(([, from, event, to]) => ({ from, event, to }))).toEqual(arrows());
    const known = new Set(['admission', 'recorder', 'reconciler', 'cancellation']);
    const owners = documented.flatMap(([, , , , owner]) => owner!.split(', '));
    expect(owners.filter((owner) => !known.has(owner))).toEqual([]);
  });

  it('draws every arrow, and no other', () => {
    const drawn = [...page.matchAll(/^ {2}(\w+) --> (\w+): (\w+)$/gm)].map(([, from, to, event]) => ({
      from,
      event,
      to,
    }));
    expect(drawn).toEqual(arrows());
  });

  it('gives every state a meaning and the status that clients see', () => {
    const documented = [...page.matchAll(/^\| `(\w+)` +\| [^|`]+ \| `(\w+)`(?:, or `(\w+)`[^|]*)? +\|$/gm)];
    expect(documented.map(([, state, first, later]) => ({ state, first, later: later ?? first }))).toEqual(
      JOB_STATES.map((state) => ({ state, first: statusOf(state, 1), later: statusOf(state, 2) })),
    );
  });

  it('says for every state what a crash leads to', () => {
    const table = page.slice(page.indexOf('## What a crash leads to'));
    expect(JOB_STATES.filter((state) => !table.includes(`\`${state}\``))).toEqual([]);
  });
});

describe('the life of a job', () => {
  it('has no way out of a terminal state', () => {
    expect(arrows().filter(({ from }) => isTerminal(from))).toEqual([]);
  });

  it.each(JOB_STATES.filter((state) => !isTerminal(state)))('can end from %s', (state) => {
    const reached = reachableFrom(state);
    expect(TERMINAL_STATES.some((terminal) => reached.has(terminal))).toBe(true);
  });

  it.each(JOB_STATES)('reaches %s from queued', (state) => {
    expect(reachableFrom('queued').has(state)).toBe(true);
  });

  it('ends in at most one terminal state, whatever happens in whatever order', () => {
    fc.assert(
      fc.property(fc.array(anEvent, { maxLength: 40 }), (events) => {
        const visited = historyOf('queued', events).filter(isTerminal);
        expect(new Set(visited).size).toBeLessThanOrEqual(1);
      }),
    );
  });

  it('changes nothing when an event is repeated; only a ticket can be lost twice', () => {
    fc.assert(
      fc.property(aState, anEvent, (state, event) => {
        const once = nextState(state, event);
        if (once === undefined) return;
        const twice = nextState(once, event);
        expect(twice).toBe(event === 'reissued' ? 'dispatched' : undefined);
      }),
    );
  });

  it('never goes back to waiting once a client asked to cancel', () => {
    fc.assert(
      fc.property(fc.array(anEvent, { maxLength: 20 }), (events) => {
        const history = historyOf('cancelling', events);
        expect(history.filter((state) => !['cancelling', 'cancelled', 'completed'].includes(state))).toEqual(
          [],
        );
      }),
    );
  });

  it('completes only by an accepted answer', () => {
    expect([
      ...new Set(
        arrows()
          .filter(({ to }) => to === 'completed')
          .map(({ event }) => event),
      ),
    ]).toEqual(['succeeded']);
  });

  it('admits only jobs that wait', () => {
    const admitted = arrows().filter(({ event }) => event === 'admitted');
    expect(admitted.map(({ from, to }) => [from, to])).toEqual([
      ['queued', 'dispatched'],
      ['retrying', 'dispatched'],
    ]);
  });

  it('can be cancelled, and can expire, in every state in which nothing of the kind has happened yet', () => {
    for (const state of ['queued', 'dispatched', 'processing', 'retrying'] as const) {
      expect(['cancelled', 'cancelling']).toContain(nextState(state, 'cancelRequested'));
      expect(nextState(state, 'deadlinePassed')).toBe('expired');
    }
  });
});

describe('the status that clients see', () => {
  it.each([
    ['queued', 0, 'queued'],
    ['dispatched', 1, 'queued'],
    ['dispatched', 2, 'retrying'],
    ['processing', 2, 'processing'],
    ['retrying', 1, 'retrying'],
    ['cancelling', 1, 'cancelling'],
    ['completed', 3, 'completed'],
  ] as const)('of a job in %s with %d attempts is %s', (state, attempt, status) => {
    expect(statusOf(state, attempt)).toBe(status);
  });
});

function historyOf(start: JobState, events: readonly (typeof EVENTS)[number][]): readonly JobState[] {
  const history: JobState[] = [start];
  for (const event of events) history.push(nextState(history.at(-1)!, event) ?? history.at(-1)!);
  return history;
}

function reachableFrom(start: JobState): ReadonlySet<JobState> {
  const reached = new Set<JobState>([start]);
  for (const state of reached) {
    for (const { from, to } of arrows()) if (from === state) reached.add(to);
  }
  return reached;
}
