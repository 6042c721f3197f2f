import type { EndpointSettings } from '../configuration/configuration.js';

/** A container's wish for a GPU. */
export interface GpuClaim {
  readonly endpoint: EndpointSettings;
  /** Called once, when the GPU is granted. */
  readonly granted: () => void;
}

/**
 * Rule 9: the workspace's GPUs and containers. Claims beyond the cap wait in order; nothing is refused. A
 * claim that cannot be placed (rule 10) does not hold back the ones behind it.
 */
export class GpuQuota {
  readonly #waiting = new Set<GpuClaim>();
  readonly #holding = new Set<GpuClaim>();
  #placing = false;
  #askedAgain = false;

  /**
   * @param cap GPUs, and containers, that may exist at once
   * @param isPlaceable false while there is no capacity for the endpoint's region and GPU
   */
  constructor(
    readonly cap: number,
    private readonly isPlaceable: (endpoint: EndpointSettings) => boolean,
  ) {}

  get used(): number {
    return this.#holding.size;
  }

  claim(claim: GpuClaim): void {
    this.#waiting.add(claim);
    this.place();
  }

  /** Gives a GPU back, or withdraws a claim that still waits. */
  release(claim: GpuClaim): void {
    this.#waiting.delete(claim);
    if (this.#holding.delete(claim)) this.place();
  }

  /** Grants what can be granted now. */
  place(): void {
    // Granting may release or claim; the loop below then starts over instead of recursing.
    this.#askedAgain = true;
    if (this.#placing) return;
    this.#placing = true;
    while (this.#askedAgain) {
      this.#askedAgain = false;
      for (const claim of this.#waiting) {
        if (this.#holding.size >= this.cap) break;
        if (!this.isPlaceable(claim.endpoint)) continue;
        this.#waiting.delete(claim);
        this.#holding.add(claim);
        claim.granted();
      }
    }
    this.#placing = false;
  }
}
