import type { EndpointSettings } from '../configuration/endpoint-settings.js';
import { SeededRandom } from '../clock/seeded-random.js';
import type { FaultSpecification } from './fault-schema.js';

export type FaultState = 'waiting' | 'active' | 'spent' | 'expired';

/** One fault and how much of it is used up. Times are simulated ms. */
export class Fault {
  #seen = 0;
  #hits = 0;
  #activeFromMs: number | undefined;
  readonly #random: SeededRandom;

  constructor(
    readonly id: string,
    readonly specification: FaultSpecification,
    seed: number,
    readonly addedMs: number,
  ) {
    const own = 'seed' in specification ? specification.seed : undefined;
    this.#random = new SeededRandom(own ?? seed, `fault/${id}`);
  }

  /** When the clock alone makes it active. */
  get startsMs(): number {
    return this.addedMs + this.specification.start_after_s * 1000;
  }

  get hits(): number {
    return this.#hits;
  }

  /** Whether it is narrowed to no endpoint and no region. */
  get aimsAtAll(): boolean {
    return this.specification.endpoint === undefined && this.specification.region === undefined;
  }

  aimsAt(endpoint: EndpointSettings): boolean {
    const { endpoint: id, region } = this.specification;
    if (id !== undefined && id !== endpoint.id) return false;
    if (region !== undefined && region !== endpoint.region) return false;
    const gpu = 'gpu' in this.specification ? this.specification.gpu : undefined;
    return gpu === undefined || gpu === endpoint.gpu;
  }

  state(nowMs: number): FaultState {
    const { count } = { count: undefined, ...this.specification };
    if (count !== undefined && this.#hits >= count) return 'spent';
    if (this.#seen < this.specification.after_calls || nowMs < this.startsMs) return 'waiting';
    this.#activeFromMs ??= this.specification.after_calls === 0 ? this.startsMs : nowMs;
    return nowMs < this.endsMs ? 'active' : 'expired';
  }

  /** When it ends; infinite while that is not known. */
  get endsMs(): number {
    const { for_s: forS } = this.specification;
    if (forS === undefined || this.#activeFromMs === undefined) return Infinity;
    return this.#activeFromMs + forS * 1000;
  }

  /** Counts a matching call. @returns whether the fault strikes it */
  strikes(nowMs: number): boolean {
    const active = this.state(nowMs) === 'active';
    this.#seen += 1;
    if (!active) return false;
    const { probability } = { probability: 1, ...this.specification };
    if (probability < 1 && this.#random.next() >= probability) return false;
    this.#hits += 1;
    return true;
  }

  /** Like `strikes`, but for containers, which `after_calls` does not count. */
  strikesContainer(nowMs: number): boolean {
    if (this.state(nowMs) !== 'active') return false;
    const { probability } = { probability: 1, ...this.specification };
    if (probability < 1 && this.#random.next() >= probability) return false;
    this.#hits += 1;
    return true;
  }

  toJson(nowMs: number): Record<string, unknown> {
    return {
      id: this.id,
      ...this.specification,
      state: this.state(nowMs),
      calls_seen: this.#seen,
      hits: this.#hits,
    };
  }
}
