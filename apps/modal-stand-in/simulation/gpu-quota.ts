import type { EndpointSettings } from '../configuration/endpoint-settings.js';

/** A container's wish for a GPU. */
export interface GpuClaim {
  readonly endpoint: EndpointSettings;
  /** Called once, when the GPU is granted. */
  readonly granted: () => void;
}

/** The name of the GPU of containers that have none. */
export const NO_GPU = 'none';

/**
 * Rule 9: the workspace's GPUs and containers, each with its own cap. Claims beyond the cap wait in order; nothing is refused. A
 * claim that cannot be placed (rule 10) does not hold back the ones behind it.
 */
export class GpuQuota {
  readonly #waiting = new Set<GpuClaim>();
  readonly #holding = new Set<GpuClaim>();
  #gpusHeld = 0;
  #placing = false;
  #askedAgain = false;

  /**
   * @param cap GPUs that may be held at once
   * @param containers containers that may hold a place at once, with a GPU or without
   * @param isPlaceable false while there is no capacity for the endpoint's region and GPU
   */
  constructor(
    readonly cap: number,
    readonly containers: number,
    private readonly isPlaceable: (endpoint: EndpointSettings) => boolean,
  ) {}

  /** GPUs held. */
  get used(): number {
    return this.#gpusHeld;
  }

  get containersUsed(): number {
    return this.#holding.size;
  }

  claim(claim: GpuClaim): void {
    this.#waiting.add(claim);
    this.place();
  }

  /** Gives a GPU back, or withdraws a claim that still waits. */
  release(claim: GpuClaim): void {
    this.#waiting.delete(claim);
    if (!this.#holding.delete(claim)) return;
    if (needsGpu(claim)) this.#gpusHeld -= 1;
    this.place();
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
        if (this.#holding.size >= this.containers) break;
        if (needsGpu(claim) && this.#gpusHeld >= this.cap) continue;
        if (!this.isPlaceable(claim.endpoint)) continue;
        this.#waiting.delete(claim);
        this.#holding.add(claim);
        if (needsGpu(claim)) this.#gpusHeld += 1;
        claim.granted();
      }
    }
    this.#placing = false;
  }
}

function needsGpu({ endpoint }: GpuClaim): boolean {
  return endpoint.gpu !== NO_GPU;
}
