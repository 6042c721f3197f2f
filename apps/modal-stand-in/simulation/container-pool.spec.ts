import { describe, expect, it } from '@jest/globals';
import type { ContainerFault } from '../faults/call-plan.js';
import { COLD_START_S, EXECUTION_S, SCALEDOWN_S, aStandIn, anEndpoint } from '../spec-support.js';
import type { StandIn } from '../stand-in.js';
import type { Call } from './call.js';

describe('containers of an endpoint', () => {
  it('rule 7: inputs are taken first come, first served', () => {
    const { standIn, clock } = aStandIn();
    const ended: string[] = [];
    for (const name of ['first', 'second', 'third']) submit(standIn, { onEnd: () => ended.push(name) });

    clock.advance(COLD_START_S + 2 * EXECUTION_S);
    expect(ended).toEqual(['first', 'second']);
    clock.advance(EXECUTION_S);
    expect(ended).toEqual(['first', 'second', 'third']);
  });

  it('rule 8: a container boots, initialises, works, idles, and takes an input only once it is ready', () => {
    const { standIn, clock } = aStandIn();
    const call = submit(standIn);
    const seen = [states(standIn)];
    for (const stepS of [1, 9, EXECUTION_S]) {
      clock.advance(stepS);
      seen.push(states(standIn));
    }

    expect(seen).toEqual([['booting'], ['initialising'], ['busy'], ['idle']]);
    expect(call.end).toMatchObject({ kind: 'answered', inferenceS: EXECUTION_S, coldStart: true });
  });

  it('rule 8: only the first input of a container is a cold start', () => {
    const { standIn, clock } = aStandIn();
    const [pilot, next] = [submit(standIn), submit(standIn)];
    clock.advance(COLD_START_S + 2 * EXECUTION_S);

    expect(pilot.end).toMatchObject({ coldStart: true });
    expect(next.end).toMatchObject({ coldStart: false });
  });

  it('rule 8: a container takes up to max_inputs inputs at a time', () => {
    const { standIn, clock } = aStandIn({ endpoints: [anEndpoint({ max_inputs: 2 })] });
    const calls = [submit(standIn), submit(standIn), submit(standIn)];
    clock.advance(COLD_START_S);

    expect(calls.map(({ state }) => state)).toEqual(['running', 'running', 'queued']);
  });

  it('rule 9: more inputs start more containers, up to max_containers', () => {
    const { standIn, clock } = aStandIn({ endpoints: [anEndpoint({ max_containers: 2 })] });
    const calls = [submit(standIn), submit(standIn), submit(standIn)];
    clock.advance(COLD_START_S);

    expect(states(standIn)).toEqual(['busy', 'busy']);
    expect(calls.map(({ state }) => state)).toEqual(['running', 'running', 'queued']);
  });

  it('rule 9: without a free GPU a container waits, and gets the one that is given back first', () => {
    const { standIn, clock } = aStandIn({
      gpus: 1,
      endpoints: [anEndpoint(), anEndpoint({ id: 'eu-m', region: 'EU' })],
    });
    submit(standIn);
    const waiting = submit(standIn, { endpoint: 1 });
    clock.advance(COLD_START_S + EXECUTION_S);
    expect(states(standIn)).toEqual(['idle', 'scheduling']);
    expect(waiting.state).toBe('queued');

    clock.advance(SCALEDOWN_S);
    expect(states(standIn)).toEqual(['booting']);
    clock.advance(COLD_START_S + EXECUTION_S);
    expect(waiting.end).toMatchObject({ kind: 'answered' });
    expect(standIn.account.totals.gpus.peak).toBe(1);
  });

  it('rule 9: containers without a GPU need no GPU, and GPU containers get no more than there are', () => {
    const { standIn, clock } = aStandIn({
      gpus: 1,
      containers: 3,
      endpoints: [
        anEndpoint({ max_containers: 3 }),
        anEndpoint({ id: 'cpu', gpu: 'none', max_containers: 3 }),
      ],
    });
    for (let input = 0; input < 3; input += 1) submit(standIn);
    for (let input = 0; input < 3; input += 1) submit(standIn, { endpoint: 1 });
    clock.advance(COLD_START_S);

    expect(states(standIn)).toEqual(['busy', 'scheduling', 'scheduling', 'busy', 'busy', 'scheduling']);
    expect(standIn.simulation.gpus).toMatchObject({ used: 1, containersUsed: 3 });
    expect(standIn.account.totals.gpus.peak).toBe(1);
  });

  it('rule 9: the cap on containers holds also where GPUs are left', () => {
    const { standIn, clock } = aStandIn({
      gpus: 10,
      containers: 2,
      endpoints: [anEndpoint({ max_containers: 3 })],
    });
    for (let input = 0; input < 3; input += 1) submit(standIn);
    clock.advance(COLD_START_S);
    expect(states(standIn)).toEqual(['busy', 'busy', 'scheduling']);
  });

  it('rule 10: in a capacity drought containers stay in scheduling and others are not held back', () => {
    const { standIn, clock } = aStandIn({
      endpoints: [anEndpoint(), anEndpoint({ id: 'eu-m', region: 'EU' })],
    });
    standIn.faults.add({
      kind: 'capacity_drought',
      region: 'US',
      start_after_s: 0,
      after_calls: 0,
      for_s: 100,
    });
    submit(standIn);
    submit(standIn, { endpoint: 1 });
    clock.advance(99);
    expect(states(standIn)[0]).toBe('scheduling');
    expect(standIn.account.endpoints.get('eu-m')?.tally.finished).toBe(1);

    clock.advance(1);
    expect(states(standIn)[0]).toBe('booting');
  });

  it('rule 11: a start beyond startup_timeout is killed and tried again with backoff, the input stays queued', () => {
    const { standIn, clock } = aStandIn({ endpoints: [anEndpoint({ startup_timeout_s: 20 })] });
    slowStart(standIn, { delay_s: 100, count: 2 });
    const call = submit(standIn);
    const firstTryS = 1 + 20;

    clock.advance(firstTryS);
    expect(states(standIn)).toEqual([]);
    clock.advance(1);
    expect(states(standIn)).toEqual(['booting']);
    clock.advance(firstTryS + 2 + COLD_START_S);
    expect(call.state).toBe('running');
    expect(standIn.account.totals.tally.coldStarts).toBe(3);
  });

  it('rule 16: the timeout runs from the start of execution, not from queueing', () => {
    const { standIn, clock } = aStandIn({
      endpoints: [anEndpoint({ execution_s: 50, execution_timeout_s: 20 })],
    });
    const call = submit(standIn);
    clock.advance(COLD_START_S + 19);
    expect(call.state).toBe('running');

    clock.advance(1);
    expect(call.end).toEqual({ kind: 'failed', reply: 'timed_out' });
  });

  it('rule 19: a container that boots only for an input which was cancelled is killed', () => {
    const { standIn, clock } = aStandIn();
    const call = submit(standIn);
    clock.advance(5);
    standIn.simulation.cancel(call);
    expect(states(standIn)).toEqual([]);
  });

  it('rule 19: a booting container that another input waits for survives', () => {
    const { standIn, clock } = aStandIn();
    const call = submit(standIn);
    const other = submit(standIn);
    clock.advance(5);
    standIn.simulation.cancel(call);
    clock.advance(5);
    expect(other.state).toBe('running');
  });

  it('rule 19: with kill_booting off the container boots on, and idles', () => {
    const { standIn, clock } = aStandIn({ kill_booting: false });
    const call = submit(standIn);
    clock.advance(5);
    standIn.simulation.cancel(call);
    clock.advance(5);
    expect(call.end).toEqual({ kind: 'cancelled' });
    expect(states(standIn)).toEqual(['idle']);
  });

  it('rule 21: when a container crashes all its inputs fail with it', () => {
    const { standIn, clock } = aStandIn({ endpoints: [anEndpoint({ max_inputs: 2 })] });
    const [struck, beside] = [submit(standIn, { fault: crash('crashed') }), submit(standIn)];
    clock.advance(COLD_START_S + EXECUTION_S);

    expect([struck.end, beside.end]).toEqual([
      { kind: 'failed', reply: 'crashed' },
      { kind: 'failed', reply: 'crashed' },
    ]);
  });

  it('rule 22: a preempted container has its grace first; in the other mode the input is lost', () => {
    const { standIn, clock } = aStandIn({
      preemption_grace_s: 30,
      endpoints: [anEndpoint({ execution_s: 100 })],
    });
    const struck = submit(standIn, { fault: { kind: 'dies', afterwards: 'lost_input', preempted: true } });
    clock.advance(COLD_START_S + 50 + 29);
    expect(struck.state).toBe('running');
    clock.advance(1);
    expect(struck.end).toEqual({ kind: 'failed', reply: 'lost_input' });
  });

  it('rule 22: a preempted input runs again, in the order it had', () => {
    const { standIn, clock } = aStandIn({ endpoints: [anEndpoint({ execution_s: 100 })] });
    const ended: string[] = [];
    const struck = submit(standIn, {
      fault: { kind: 'dies', afterwards: 'reschedule', preempted: true },
      onEnd: () => ended.push('struck'),
    });
    submit(standIn, { onEnd: () => ended.push('later') });
    clock.advance(COLD_START_S + 80 + COLD_START_S + 100);

    expect(struck.end).toMatchObject({ kind: 'answered', inferenceS: 100 });
    expect(ended).toEqual(['struck']);
    expect(standIn.account.totals.tally.reruns).toBe(1);
  });

  it('rule 24: an idle container is gone after its window, counted from its last input', () => {
    const { standIn, clock } = aStandIn();
    submit(standIn);
    clock.advance(COLD_START_S + EXECUTION_S + SCALEDOWN_S / 2);
    submit(standIn);
    clock.advance(EXECUTION_S + SCALEDOWN_S - 0.1);
    expect(states(standIn)).toEqual(['idle']);

    clock.advance(0.1);
    expect(states(standIn)).toEqual([]);
  });

  it('rule 24: min_containers are started without a call and never scaled down', () => {
    const { standIn, clock } = aStandIn({ endpoints: [anEndpoint({ min_containers: 1 })] });
    clock.advance(10 * SCALEDOWN_S);
    expect(states(standIn)).toEqual(['idle']);
  });
});

interface SubmitOptions {
  readonly endpoint?: number;
  readonly fault?: ContainerFault;
  readonly onEnd?: () => void;
}

function submit(standIn: StandIn, { endpoint = 0, fault, onEnd }: SubmitOptions = {}): Call {
  const request = { model: 'm', messages: [], temperature: 0, maxTokens: 16 };
  const plan = { faultIds: [], delayS: 0, ...(fault === undefined ? {} : { container: fault }) };
  const settings = standIn.configuration.endpoints[endpoint]!;
  const call = standIn.simulation.mint(settings, undefined, request, plan);
  standIn.simulation.accept(call, () => onEnd?.());
  return call;
}

function states(standIn: StandIn): string[] {
  return [...standIn.simulation.pools].flatMap(({ containers }) => [...containers].map(({ state }) => state));
}

function slowStart(standIn: StandIn, { delay_s, count }: { delay_s: number; count: number }): void {
  standIn.faults.add({
    kind: 'slow_start',
    delay_s,
    count,
    probability: 1,
    start_after_s: 0,
    after_calls: 0,
  });
}

function crash(afterwards: 'crashed'): ContainerFault {
  return { kind: 'dies', afterwards, preempted: false };
}
