import { readFileSync } from 'node:fs';
import { parse as parseYaml } from 'yaml';
import { z } from 'zod';
import { ConfigurationError, problemsOf } from './configuration-error.js';
import { checkTasks, tasksSchema } from './tasks.js';

const identifier = z
  .string()
  .min(1)
  .max(64)
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, 'letters, digits, ".", "_" and "-" only');

const httpUrl = z.url({ protocol: /^https?$/ }).max(2048);

const endpointSchema = z.strictObject({
  /** Unique name; appears in status, metrics and results. */
  id: identifier,
  /** Key of `regions`. */
  region: identifier,
  /** Models it serves. */
  models: z.array(identifier).min(1).max(32),
  protocol: z.enum(['modal-hf', 'openai']).default('modal-hf'),
  /** Where calls are POSTed. */
  url: httpUrl,
  /** Where the deployment takes jobs: spawned, polled and cancelled there, no request is held open for an answer. */
  jobs_url: httpUrl.optional(),
  /** Longest pause between two polls of a job. */
  poll_max_ms: z.int().min(50).max(600_000).default(5000),
  /** Where the deployment is told how long idle containers stay, and to give them up; absent: it cannot be told. */
  autoscaler_url: httpUrl.optional(),
  /** GET that wakes no GPU; used to probe an endpoint that failed. */
  health_url: httpUrl.optional(),
  /** Provider's account the endpoint lives in; default: what the URL says. */
  workspace: identifier.optional(),
  /** Name of the environment variable that holds the key of an OpenAI-compatible endpoint. */
  api_key_env: z
    .string()
    .regex(/^(?!BEACON_)[A-Z][A-Z0-9_]{0,63}$/, 'the name of an environment variable, in capitals')
    .optional(),
  gpu: z.string().min(1).max(32).default('T4'),
  /** Calls in flight at once. */
  concurrency: z.int().min(1).max(1000).default(1),
  /** How long an idle container still holds its GPU. */
  scaledown_window_s: z.number().min(0).max(86_400).default(300),
  /** Whether Beacon keeps idle containers longer: always, never, or by use. */
  warm: z.enum(['on', 'off', 'auto']).default('off'),
});

const duration = z.number().positive().max(86_400);

/** URLs of which more is made than is written, and by what. */
const APPENDED_TO = [
  ['jobs_url', 'ids of calls are'],
  ['autoscaler_url', '"/release" is'],
] as const;

const regionSchema = z.strictObject({
  /** Other names under which clients and endpoints know the region. */
  aliases: z.array(identifier).max(16).default([]),
});

const questionSchema = z.strictObject({
  id: identifier,
  text: z.string().min(1).max(32_768),
  system: z.string().max(32_768).optional(),
});

