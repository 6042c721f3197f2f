import type { Clock, Timer } from '../clock/clock.js';
import { SeededRandom } from '../clock/seeded-random.js';
import type { StandInConfiguration } from '../configuration/configuration.js';
import type { EndpointSettings } from '../configuration/endpoint-settings.js';
import type { Call } from './call.js';
import { Container } from './container.js';
import type { GpuClaim, GpuQuota } from './gpu-quota.js';
import { mintId } from './identifiers.js';
import type { EventSink } from './simulation-event.js';

export interface StartObserver {
  ready(container: Container<Call>): void;
  /** It did not become ready in time; the observer ends it. */
  failed(container: Container<Call>): void;
  /** The pause after a failed start is over. */
  mayTryAgain(): void;
}

export interface StartSurroundings {
  readonly clock: Clock;
  readonly configuration: StandInConfiguration;
  readonly gpus: GpuQuota;
  readonly emit: EventSink;
  readonly extraLoadS: (endpoint: EndpointSettings) => number;
}

/** Rules 8 and 11: scheduling, booting, initialising, ready; and the way out. */
export class ContainerStart {
  readonly #random: SeededRandom;
  readonly #claims = new Map<Container<Call>, GpuClaim>();
  #failures = 0;
  #pause: Timer | undefined;

  constructor(
    endpointId: string,
    private readonly surroundings: StartSurroundings,
    private readonly observer: StartObserver,
  ) {
    this.#random = new SeededRandom(surroundings.configuration.seed, `${endpointId}/start`);
  }

  isAllowed(): boolean {
    return this.#pause === undefined;
  }

  /** Rule 25: what failed before the deploy may work after it. */
  forgive(): void {
    this.#failures = 0;
    this.#pause?.cancel();
    this.#pause = undefined;
  }

  /** The container waits for a GPU from here; it may have one on return. */
  begin(endpoint: EndpointSettings): Container<Call> {
    const { clock, gpus } = this.surroundings;
    const container = new Container<Call>(mintId('ta'), endpoint, clock.now());
    const claim: GpuClaim = { endpoint, granted: () => this.#boot(container) };
    this.#claims.set(container, claim);
    gpus.claim(claim);
    return container;
  }

  /** Ends a container in any phase and gives its GPU back. */
  end(container: Container<Call>): void {
    const { gpus, emit } = this.surroundings;
    const heldGpu = container.phase !== 'scheduling';
    container.timer?.cancel();
    container.timer = undefined;
    container.phase = 'gone';
    emit({ kind: 'container_gone', container, heldGpu });
    const claim = this.#claims.get(container);
    this.#claims.delete(container);
    if (claim !== undefined) gpus.release(claim);
  }

  #boot(container: Container<Call>): void {
    const { clock, emit } = this.surroundings;
    container.phase = 'booting';
    emit({ kind: 'container_booting', container });
    const bootS = this.#random.between(container.endpoint.boot_s);
    container.timer = clock.schedule(bootS * 1000, () => this.#initialise(container));
  }

  #initialise(container: Container<Call>): void {
    const { clock, extraLoadS } = this.surroundings;
    const { endpoint } = container;
    container.phase = 'initialising';
    const loadS = this.#random.between(endpoint.load_s) + extraLoadS(endpoint);
    const isTooSlow = loadS > endpoint.startup_timeout_s;
    container.timer = clock.schedule(Math.min(loadS, endpoint.startup_timeout_s) * 1000, () => {
      container.timer = undefined;
      if (isTooSlow) this.#fail(container);
      else this.#succeed(container);
    });
  }

  #succeed(container: Container<Call>): void {
    this.#failures = 0;
    container.phase = 'ready';
    this.surroundings.emit({ kind: 'container_ready', container });
    this.observer.ready(container);
  }

  #fail(container: Container<Call>): void {
    const { clock, configuration } = this.surroundings;
    const { start_backoff_s: firstS, start_backoff_max_s: longestS } = configuration;
    const backoffS = Math.min(longestS, firstS * 2 ** this.#failures);
    this.#failures += 1;
    this.#pause = clock.schedule(backoffS * 1000, () => {
      this.#pause = undefined;
      this.observer.mayTryAgain();
    });
    this.observer.failed(container);
  }
}
