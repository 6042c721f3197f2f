import type { EndpointSettings } from '../configuration/endpoint-settings.js';

/** What can be changed while a function is deployed. */
export interface AutoscalerSettings {
  readonly min_containers: number;
  readonly max_containers: number;
  readonly buffer_containers: number;
  readonly scaledown_window_s: number;
}

export type AutoscalerOverrides = { readonly [Key in keyof AutoscalerSettings]?: number | undefined };

/** Rule 24: the endpoint's own settings, and what `update_autoscaler` put over them until the next deploy. */
export class Autoscaler {
  #deployed: AutoscalerSettings;
  #settings: AutoscalerSettings;
  #isOverridden = false;
  /** While idle containers are being given up; lies over all of it. */
  #shortenedS: number | undefined;

  constructor(endpoint: EndpointSettings) {
    this.#deployed = pick(endpoint);
    this.#settings = this.#deployed;
  }

  /** In force. */
  get settings(): AutoscalerSettings {
    const windowS = this.#shortenedS;
    if (windowS === undefined || windowS >= this.#settings.scaledown_window_s) return this.#settings;
    return { ...this.#settings, scaledown_window_s: windowS };
  }

  /** @param windowS in force where it is the shorter one, whatever is set meanwhile; `undefined`: no longer */
  shorten(windowS: number | undefined): void {
    this.#shortenedS = windowS;
  }

  get isOverridden(): boolean {
    return this.#isOverridden;
  }

  /** @returns what is wrong with the result, in which case nothing changes */
  update(overrides: AutoscalerOverrides): string | undefined {
    const given = Object.entries(overrides).filter(([, value]) => value !== undefined);
    const settings = { ...this.#settings, ...(Object.fromEntries(given) as Partial<AutoscalerSettings>) };
    if (settings.min_containers > settings.max_containers) {
      return `min_containers (${settings.min_containers}) must not be above max_containers (${settings.max_containers})`;
    }
    this.#settings = settings;
    this.#isOverridden = true;
    return undefined;
  }

  /** Rule 25: a deploy brings its own settings. */
  deployed(endpoint: EndpointSettings): void {
    this.#deployed = pick(endpoint);
    this.#settings = this.#deployed;
    this.#isOverridden = false;
  }
}

function pick(endpoint: EndpointSettings): AutoscalerSettings {
  const { min_containers, max_containers, buffer_containers, scaledown_window_s } = endpoint;
  return { min_containers, max_containers, buffer_containers, scaledown_window_s };
}
