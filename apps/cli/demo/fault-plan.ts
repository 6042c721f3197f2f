import { mulberry32 } from '#domain';

/** A fault to inject into the stand-in, and how to say so to a person. */
export interface PlannedFault {
  /** Body of `POST /_stand-in/faults`. */
  readonly body: Readonly<Record<string, unknown>>;
  /** What it strikes: an endpoint's id or a region. */
  readonly target: string;
  readonly what: string;
}

export interface FaultTarget {
  readonly id: string;
  readonly region: string;
}

/**
 * One region that goes away for a while, and one endpoint elsewhere that fails for a while. Both wait for a number of
 * calls rather than for a time: so they strike in the middle of the run, in whatever order it goes and however slow
 * the machine is.
 * @param endpoints what is deployed, in a stable order
 * @param seed decides which, when and for how long
 */
export function planFaults(endpoints: readonly FaultTarget[], seed: number): PlannedFault[] {
  const draw = mulberry32(seed);
  const regions = [...new Set(endpoints.map(({ region }) => region))];
  const region = pick(regions, draw());
  const elsewhere = endpoints.filter((endpoint) => endpoint.region !== region);
  // Longer, and calls that the platform holds for their caller would be given up there.
  const awayS = between(60, 80, draw());
  const away: PlannedFault = {
    target: region,
    what: `region ${region} goes away for ${awayS} simulated s: every connection to it breaks`,
    body: {
      kind: 'unavailable',
      region,
      after_calls: between(7, 9, draw()),
      for_s: awayS,
      note: 'region goes away',
    },
  };
  if (elsewhere.length === 0) return [away];
  const { id } = pick(elsewhere, draw());
  // Fewer than a job has attempts, and enough to open a breaker now and then.
  const failingCalls = between(2, 4, draw());
  const failing: PlannedFault = {
    target: id,
    what: `endpoint ${id} fails for a while: it answers ${failingCalls} calls in a row with HTTP 500`,
    body: {
      kind: 'status',
      status: 500,
      endpoint: id,
      after_calls: between(2, 4, draw()),
      count: failingCalls,
      note: 'endpoint fails',
    },
  };
  return [failing, away];
}

function between(least: number, most: number, drawn: number): number {
  return least + Math.floor(drawn * (most - least + 1));
}

function pick<T>(from: readonly T[], drawn: number): T {
  const picked = from[Math.floor(drawn * from.length)];
  if (picked === undefined) throw new Error('nothing is deployed');
  return picked;
}
