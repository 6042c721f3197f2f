import type { StandInConfiguration } from '../configuration/configuration.js';
import type { Deployed, Deployments } from '../deployment/deployments.js';
import type { FaultBoard, Outage } from '../faults/fault-board.js';
import { isTurnedAway } from './admission.js';
import type { Exchange } from './exchange.js';
import type { ModalReplyName } from './modal-replies.js';

/** The endpoints one CPU gateway speaks for: a region's, or a single one. */
export type Gateway = readonly [Deployed, ...Deployed[]];

/**
 * What answers beside the functions, without waking a GPU: `/<region>`, `/<endpoint id>` and `<endpoint path>`, each
 * with `/health` and `/jobs` below it.
 */
export class Gateways {
  #byBase = new Map<string, Gateway>();

  constructor(
    private readonly deployments: Deployments,
    private readonly faults: FaultBoard,
    private readonly required: StandInConfiguration['proxy_auth'],
  ) {
    this.#rebuild();
    deployments.onChange(() => this.#rebuild());
  }

  /** @returns `undefined` where the path is no gateway's */
  at(base: string): Gateway | undefined {
    return this.#byBase.get(base);
  }

  /** For every request that is no new call. @returns whether nothing else may answer */
  isTurnedAway(exchange: Exchange, gateway: Gateway): boolean {
    const { required } = this;
    return isTurnedAway(exchange, {
      outage: this.#outage(gateway),
      appState: this.appReply(gateway),
      required,
    });
  }

  /** A region is away only when all of it is. */
  #outage(gateway: Gateway): Outage | undefined {
    return unanimous(gateway.map(({ settings }) => this.faults.outage(settings)));
  }

  /** Rule 1. @returns the text that stands for all of it */
  appReply(gateway: Gateway): ModalReplyName | undefined {
    return unanimous(gateway.map((deployed) => this.#appReplyOf(deployed)));
  }

  /** Rules 1 and 2: what a whole endpoint answers, the workspace before its app. */
  #appReplyOf({ settings, isStopped }: Deployed): ModalReplyName | undefined {
    const reply = this.faults.appReply(settings);
    return isStopped && reply !== 'workspace_disabled' ? 'stopped' : reply;
  }

  healthBody(gateway: Gateway): unknown {
    const serving = gateway.filter(({ isStopped }) => !isStopped);
    const { attested_region: region, cloud_region: cloudRegion } = gateway[0].settings;
    return {
      status: 'healthy',
      models_available: [...new Set(serving.flatMap(({ settings }) => settings.models))].sort(),
      region,
      cloud_region: cloudRegion,
    };
  }

  #rebuild(): void {
    const byBase = new Map<string, Gateway>();
    const all = [...this.deployments.all];
    for (const deployed of all) {
      const base = `/${deployed.settings.region}`;
      byBase.set(base, [deployed, ...(byBase.get(base) ?? [])]);
    }
    for (const deployed of all) {
      byBase.set(`/${deployed.settings.id}`, [deployed]);
      byBase.set(deployed.settings.path, [deployed]);
    }
    this.#byBase = byBase;
  }
}

/** @returns the first, if all have one */
function unanimous<T>(values: readonly (T | undefined)[]): T | undefined {
  return values.every((value) => value !== undefined) ? values[0] : undefined;
}
