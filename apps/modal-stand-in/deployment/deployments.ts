import type { StandInConfiguration } from '../configuration/configuration.js';
import type { EndpointSettings } from '../configuration/endpoint-settings.js';
import { webEndpointLimitProblem } from '../configuration/web-endpoint-limit.js';

/** One endpoint and what became of it. */
export interface Deployed {
  settings: EndpointSettings;
  /** Its app was stopped: it answers that, until it is deployed again. */
  isStopped: boolean;
  /** 1 for the first deploy; each further one adds 1. */
  version: number;
}

/** What a deploy may not change: the URL and what it is bound to. */
const FIXED = ['path', 'region', 'gpu', 'routing_region', 'web_endpoint'] as const;

/** Why a deploy fails; the field it is about, empty for none. */
export class DeployError extends Error {
  constructor(
    readonly code: 'WEB_ENDPOINT_LIMIT' | 'FIXED_SETTING' | 'PATH_TAKEN',
    readonly field: string,
    message: string,
  ) {
    super(message);
  }
}

/** What happens to the machines when an endpoint is deployed, stopped or removed. */
export interface DeploymentObserver {
  deployed(endpoint: EndpointSettings): void;
  stopped(endpoint: EndpointSettings): void;
  removed(endpoint: EndpointSettings): void;
}

/** Rules 1, 25 and 27: what is deployed in the workspace, what was stopped, and how many web endpoints that makes. */
export class Deployments {
  readonly #byId = new Map<string, Deployed>();
  readonly #byPath = new Map<string, Deployed>();
  readonly #listeners: (() => void)[] = [];
  #observer: DeploymentObserver | undefined;

  constructor(private readonly configuration: StandInConfiguration) {
    for (const settings of configuration.endpoints) this.#add(settings);
  }

  /** Told after every change; the endpoints of the configuration are not announced. */
  observe(observer: DeploymentObserver): void {
    this.#observer = observer;
  }

  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  /** Stopped ones included. */
  get all(): Iterable<Deployed> {
    return this.#byId.values();
  }

  /** Those that serve. */
  get endpoints(): EndpointSettings[] {
    return [...this.#byId.values()].filter(({ isStopped }) => !isStopped).map(({ settings }) => settings);
  }

  get(id: string): Deployed | undefined {
    return this.#byId.get(id);
  }

  atPath(path: string): Deployed | undefined {
    return this.#byPath.get(path);
  }

  /** What counts against the limit: endpoints of stopped apps do not. */
  get webEndpoints(): ReadonlySet<string> {
    return new Set(this.endpoints.map(({ web_endpoint: webEndpoint }) => webEndpoint));
  }

  /**
   * A new endpoint, or a new version of the one with that id.
   * @throws DeployError
   */
  deploy(settings: EndpointSettings): Deployed {
    const known = this.#byId.get(settings.id);
    if (known !== undefined) {
      const changed = FIXED.find((key) => known.settings[key] !== settings[key]);
      if (changed !== undefined) {
        throw new DeployError(
          'FIXED_SETTING',
          changed,
          'is fixed by the first deploy; DELETE the endpoint first',
        );
      }
    } else if (this.#byPath.has(settings.path)) {
      throw new DeployError('PATH_TAKEN', 'path', `"${settings.path}" belongs to another endpoint`);
    }
    const overLimit = webEndpointLimitProblem(
      this.webEndpoints,
      settings.web_endpoint,
      this.configuration.web_endpoints_limit,
    );
    if (overLimit !== undefined) throw new DeployError('WEB_ENDPOINT_LIMIT', '', overLimit);
    const deployed = known ?? this.#add(settings);
    if (known !== undefined) {
      known.settings = settings;
      known.isStopped = false;
      known.version += 1;
    }
    this.#observer?.deployed(settings);
    this.#changed();
    return deployed;
  }

  stop(deployed: Deployed): void {
    if (deployed.isStopped) return;
    deployed.isStopped = true;
    this.#observer?.stopped(deployed.settings);
    this.#changed();
  }

  /** Undeploys: the URL is unknown from here on. */
  remove({ settings }: Deployed): void {
    this.#byId.delete(settings.id);
    this.#byPath.delete(settings.path);
    this.#observer?.removed(settings);
    this.#changed();
  }

  #add(settings: EndpointSettings): Deployed {
    const deployed: Deployed = { settings, isStopped: false, version: 1 };
    this.#byId.set(settings.id, deployed);
    this.#byPath.set(settings.path, deployed);
    return deployed;
  }

  #changed(): void {
    for (const listener of this.#listeners) listener();
  }
}
