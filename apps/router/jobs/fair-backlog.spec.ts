import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { FairBacklog } from './fair-backlog.js';

interface Entry {
  readonly tenant: string;
  readonly no: number;
}

describe('what waits for an insert', () => {
  it('a batch takes from every tenant in turn, and goes on where the last one ended', () => {
    const backlog = new FairBacklog<Entry>(1000);
    for (let no = 0; no < 100; no += 1) backlog.add({ tenant: 'flood', no });
    backlog.add({ tenant: 'b', no: 0 });
    backlog.add({ tenant: 'c', no: 0 });
    const tenants = (count: number) => backlog.take(count).map(({ tenant }) => tenant);
    expect(tenants(2)).toEqual(['flood', 'b']);
    expect(tenants(3)).toEqual(['c', 'flood', 'flood']);
    expect(backlog.size).toBe(97);
  });

  it('a tenant that fills it shuts nobody else out', () => {
    const backlog = new FairBacklog<Entry>(10);
    let no = 0;
    while (backlog.add({ tenant: 'flood', no })) no += 1;
    expect(no).toBe(10);
    expect(backlog.add({ tenant: 'b', no: 0 })).toBe(true);
    expect(backlog.add({ tenant: 'flood', no: 99 })).toBe(false);
  });

  it('everything comes out once, each tenant in the sequence in which it came, and no more than twice the bound waits', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.constantFrom('a', 'b', 'c', 'd'), fc.integer({ min: 1, max: 9 }))),
        (steps) => {
          const backlog = new FairBacklog<Entry>(8);
          const added: Entry[] = [];
          const taken: Entry[] = [];
          for (const [no, step] of steps.entries()) {
            if (typeof step === 'number') taken.push(...backlog.take(step));
            else if (backlog.add({ tenant: step, no })) added.push({ tenant: step, no });
            expect(backlog.size).toBe(added.length - taken.length);
            expect(backlog.size).toBeLessThanOrEqual(16);
          }
          taken.push(...backlog.take(1000));
          expect(taken).toHaveLength(added.length);
          for (const tenant of ['a', 'b', 'c', 'd'])
            expect(taken.filter((entry) => entry.tenant === tenant)).toEqual(
              added.filter((entry) => entry.tenant === tenant),
            );
        },
      ),
    );
  });

  it('a flood that never ends leaves nothing behind of what was taken', () => {
    const backlog = new FairBacklog<Entry>(10_000);
    let no = 0;
    let next = 0;
    for (let round = 0; round < 50; round += 1) {
      for (let count = 0; count < 100; count += 1) backlog.add({ tenant: 'a', no: no++ });
      for (const entry of backlog.take(round === 0 ? 50 : 100)) expect(entry.no).toBe(next++);
    }
    expect(backlog.size).toBe(50);
  });
});
