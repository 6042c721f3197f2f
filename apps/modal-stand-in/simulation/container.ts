import type { Timer } from '../clock/clock.js';
import type { EndpointSettings } from '../configuration/endpoint-settings.js';

/**
 * `scheduling` waits for a GPU and holds none; every other state but `gone` holds one. `draining` finishes its inputs
 * after a redeploy and takes no others.
 */
export type ContainerState =
  'scheduling' | 'booting' | 'initialising' | 'idle' | 'busy' | 'draining' | 'gone';

/** @typeParam Input what it works on; a parameter, because calls know their container as well */
export class Container<Input = unknown> {
  /** `ready` is shown as `idle` or `busy`. */
  phase: 'scheduling' | 'booting' | 'initialising' | 'ready' | 'draining' | 'gone' = 'scheduling';
  readonly inputs = new Set<Input>();
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
