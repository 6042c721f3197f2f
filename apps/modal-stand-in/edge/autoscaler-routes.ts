import { z } from 'zod';
import type { Clock } from '../clock/clock.js';
import type { StandInConfiguration } from '../configuration/configuration.js';
import type { Deployed } from '../deployment/deployments.js';
import { ContainerReleases } from '../simulation/container-releases.js';
import type { Simulation } from '../simulation/simulation.js';
import { methodNotAllowed, type Exchange } from './exchange.js';
import type { Gateways } from './gateways.js';
import type { RoutingHop } from './routing-hop.js';

/** What Modal takes as `scaledown_window`, in simulated seconds. */
const WINDOW_S_MIN = 2;
const WINDOW_S_MAX = 1200;
/** A window divided by the time scale and multiplied again is off by this much at most. */
const ROUNDING_S = 1e-6;
const RELEASE_TIMEOUT_S = 20;
const RELEASE_TIMEOUT_S_MAX = 60;

export interface AutoscalerRoutesParts {
  readonly configuration: StandInConfiguration;
  readonly clock: Clock;
  readonly simulation: Simulation;
  readonly gateways: Gateways;
  readonly hop: RoutingHop;
}

/**
 * Rule 24 as a deployment offers it: `PUT <path>/autoscaler` and `POST <path>/autoscaler/release`. Callers live in real
 * time, so their seconds are multiplied by the time scale, as those in `/_stand-in/beacon.yaml` were divided by it.
 */
export class AutoscalerRoutes {
  readonly #releases: ContainerReleases;

  constructor(private readonly parts: AutoscalerRoutesParts) {
    this.#releases = new ContainerReleases(parts.clock);
  }

  handle(exchange: Exchange, deployed: Deployed, isRelease: boolean): void {
    if (this.parts.gateways.isTurnedAway(exchange, [deployed])) return;
    if (exchange.method !== (isRelease ? 'POST' : 'PUT'))
      return this.parts.hop.reply(exchange, deployed.settings, methodNotAllowed());
    if (isRelease) this.#release(exchange, deployed);
    else this.#setWindow(exchange, deployed);
  }

  #setWindow(exchange: Exchange, deployed: Deployed): void {
    const { time_scale: timeScale } = this.parts.configuration;
    const schema = z.object({
      scaledown_window_s: z
        .number()
        .min((WINDOW_S_MIN - ROUNDING_S) / timeScale)
        .max((WINDOW_S_MAX + ROUNDING_S) / timeScale),
    });
    const parsed = schema.safeParse(jsonOf(exchange.body));
    if (!parsed.success) return this.#invalid(exchange, deployed, parsed.error);
    const { scaledown_window_s: windowS } = parsed.data;
    const pool = this.parts.simulation.pool(deployed.settings.id);
    pool?.updateAutoscaler({ scaledown_window_s: windowS * timeScale });
    this.#json(exchange, deployed, 200, {
      status: 'ok',
      scaledown_window_s: windowS,
      containers: pool?.size ?? 0,
    });
  }

  #release(exchange: Exchange, deployed: Deployed): void {
    const { time_scale: timeScale } = this.parts.configuration;
    const schema = z.object({
      timeout_s: z.number().positive().max(RELEASE_TIMEOUT_S_MAX).default(RELEASE_TIMEOUT_S),
    });
    // No body asks for what is usual.
    const parsed = schema.safeParse(exchange.body === '' ? {} : jsonOf(exchange.body));
    if (!parsed.success) return this.#invalid(exchange, deployed, parsed.error);
    const pool = this.parts.simulation.pool(deployed.settings.id);
    const answer = (isReleased: boolean): void =>
      this.#json(exchange, deployed, 200, {
        status: isReleased ? 'released' : 'busy',
        containers: pool?.size ?? 0,
      });
    if (pool === undefined) answer(true);
    else this.#releases.release(pool, parsed.data.timeout_s * timeScale, answer);
  }

  #invalid(exchange: Exchange, deployed: Deployed, { issues }: z.ZodError): void {
    const detail = issues.map(({ path, message }) => ({
      loc: ['body', ...path.map(String)],
      msg: message,
      type: 'value_error',
    }));
    this.#json(exchange, deployed, 422, { detail });
  }

  #json(exchange: Exchange, { settings }: Deployed, status: number, body: unknown): void {
    this.parts.hop.reply(exchange, settings, { kind: 'json', status, body });
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
