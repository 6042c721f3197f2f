import type { Timer } from '../clock/clock.js';
import type { EndpointSettings } from '../configuration/configuration.js';
import type { Call } from './call.js';

/** `scheduling` waits for a GPU and holds none; every other state but `gone` holds one. */
export type ContainerState =
  'scheduling' | 'booting' | 'initialising' | 'idle' | 'busy' | 'draining' | 'gone';

export class Container {
  /** `ready` is shown as `idle` or `busy`. */
  phase: 'scheduling' | 'booting' | 'initialising' | 'ready' | 'draining' | 'gone' = 'scheduling';
  readonly inputs = new Set<Call>();
  inputsStarted = 0;
  /** Simulated ms since it has nothing to do. */
  idleSinceMs = 0;
  /** The next step of its start, and later its scale-down. */
  timer: Timer | undefined;

  /** @param createdMs simulated ms */
  constructor(
    readonly id: string,
    readonly endpoint: EndpointSettings,
    readonly createdMs: number,
  ) {}

  get state(): ContainerState {
    if (this.phase !== 'ready') return this.phase;
    return this.inputs.size > 0 ? 'busy' : 'idle';
  }

  get isStarting(): boolean {
    return this.phase === 'scheduling' || this.phase === 'booting' || this.phase === 'initialising';
  }
}
