import { describe, expect, it } from '@jest/globals';
import type { QueueStatusView, RunView } from '#contracts';
import { Notices } from './notices.js';
import { Progress } from './progress.js';

const aView = (us: number): RunView =>
  ({
    progress: {
      by_region: { US: { total: 2, accepted: us }, EU: { total: 1, accepted: 0 } },
      by_question: [{ question_id: 'q', total: 3, accepted: us }],
    },
  }) as unknown as RunView;
const accepted = (model: string, region: string, attempts = 1) => ({
  ...{ type: 'cell.accepted', at: '', question_id: 'q', model, region, attempts },
});

describe('progress', () => {
  it('counts each cell once, whether told of by an event, again, or by the run itself', () => {
    const progress = new Progress(aView(0));
    progress.apply(accepted('m', 'US'));
    progress.apply(accepted('m', 'US'));
    expect(progress.snapshot().overall).toMatchObject({ done: 1, total: 3 });
    progress.update(aView(2));
    progress.apply(accepted('n', 'US'));
    progress.update(aView(1));
    expect(progress.snapshot().regions).toEqual([
      { name: 'US', done: 2, total: 2 },
      { name: 'EU', done: 0, total: 1 },
    ]);
    expect(progress.snapshot().questions).toEqual([{ name: 'q', done: 2, total: 3 }]);
  });
});

describe('notices', () => {
  it('say once when an injected failure begins and when it is over', () => {
    const notices = new Notices(new Map([['fault-1', { target: 'EU', what: 'EU goes away', body: {} }]]));
    const fault = (state: 'waiting' | 'active' | 'expired') =>
      notices.ofFaults([{ id: 'fault-1', kind: 'unavailable', state, hits: 0 }]);
    expect(fault('waiting')).toEqual([]);
    expect(fault('active')).toEqual(['injected: EU goes away']);
    expect(fault('active')).toEqual([]);
    expect(fault('expired')).toEqual(['injection over: EU is well again']);
  });

  it('say once that an endpoint is down, and that it is up again', () => {
    const notices = new Notices(new Map());
    const queue = (state: string) =>
      notices.ofQueue({
        regions: { EU: { endpoints: [{ id: 'eu-m', state, last_error_code: 'UPSTREAM_ERROR' }] } },
      } as unknown as QueueStatusView);
    expect(queue('warm')).toEqual([]);
    expect(queue('down')[0]).toMatch(/^eu-m is down \(UPSTREAM_ERROR\)/);
    expect(queue('down')).toEqual([]);
    expect(queue('warm')).toEqual(['eu-m is up again']);
  });

  it('say which cells needed more than one attempt', () => {
    const notices = new Notices(new Map());
    expect(notices.ofEvent(accepted('m', 'EU'))).toEqual([]);
    expect(notices.ofEvent(accepted('m', 'EU', 3))).toEqual(['q / m / EU: accepted at attempt 3']);
  });
});
