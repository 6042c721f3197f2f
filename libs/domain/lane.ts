import type { RegionPolicy } from './job.js';

/**
 * A lane is where a waiting job stands: `pin:US` is drawn by endpoints of the US alone, `prefer:US` by those
 * and, while no endpoint of the US can serve it, by others, `any` by all. Binding is late: which endpoint a
 * job goes to is decided when one can take it, so an outage moves no rows.
 */
export type Lane = string;

export const ANY_LANE: Lane = 'any';

/** Drawn by one endpoint alone, while it is to be kept warm: of the calls that wake it. */
export const endpointLane = (endpointId: string): Lane => `endpoint:${endpointId}`;

/** @param servesModel whether an endpoint of the region serves the job's model at all */
export function laneOf(policy: RegionPolicy, region: string, servesModel: boolean): Lane {
  switch (policy) {
    case 'pin':
      return `pin:${region}`;
    case 'prefer':
      return servesModel ? `prefer:${region}` : ANY_LANE;
    case 'any':
      return ANY_LANE;
  }
}
