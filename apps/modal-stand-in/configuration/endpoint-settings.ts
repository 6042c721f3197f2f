import { z } from 'zod';

/** Names of endpoints, regions and models; they appear in URLs. */
export const identifier = z
  .string()
  .min(1)
  .max(64)
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, 'letters, digits, ".", "_" and "-" only');

/** Simulated seconds. */
export const seconds = z.number().min(0).max(10_000_000);

/** `[least, most]` simulated seconds; a single number is both. */
const secondsRange = z
  .union([seconds, z.tuple([seconds, seconds])])
  .transform((range): readonly [number, number] => (typeof range === 'number' ? [range, range] : range))
  .refine(([least, most]) => least <= most, 'the first number must not be above the second');

export type SecondsRange = readonly [number, number];
type ExecutionRanges = Readonly<Record<string, SecondsRange>>;

/** What Modal lets one choose. */
const ROUTING_REGIONS = ['us-east', 'us-west', 'eu-west', 'ap-south'] as const;

const DEFAULT_EXECUTION_S: SecondsRange = [20, 40];

function isRange(given: SecondsRange | ExecutionRanges): given is SecondsRange {
  return Array.isArray(given);
}

/** One deployed function, as written in a configuration file or sent to the control API. */
export const endpointSchema = z.strictObject({
  id: identifier,
  /** The region Beacon pins it to. */
  region: identifier,
  /** The region its answers attest; default: `region`. */
  attested_region: identifier.optional(),
  /** Rule 29: what `MODAL_REGION` says in its containers; default: `attested_region`. */
  cloud_region: identifier.optional(),
  /** Rule 29: where its requests enter Modal. With one there is no detour through us-east. */
  routing_region: z.enum(ROUTING_REGIONS).optional(),
  /** Rule 29: simulated seconds the detour adds to an answer; default: the workspace's, 0 with a `routing_region`. */
  routing_hop_s: seconds.optional(),
  /** Rule 27: endpoints with the same name here are routes of one web endpoint; default: the id. */
  web_endpoint: identifier.optional(),
  models: z.array(identifier).min(1).max(32),
  /** A Modal GPU name, or `none` for containers that need none. */
  gpu: z.string().min(1).max(32).default('T4'),
  /** URL path; default `/<id>`. */
  path: z
    .string()
    .regex(/^\/[A-Za-z0-9._/-]*[A-Za-z0-9._-]$/, 'must begin with "/" and hold no query')
    .optional(),
  /** Rule 9. */
  max_containers: z.int().min(1).max(10_000).default(1),
  /** Rule 24: containers that are never scaled down. */
  min_containers: z.int().min(0).max(10_000).default(0),
  /** Rule 24: idle containers kept ready on top of the busy ones, while there is work. */
  buffer_containers: z.int().min(0).max(10_000).default(0),
  /** Rule 8: inputs one container takes at a time. */
  max_inputs: z.int().min(1).max(100_000).default(1),
  /** Calls in flight above this are counted as overlaps; default: max_containers x max_inputs. */
  concurrency: z.int().min(1).max(1_000_000).optional(),
  /** Rule 24. */
  scaledown_window_s: seconds.default(300),
  /** Rule 8: from the GPU being granted to the container running. */
  boot_s: secondsRange.default([1, 1]),
  /** Rule 8: loading the model, after boot. */
  load_s: secondsRange.default([120, 350]),
  /** Warm execution: one range, or a range per model with `default` for the others. */
  execution_s: z
    .union([secondsRange, z.record(identifier, secondsRange)])
    .transform((given): ExecutionRanges => (isRange(given) ? { default: given } : given))
    .default({ default: DEFAULT_EXECUTION_S }),
  /** Rule 16: counted from the start of execution. */
  execution_timeout_s: seconds.default(600),
  /** Rule 11: a container that is not ready by then is killed and another is tried. */
  startup_timeout_s: seconds.default(600),
  /** Rule 28: what pinning this region multiplies prices by; default: the workspace's. */
  region_price_multiplier: z.number().min(0).max(100).optional(),
});

/** What an endpoint takes from its workspace where it says nothing itself. */
export interface WorkspaceDefaults {
  readonly routing_hop_s: Readonly<Record<string, number>>;
  readonly region_price_multiplier: number;
}

/** Fills in what depends on other settings. */
export function completeEndpoint(given: z.output<typeof endpointSchema>, workspace: WorkspaceDefaults) {
  const attested = given.attested_region ?? given.region;
  const hopS = workspace.routing_hop_s[given.region] ?? workspace.routing_hop_s['default'] ?? 0;
  return {
    ...given,
    attested_region: attested,
    cloud_region: given.cloud_region ?? attested,
    routing_hop_s: given.routing_hop_s ?? (given.routing_region === undefined ? hopS : 0),
    web_endpoint: given.web_endpoint ?? given.id,
    path: given.path ?? `/${given.id}`,
    concurrency: given.concurrency ?? given.max_containers * given.max_inputs,
    region_price_multiplier: given.region_price_multiplier ?? workspace.region_price_multiplier,
  };
}

export type EndpointSettings = Readonly<ReturnType<typeof completeEndpoint>>;

/** @returns the range a model's warm execution time is drawn from, in simulated seconds */
export function executionRange(endpoint: EndpointSettings, model: string): SecondsRange {
  return endpoint.execution_s[model] ?? endpoint.execution_s['default'] ?? DEFAULT_EXECUTION_S;
}

/** @returns what is wrong with an endpoint beyond its single fields: `[field, message]` */
export function endpointProblems(endpoint: z.output<typeof endpointSchema>): [string, string][] {
  const problems: [string, string][] = [];
  const path = endpoint.path ?? `/${endpoint.id}`;
  if (path === '/_stand-in' || path.startsWith('/_stand-in/')) {
    problems.push(['path', '/_stand-in is reserved']);
  }
  if (endpoint.min_containers > endpoint.max_containers) {
    problems.push(['min_containers', 'must not be above max_containers']);
  }
  return problems;
}
