import type { EndpointSettings, StandInConfiguration } from '../configuration/configuration.js';
import type { FaultBoard, Outage } from '../faults/fault-board.js';
import type { ModalReplyName } from './modal-replies.js';

/** The endpoints one health URL speaks for: a region's, or a single one. */
export type HealthSubject = readonly [EndpointSettings, ...EndpointSettings[]];

/** `GET /<region>/health` and `GET <endpoint path>/health`: answered by the CPU gateway, so no GPU wakes. */
export class HealthReplies {
  readonly #subjects = new Map<string, HealthSubject>();

  constructor(
    { endpoints }: StandInConfiguration,
    private readonly faults: FaultBoard,
  ) {
    for (const endpoint of endpoints) {
      const path = `/${endpoint.region}/health`;
      this.#subjects.set(path, [endpoint, ...(this.#subjects.get(path) ?? [])]);
    }
    for (const endpoint of endpoints) {
      this.#subjects.set(`/${endpoint.id}/health`, [endpoint]);
      this.#subjects.set(`${endpoint.path}/health`, [endpoint]);
    }
  }

  /** @returns `undefined` where the path is no health URL */
  subjectOf(path: string): HealthSubject | undefined {
    return this.#subjects.get(path);
  }

  /** A region is away only when all of it is. */
  outage(subject: HealthSubject): Outage | undefined {
    const outages = subject.map((endpoint) => this.faults.outage(endpoint));
    return outages.every((outage) => outage !== undefined) ? outages[0] : undefined;
  }

  appReply(subject: HealthSubject): ModalReplyName | undefined {
    const replies = subject.map((endpoint) => this.faults.appReply(endpoint));
    return replies.every((reply) => reply !== undefined) ? replies[0] : undefined;
  }

  body(subject: HealthSubject): unknown {
    return {
      status: 'healthy',
      models_available: [...new Set(subject.flatMap(({ models }) => models))].sort(),
      region: subject[0].attested_region,
    };
  }
}
