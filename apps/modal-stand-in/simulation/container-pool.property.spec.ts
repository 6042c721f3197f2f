import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { ContainerFault } from '../faults/call-plan.js';
import { aStandIn } from '../spec-support.js';
import type { StandIn } from '../stand-in.js';
import type { Call } from './call.js';

const FAULTS: readonly (ContainerFault | undefined)[] = [
  undefined,
  { kind: 'never_ends' },
  { kind: 'dies', afterwards: 'crashed', preempted: false },
  { kind: 'dies', afterwards: 'reschedule', preempted: true },
];

const endpoint = fc.record({
  max_containers: fc.integer({ min: 1, max: 4 }),
  max_inputs: fc.integer({ min: 1, max: 3 }),
  scaledown_window_s: fc.integer({ min: 0, max: 30 }),
  boot_s: fc.integer({ min: 0, max: 5 }),
  load_s: fc.integer({ min: 0, max: 40 }),
  startup_timeout_s: fc.constant(35),
  execution_s: fc.integer({ min: 0, max: 20 }),
  execution_timeout_s: fc.constant(60),
});

const step = fc.oneof(
  fc.record({
    kind: fc.constant('submit' as const),
    endpoint: fc.nat(2),
    fault: fc.constantFrom(...FAULTS),
  }),
  fc.record({ kind: fc.constant('cancel' as const), which: fc.nat(100) }),
  fc.record({ kind: fc.constant('redeploy' as const), endpoint: fc.nat(2) }),
  fc.record({
    kind: fc.constant('autoscale' as const),
    endpoint: fc.nat(2),
    settings: fc.record({
      max_containers: fc.integer({ min: 1, max: 4 }),
      buffer_containers: fc.integer({ min: 0, max: 2 }),
      scaledown_window_s: fc.integer({ min: 0, max: 30 }),
    }),
  }),
  fc.record({ kind: fc.constant('advance' as const), seconds: fc.double({ min: 0, max: 50, noNaN: true }) }),
);

describe('properties of the container pools', () => {
  it('never run more than containers x max_inputs, never exceed the GPUs, and end every input once', () => {
    fc.assert(
      fc.property(
        fc.array(endpoint, { minLength: 1, maxLength: 3 }),
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 0, max: 10 }),
        fc.array(step, { maxLength: 60 }),
        (endpoints, gpus, graceS, steps) => {
          // A load time beyond the start-up timeout never succeeds: such an endpoint ends nothing by itself.
          const canStart = endpoints.map((given) => ({ ...given, load_s: Math.min(given.load_s, 35) }));
          const { standIn, clock } = aStandIn({
            gpus,
            cancel_grace_s: graceS,
            endpoints: canStart.map((given, index) => ({
              id: `e${index}`,
              region: 'US',
              models: ['m'],
              ...given,
            })),
          });
          const calls: Call[] = [];
          const ends = new Map<Call, number>();
          for (const taken of steps) {
            switch (taken.kind) {
              case 'submit':
                calls.push(submit(standIn, taken.endpoint, taken.fault, ends));
                break;
              case 'cancel': {
                const call = calls[taken.which % Math.max(1, calls.length)];
                if (call !== undefined) standIn.simulation.cancel(call);
                break;
              }
              case 'redeploy': {
                const { endpoints: deployed } = standIn.configuration;
                standIn.simulation.deploy(deployed[taken.endpoint % deployed.length]!);
                break;
              }
              case 'autoscale': {
                const pools = [...standIn.simulation.pools];
                pools[taken.endpoint % pools.length]!.updateAutoscaler(taken.settings);
                break;
              }
              case 'advance':
                clock.advance(taken.seconds);
                break;
            }
            expectBounds(standIn, gpus);
          }
          clock.advance(100_000);
          expectBounds(standIn, gpus);
          for (const call of calls) expect(ends.get(call)).toBe(1);
          expect(standIn.account.totals.tally).toMatchObject({
            inFlight: 0,
            running: 0,
            finished: calls.length,
          });
          expect(standIn.account.totals.gpus.now).toBe(0);
        },
      ),
      { numRuns: 300 },
    );
  });
});

function submit(
  standIn: StandIn,
  index: number,
  fault: ContainerFault | undefined,
  ends: Map<Call, number>,
): Call {
  const { endpoints } = standIn.configuration;
  const request = { model: 'm', messages: [], temperature: 0, maxTokens: 16 };
  const plan = { faultIds: [], delayS: 0, ...(fault === undefined ? {} : { container: fault }) };
  const call = standIn.simulation.mint(endpoints[index % endpoints.length]!, undefined, request, plan);
  standIn.simulation.accept(call, (ended) => ends.set(ended, (ends.get(ended) ?? 0) + 1));
  return call;
}

function expectBounds({ simulation, account }: StandIn, gpus: number): void {
  expect(simulation.gpus.used).toBeLessThanOrEqual(gpus);
  expect(account.totals.gpus.peak).toBeLessThanOrEqual(gpus);
  expect(account.totals.gpus.now).toBe(simulation.gpus.used);
  for (const { containers, endpoint, autoscaler } of simulation.pools) {
    const all = [...containers];
    const current = all.filter(({ phase }) => phase !== 'draining');
    expect(current.length).toBeLessThanOrEqual(autoscaler.max_containers);
    for (const { inputs, phase } of all) {
      expect(inputs.size).toBeLessThanOrEqual(endpoint.max_inputs);
      if (phase === 'draining') expect(inputs.size).toBeGreaterThan(0);
      else if (phase !== 'ready') expect(inputs.size).toBe(0);
    }
  }
}