/** Exported for the test that compares its keys and defaults with docs/configuration.md. */
export const configurationSchema = z
  .strictObject({
    /** Hard caps for the whole workspace. */
    limits: z
      .strictObject({
        endpoints: z.int().min(1).max(1000).default(8),
        gpus: z.int().min(1).max(1000).default(8),
        /** Longest prompt (all messages together), in UTF-8 bytes. */
        prompt_bytes: z.int().min(1).max(524_288).default(262_144),
        /** Largest HTTP request body. */
        body_bytes: z.int().min(1024).max(8_388_608).default(1_048_576),
        /** Largest `max_tokens` a job may ask for. */
        max_tokens: z.int().min(1).max(1_000_000).default(32_768),
        /**
         * Requests per second to one workspace, all regions together. Left out: 150 where Modal serves the
         * endpoints, which allows 200, and none elsewhere. 0: none.
         */
        requests_per_s: z.number().min(0).max(100_000).optional(),
        /** Largest number of cells in one run. */
        run_cells: z.int().min(1).max(1_000_000).default(100_000),
      })
      .prefault({}),
    timeouts: z
      .strictObject({
        /** From the start of a call to its answer; waiting in a queue never counts. */
        execution_ms: z.int().min(10).max(86_400_000).default(300_000),
        /** How long a stopping process waits for calls in flight. */
        drain_ms: z.int().min(0).max(600_000).default(10_000),
      })
      .prefault({}),
    retries: z
      .strictObject({
        max_attempts: z.int().min(1).max(100).default(4),
        /** Same-region backoff doubles from here; a failover does not wait. */
        backoff_ms: z.int().min(0).max(600_000).default(2000),
        backoff_max_ms: z.int().min(0).max(3_600_000).default(30_000),
      })
      .prefault({}),
    breaker: z
      .strictObject({
        /** Consecutive endpoint failures that open an endpoint's breaker. */
        failures: z.int().min(1).max(100).default(2),
        /** First pause before an endpoint is probed again; doubles with every failed probe. */
        open_ms: z.int().min(1).max(3_600_000).default(2000),
        open_max_ms: z.int().min(1).max(3_600_000).default(60_000),
      })
      .prefault({}),
    /** When a GPU changes hands, where there are fewer GPUs than endpoints with work. */
    handover: z
      .strictObject({
        /** How long a container without work keeps a GPU that others want. */
        linger_ms: z.int().min(10).max(3_600_000).default(2000),
        /** How long an endpoint with work keeps a GPU that others want. */
        turn_s: z.number().min(1).max(604_800).default(1800),
      })
      .prefault({}),
    priorities: z
      .strictObject({
        /** A normal job that has waited this long goes before a new high one. */
        normal_ageing_s: z.number().min(0).max(86_400).default(1800),
        /** A low job that has waited this long goes before a new high one. */
        low_ageing_s: z.number().min(0).max(86_400).default(7200),
      })
      .prefault({}),
    /** How endpoints are kept warm that are to be. */
    keep_warm: z
      .strictObject({
        /** How long idle containers stay in the mode `hybrid`. */
        hybrid_window_s: duration.default(600),
        /** In the mode `hot`. */
        hot_window_s: duration.default(1200),
        /** This many attempts within `promote_within_s` make an endpoint hot. */
        promote_attempts: z.int().min(1).max(1000).default(4),
        promote_within_s: duration.default(900),
        /** So does a median cold start above this. */
        promote_cold_start_s: duration.default(45),
        /** Without an attempt for this long it is hot no longer. */
        demote_after_s: duration.default(1800),
      })
      .prefault({}),
    /** Where webhooks of runs may be sent. */
    webhooks: z
      .strictObject({
        /** Also to addresses that are not on the Internet. */
        allow_private_addresses: z.boolean().default(false),
      })
      .prefault({}),
    /** What customers are shown. */
    charter: z
      .strictObject({
        /** Whether they are shown what plans and runs cost; for teams that pay themselves. */
        show_costs: z.boolean().default(false),
      })
      .prefault({}),
    regions: z.record(
      identifier,
      regionSchema.nullable().transform((region) => region ?? { aliases: [] }),
    ),
    endpoints: z.array(endpointSchema).min(1),
    /** Question bank: runs may name these by id. */
    questions: z.array(questionSchema).max(10_000).default([]),
    /** Tasks by type; left out: none are taken. */
    tasks: tasksSchema.optional(),
  })
  .superRefine((configuration, context) => {
    const { endpoints, limits, regions } = configuration;
    if (endpoints.length > limits.endpoints) {
      context.addIssue({
        code: 'custom',
        path: ['endpoints'],
        message: `${endpoints.length} endpoints, but limits.endpoints allows ${limits.endpoints}`,
      });
    }
    const seenIds = new Set<string>();
    for (const [index, endpoint] of endpoints.entries()) {
      if (!Object.hasOwn(regions, endpoint.region)) {
        context.addIssue({
          code: 'custom',
          path: ['endpoints', index, 'region'],
          message: `"${endpoint.region}" is not one of regions (${Object.keys(regions).join(', ')})`,
        });
      }
      if (seenIds.has(endpoint.id)) {
        context.addIssue({
          code: 'custom',
          path: ['endpoints', index, 'id'],
          message: `"${endpoint.id}" is used twice`,
        });
      }
      seenIds.add(endpoint.id);
      const complain = (key: string, message: string): void =>
        context.addIssue({ code: 'custom', path: ['endpoints', index, key], message });
      for (const [key, appended] of APPENDED_TO) {
        const routes = endpoint[key];
        if (routes === undefined) continue;
        if (endpoint.protocol !== 'modal-hf') complain(key, 'goes with the protocol modal-hf only');
        if (/[?#]/.test(routes))
          complain(key, `must have no query and no fragment: ${appended} appended to it`);
        if (originOf(routes) !== originOf(endpoint.url))
          complain(key, 'must be on the origin of url: the credentials go there');
      }
      if (endpoint.warm !== 'off' && endpoint.autoscaler_url === undefined) {
        complain('warm', 'needs an autoscaler_url: the platform cannot be told otherwise');
      }
      if (endpoint.api_key_env !== undefined && endpoint.protocol !== 'openai') {
        complain('api_key_env', 'goes with the protocol openai only');
      }
    }
    checkTasks(configuration, (path, message) =>
      context.addIssue({ code: 'custom', path: ['tasks', ...path], message }),
    );
    const seenNames = new Map<string, string>();
    for (const [region, { aliases }] of Object.entries(regions)) {
      for (const name of [region, ...aliases]) {
        const key = name.toLowerCase();
        const owner = seenNames.get(key);
        if (owner !== undefined && owner !== region) {
          context.addIssue({
            code: 'custom',
            path: ['regions', region, 'aliases'],
            message: `"${name}" already names region ${owner}`,
          });
        }
        seenNames.set(key, region);
      }
    }
  });

function originOf(url: string): string | undefined {
  return URL.canParse(url) ? new URL(url).origin : undefined;
}

export type Configuration = Readonly<z.infer<typeof configurationSchema>>;
export type EndpointConfiguration = Configuration['endpoints'][number];
export type QuestionConfiguration = Configuration['questions'][number];

/**
 * @param text YAML (or JSON, which is YAML)
 * @param source named in the error, e.g. the file's path
 * @throws ConfigurationError naming every key that is wrong, never its value beyond identifiers
 */
export function parseConfiguration(text: string, source: string): Configuration {
  let document: unknown;
  try {
    document = parseYaml(text);
  } catch (error) {
    throw new ConfigurationError(source, [`is not YAML: ${(error as Error).message.split('\n')[0] ?? ''}`]);
  }
  const parsed = configurationSchema.safeParse(document);
  if (!parsed.success) throw new ConfigurationError(source, problemsOf(parsed.error));
  return deepFreeze(parsed.data);
}

/** @throws ConfigurationError where the file cannot be read or is wrong */
export function loadConfiguration(path: string): Configuration {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new ConfigurationError(path, [
      `cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown error'})`,
    ]);
  }
  return parseConfiguration(text, path);
}

/** @returns the region's name for a name or alias in any letter case, or `undefined`. */
export function resolveRegion(configuration: Configuration, name: string): string | undefined {
  const wanted = name.toLowerCase();
  for (const [region, { aliases }] of Object.entries(configuration.regions)) {
    if ([region, ...aliases].some((known) => known.toLowerCase() === wanted)) return region;
  }
  return undefined;
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    for (const entry of Object.values(value)) deepFreeze(entry);
    Object.freeze(value);
  }
  return value;
}
