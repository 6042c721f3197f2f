import { ProblemError } from '#contracts';
import { laneOf, type KeyLimits, type Priority, type RegionPolicy } from '#domain';
import type { Endpoints } from '../engine/endpoints.js';
import { refuseOutsideKey, regionsOfKey } from '../limits/confinement.js';
import type { QueueView } from '../queue/queue-view.js';

/** What is asked of a job, as far as it decides where it may go. */
export interface AskedPlace {
  readonly model: string;
  readonly priority: Priority;
  /** By its own name; undefined: any. */
  readonly preferred: string | undefined;
  readonly regionPolicy: RegionPolicy;
}

export interface Place {
  readonly homeRegion: string;
  readonly preferredRegion: string | null;
  readonly regionPolicy: RegionPolicy;
  readonly lane: string;
}

/** Decides what a job may be for a key and where it may go, whether it is posted or made of a dead letter. */
export class JobPlacement {
  constructor(
    private readonly endpoints: Pick<Endpoints, 'models' | 'regionsServing'>,
    private readonly queueView: Pick<QueueView, 'leastLoaded'>,
  ) {}

  /** @throws ProblemError FORBIDDEN, UNKNOWN_MODEL */
  refuseModel(model: string, priority: Priority, limits: KeyLimits): void {
    refuseOutsideKey(limits, { models: [{ field: 'model', name: model }], regions: [], priority });
    const { models } = this.endpoints;
    if (models.has(model)) return;
    throw new ProblemError(
      'UNKNOWN_MODEL',
      `model: no endpoint serves "${model}"; known: ${[...models].join(', ')}`,
      [{ field: 'model', message: `must be one of ${[...models].join(', ')}` }],
    );
  }

  /** @throws ProblemError FORBIDDEN, UNKNOWN_MODEL, MODEL_NOT_IN_REGION */
  place(asked: AskedPlace, limits: KeyLimits): Place {
    const { model, priority, regionPolicy } = asked;
    this.refuseModel(model, priority, limits);
    let { preferred } = asked;
    if (preferred !== undefined) {
      const regions = [{ field: 'region_preference', name: preferred }];
      refuseOutsideKey(limits, { models: [], regions, priority });
    }
    const serving = this.endpoints.regionsServing(model);
    const confinedTo = regionsOfKey(limits, model, serving);
    if (confinedTo !== undefined) preferred ??= this.queueView.leastLoaded(confinedTo);
    const isPinned = regionPolicy === 'pin' || confinedTo !== undefined;
    if (isPinned && preferred !== undefined && !serving.includes(preferred)) {
      throw notInRegion('region_preference', model, preferred, serving);
    }
    const homeRegion = preferred ?? this.queueView.leastLoaded(serving);
    const policy = preferred === undefined ? 'any' : isPinned ? 'pin' : regionPolicy;
    return {
      homeRegion,
      preferredRegion: preferred ?? null,
      regionPolicy: policy,
      lane: laneOf(policy, homeRegion, serving.includes(homeRegion)),
    };
  }
}

/** @param field that asks for the region  @param serving the regions that serve the model */
export function notInRegion(
  field: string,
  model: string,
  region: string,
  serving: readonly string[],
): ProblemError {
  const message = `${model} is not deployed in ${region}; it is in ${serving.join(', ')}`;
  return new ProblemError('MODEL_NOT_IN_REGION', `${field}: ${message}`, [{ field, message }]);
}
