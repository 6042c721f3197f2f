import { readFileSync } from 'node:fs';
import { ConfigurationError } from '#config';
import { parse as parseYaml } from 'yaml';
import { z } from 'zod';
import { DEMO_QUESTIONS } from './demo-questions.js';

const identifier = z
  .string()
  .min(1)
  .max(64)
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, 'letters, digits, ".", "_" and "-" only');

/** Simulated seconds. */
const seconds = z.number().min(0).max(10_000_000);

/** `[least, most]` simulated seconds; a single number is both. */
const secondsRange = z
  .union([seconds, z.tuple([seconds, seconds])])
  .transform((range): readonly [number, number] => (typeof range === 'number' ? [range, range] : range))
  .refine(([least, most]) => least <= most, 'the first number must not be above the second');

type SecondsRange = readonly [number, number];
type ExecutionRanges = Readonly<Record<string, SecondsRange>>;
const DEFAULT_EXECUTION_S: SecondsRange = [20, 40];

function isRange(given: SecondsRange | ExecutionRanges): given is SecondsRange {
  return Array.isArray(given);
}

const endpointSchema = z.strictObject({
  id: identifier,
  /** The region Beacon pins it to. */
  region: identifier,
  /** The region its answers attest; default: `region`. */
  attested_region: identifier.optional(),
  models: z.array(identifier).min(1).max(32),
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
});

const configurationSchema = z
  .strictObject({
    /** Simulated seconds per real second. */
    time_scale: z.number().positive().max(1_000_000).default(1),
    /** Decides every random draw. */
    seed: z.int().min(0).max(4_294_967_295).default(1),
    /** Rule 9: GPUs of the workspace; a container waits until one is free. */
    gpus: z.int().min(1).max(100_000).default(10),
    /** Rule 9: containers of the workspace. */
    containers: z.int().min(1).max(100_000).default(100),
    /** Rule 12: how long one HTTP request is held before it is answered 303. */
    http_timeout_s: seconds.min(0.001).default(150),
    /** Rule 12: what the 303 points to. */
    result_url: z
      .strictObject({
        parameter: z
          .enum(['__modal_attempt_token', '__modal_function_call_id'])
          .default('__modal_attempt_token'),
        location: z.enum(['absolute', 'relative']).default('absolute'),
      })
      .prefault({}),
    /** Rule 15: whether a delivered result can be read again. */
    result_reads: z.enum(['once', 'many']).default('many'),
    /** Rule 15: how long a result waits to be read (again) at its result URL. */
    result_kept_s: seconds.default(3600),
    /** Rules 18 and 20: how long a call that was answered 303 lives while nobody waits for it. */
    reattach_window_s: seconds.default(120),
    /** Rule 18: from the caller hanging up to the input being cancelled. */
    cancel_after_s: seconds.default(0),
    /** Rule 18: how long a cancelled input that was running still occupies its container. */
    cancel_grace_s: seconds.default(0),
    /** Rule 19: a container that boots only for a caller who hung up is killed. */
    kill_booting: z.boolean().default(true),
    /** Rule 3: the pair every call must carry; absent: endpoints are public. */
    proxy_auth: z.strictObject({ key: z.string().min(1), secret: z.string().min(1) }).optional(),
    limits: z
      .strictObject({
        /** Rule 5: new calls per simulated second in the workspace; 0 means no limit. */
        requests_per_s: z.number().min(0).default(200),
        /** Rule 5: how many seconds' worth may come at once. */
        burst_s: z.number().min(0).default(5),
        /** Rule 6. */
        queued_per_endpoint: z.int().min(1).default(2000),
        /** Rule 6: accepted and not finished, in the workspace. */
        in_system: z.int().min(1).default(25_000),
      })
      .prefault({}),
    /** Rule 28: what pinning a region multiplies GPU prices by. */
    region_price_multiplier: z.number().min(0).max(100).default(1.5),
    /** Calls the account keeps one by one; counters never forget. */
    account_calls_kept: z.int().min(0).max(5_000_000).default(200_000),
    /** What `/_stand-in/beacon.yaml` says; the simulation itself ignores it. */
    beacon: z
      .strictObject({
        limits: z
          .strictObject({ endpoints: z.int().min(1).optional(), gpus: z.int().min(1).default(8) })
          .prefault({}),
        /** Simulated seconds a call may take: a six-minute cold start fits with room to spare. */
        execution_timeout_s: seconds.default(900),
        regions: z
          .record(identifier, z.strictObject({ aliases: z.array(identifier).default([]) }))
          .default({}),
        questions: z
          .array(z.strictObject({ id: identifier, text: z.string().min(1) }))
          .default([...DEMO_QUESTIONS]),
      })
      .prefault({}),
    endpoints: z.array(endpointSchema).min(1),
  })
  .superRefine(({ endpoints }, context) => {
    const ids = new Set<string>();
    const paths = new Set<string>();
    for (const [index, endpoint] of endpoints.entries()) {
      const path = endpoint.path ?? `/${endpoint.id}`;
      const complain = (key: string, message: string): void =>
        context.addIssue({ code: 'custom', path: ['endpoints', index, key], message });
      if (ids.has(endpoint.id)) complain('id', `"${endpoint.id}" is used twice`);
      if (paths.has(path)) complain('path', `"${path}" is used twice`);
      if (path === '/_stand-in' || path.startsWith('/_stand-in/')) complain('path', '/_stand-in is reserved');
      if (endpoint.min_containers > endpoint.max_containers) {
        complain('min_containers', 'must not be above max_containers');
      }
      ids.add(endpoint.id);
      paths.add(path);
    }
  })
  .transform((given) => ({
    ...given,
    endpoints: given.endpoints.map((endpoint) => ({
      ...endpoint,
      attested_region: endpoint.attested_region ?? endpoint.region,
      path: endpoint.path ?? `/${endpoint.id}`,
      concurrency: endpoint.concurrency ?? endpoint.max_containers * endpoint.max_inputs,
    })),
  }));

/** What a configuration file may hold; every key but `endpoints` has a default. */
export type StandInConfigurationInput = z.input<typeof configurationSchema>;
export type StandInConfiguration = Readonly<z.output<typeof configurationSchema>>;
export type EndpointSettings = Readonly<StandInConfiguration['endpoints'][number]>;

/** @returns the range a model's warm execution time is drawn from, in simulated seconds */
export function executionRange(endpoint: EndpointSettings, model: string): SecondsRange {
  return endpoint.execution_s[model] ?? endpoint.execution_s['default'] ?? DEFAULT_EXECUTION_S;
}

/** @throws ConfigurationError naming every key that is wrong */
export function standInConfiguration(input: unknown, source: string): StandInConfiguration {
  const parsed = configurationSchema.safeParse(input);
  if (parsed.success) return Object.freeze(parsed.data);
  const problems = parsed.error.issues.map(({ path, message }) =>
    path.length === 0 ? message : `${path.map(String).join('.')}: ${message}`,
  );
  throw new ConfigurationError(source, problems);
}

/** @throws ConfigurationError where the file cannot be read or is wrong */
export function loadStandInConfiguration(path: string): StandInConfiguration {
  let document: unknown;
  try {
    document = parseYaml(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new ConfigurationError(path, [`cannot be read: ${(error as Error).message.split('\n')[0] ?? ''}`]);
  }
  return standInConfiguration(document, path);
}
