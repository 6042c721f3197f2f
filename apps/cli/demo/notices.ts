import type { QueueStatusView } from '#contracts';
import type { PlannedFault } from './fault-plan.js';
import type { RunEvent } from './run-events.js';
import type { FaultView } from './stand-in-api.js';

/** What is the case now, for the line that is always there. */
export interface CurrentState {
  readonly warming: number;
  readonly down: readonly string[];
  readonly waitingRetries: number;
  readonly gpusInUse: number;
  readonly gpuLimit: number;
}

/** Turns what is seen again and again into what is worth saying once. */
export class Notices {
  private readonly faultStates = new Map<string, FaultView['state']>();
  private readonly down = new Set<string>();

  /** @param planned what was injected, by the id the stand-in gave it */
  constructor(private readonly planned: ReadonlyMap<string, PlannedFault>) {}

  ofFaults(faults: readonly FaultView[]): string[] {
    return faults.flatMap(({ id, state }) => {
      const fault = this.planned.get(id);
      const before = this.faultStates.get(id) ?? 'waiting';
      this.faultStates.set(id, state);
      if (fault === undefined || state === before) return [];
      if (state === 'active') return [`injected: ${fault.what}`];
      return [`injection over: ${fault.target} is well again`];
    });
  }

  ofQueue({ regions }: QueueStatusView): string[] {
    const said: string[] = [];
    for (const { endpoints } of Object.values(regions)) {
      for (const { id, state, last_error_code: code } of endpoints) {
        const isDown = state === 'down';
        if (isDown === this.down.has(id)) continue;
        if (isDown) {
          this.down.add(id);
          said.push(
            `${id} is down${code === null ? '' : ` (${code})`}: no calls until a probe says otherwise`,
          );
        } else {
          this.down.delete(id);
          said.push(`${id} is up again`);
        }
      }
    }
    return said;
  }

  /** Word of retries, once they have led to something. */
  ofEvent(event: RunEvent): string[] {
    const { type, question_id, model, region, attempts = 0, error_code: code } = event;
    const cell = `${question_id ?? ''} / ${model ?? ''} / ${region ?? ''}`;
    switch (type) {
      case 'cell.accepted':
        return attempts > 1 ? [`${cell}: accepted at attempt ${attempts}`] : [];
      case 'cell.retried':
        return [`${cell}: gets a new job after ${code ?? 'a failure'}`];
      case 'cell.failed':
        return [`${cell}: FAILED with ${code ?? 'an unknown error'}`];
      default:
        return [];
    }
  }
}

export function currentState(queue: QueueStatusView): CurrentState {
  const regions = Object.values(queue.regions);
  const endpoints = regions.flatMap((region) => region.endpoints);
  return {
    warming: endpoints.filter(({ state }) => state === 'warming').length,
    down: endpoints.filter(({ state }) => state === 'down').map(({ id }) => id),
    waitingRetries: regions.reduce(
      (sum, { retry_queue_size: size }) => sum + size,
      queue.global_retry_queue_size,
    ),
    gpusInUse: queue.gpus_in_use,
    gpuLimit: queue.gpu_limit,
  };
}
