import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { parse as parseYaml } from 'yaml';
import { z } from 'zod';
import { ConfigurationError, problemsOf } from './configuration-error.js';
import { byRule, type BrokenRule } from './configuration-rule.js';
import { schemaAt, type ConfigurationSchema } from './schema-at.js';
import { checkTasks, tasksSchema } from './tasks.js';
import { formOf } from './written-form.js';

const identifier = z
  .string()
  .min(1)
  .max(64)
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, 'letters, digits, ".", "_" and "-" only');

const httpUrl = z.url({ protocol: /^https?$/ }).max(2048);

const CREDENTIALS_APART =
  'must hold no user and no password: URLs are logged and shown; a key comes from the environment';
/** Where an endpoint is asked. Its credentials are secrets, and have a place of their own. */
const endpointUrl = httpUrl.refine(
  isWithoutCredentials,
  byRule('url_without_credentials', CREDENTIALS_APART),
);

const endpointSchema = z.strictObject({
  /** Unique name; appears in status, metrics and results. */
  id: identifier,
  /** Key of `regions`. */
  region: identifier,
  /** Models it serves. */
  models: z.array(identifier).min(1).max(32),
  protocol: z.enum(['modal-hf', 'openai']).default('modal-hf'),
  /** Where calls are POSTed. */
  url: endpointUrl,
  /** Where the deployment takes jobs: spawned, polled and cancelled there, no request is held open for an answer. */
  jobs_url: endpointUrl.optional(),
  /** Longest pause between two polls of a job. */
  poll_max_ms: z.int().min(50).max(600_000).default(5000),
  /** Where the deployment is told how long idle containers stay, and to give them up; absent: it cannot be told. */
  autoscaler_url: endpointUrl.optional(),
  /** GET that wakes no GPU; used to probe an endpoint that failed. */
  health_url: endpointUrl.optional(),
  /** Provider's account the endpoint lives in; default: what the URL says. */
  workspace: identifier.optional(),
  /** Name of the environment variable that holds the key of an OpenAI-compatible endpoint. */
  api_key_env: z
    .string()
    .regex(/^(?!BEACON_)[A-Z][A-Z0-9_]{0,63}$/, 'the name of an environment variable, in capitals')
    .optional(),
  gpu: z.string().min(1).max(32).default('T4'),
  /** What its owner pays for; default: the GPU of a `modal-hf` endpoint, the tokens of an `openai` one. */
  billed_by: z.enum(['gpu', 'tokens', 'both']).optional(),
  /** Whether calls carry `traceparent`, so that what the deployment traces joins them. It is told to whoever serves the URL. */
  send_traceparent: z.boolean().default(false),
  /** Calls in flight at once. */
  concurrency: z.int().min(1).max(1000).default(1),
  /** How long an idle container still holds its GPU. */
  scaledown_window_s: z.number().min(0).max(86_400).default(300),
  /** Whether Beacon keeps idle containers longer: always, never, or by use. */
  warm: z.enum(['on', 'off', 'auto']).default('off'),
});

/** As a browser sends it: scheme, host and port, nothing more. */
const originSchema = httpUrl.refine(
  (text) => originOf(text) === text,
  byRule('origin', 'must be an origin: scheme, host and, where it is not the usual one, port'),
);
const ALLOWED_HOST =
  'must be a host name, an address, either with ":" and a port, or a range like 10.1.0.0/16';

const PROXY = 'must be an address, or a range like 10.1.0.0/16 of less than all';

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

const usd = z.number().min(0).max(1000);
const usdPerMillion = z.number().min(0).max(1_000_000);

const priceSchema = z.strictObject({
  /** UTC day from whose beginning on these prices are in force. */
  from: z.iso.date(),
  /** US dollars per second, by GPU. */
  gpus: z.record(z.string().min(1).max(32), usd).optional(),
  /** What a region multiplies GPU prices by. */
  region_multipliers: z.record(identifier, z.number().min(0).max(100)).optional(),
  models: z
    .record(
      identifier,
      z.strictObject({
        input_usd_per_million_tokens: usdPerMillion,
        output_usd_per_million_tokens: usdPerMillion,
      }),
    )
    .optional(),
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
        /** Requests per second of one key, on average. 0: no limit. */
        requests_per_s_per_key: z.number().min(0).max(1_000_000).default(1000),
        /** Requests of one key that may come at once. */
        burst_per_key: z.int().min(1).max(1_000_000).default(2000),
        /** Requests per second of all callers together, with keys or without, on average. 0: no limit. */
        requests_per_s_in_all: z.number().min(0).max(1_000_000).default(0),
        burst_in_all: z.int().min(1).max(1_000_000).default(10_000),
        /** Wrong keys per minute from one address, and at once. 0: no limit. */
        wrong_keys_per_min: z.int().min(0).max(1_000_000).default(300),
        /** Jobs of one key that wait. 0: no limit. */
        queued_jobs_per_key: z.int().min(0).max(10_000_000).default(100_000),
        /** Jobs that wait in one region, whoever they are from. 0: no limit. */
        queued_jobs_per_region: z.int().min(0).max(10_000_000).default(0),
        /** Runs of one key that have not ended. 0: no limit. */
        unfinished_runs_per_key: z.int().min(0).max(1_000_000).default(100),
        /** Largest file that can be uploaded. */
        file_bytes: z.int().min(1024).max(1_073_741_824).default(209_715_200),
        /** All files of one tenant together; what batches write is kept all the same. 0: no limit. */
        file_bytes_per_tenant: z.int().min(0).max(1_099_511_627_776).default(10_737_418_240),
        /** Files of one tenant; what batches that have begun write is kept all the same. 0: no limit. */
        files_per_tenant: z.int().min(0).max(10_000_000).default(10_000),
        /** How long an upload may take. */
        upload_s: z.int().min(1).max(86_400).default(3600),
        /** Lines of one batch. */
        batch_lines: z.int().min(1).max(50_000).default(50_000),
        /** Batches of one tenant that have not ended. 0: no limit. */
        unfinished_batches_per_tenant: z.int().min(0).max(100_000).default(50),
        /** Jobs of one batch that wait or run at once; the other lines wait in the batch. */
        batch_jobs_at_once: z.int().min(1).max(5000).default(256),
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
        /** Dispatchers that may die while they work on one job before it is taken for the cause. */
        crashes_max: z.int().min(2).max(100).default(3),
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
    /** What plans and waits reckon with until calls of a model have been seen. */
    assumed: z
      .strictObject({
        /** A call in a warm container. */
        call_s: duration.default(30),
        /** What the first call of a container takes longer. */
        cold_start_s: z.number().min(0).max(86_400).default(150),
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
    /** Where webhooks may be sent. */
    webhooks: z
      .strictObject({
        /** Also to addresses that are not on the Internet. */
        allow_private_addresses: z.boolean().default(false),
        /** Just these of them: host names, addresses, either with a port, and ranges of addresses. */
        allowed_hosts: z
          .array(z.string().refine(isAllowedHost, byRule('host_allowed', ALLOWED_HOST)))
          .max(1000)
          .default([]),
      })
      .prefault({}),
    http: z
      .strictObject({
        /** Origins whose pages may use the API from a browser. */
        cors_origins: z.array(originSchema).max(100).default([]),
        /** Addresses and ranges of proxies whose `X-Forwarded-For` is believed. */
        trusted_proxies: z
          .array(z.string().refine(isProxy, byRule('proxy', PROXY)))
          .max(100)
          .default([]),
        /** A client of the OpenAI door that waits longer is sent signs of life; until then a failure has its own status. */
        keep_alive_after_ms: z.int().min(0).max(120_000).default(5000),
        /** From one sign of life to the next. */
        keep_alive_every_ms: z.int().min(10).max(120_000).default(15_000),
      })
      .prefault({}),
    /** How long contents are kept after their job or run has ended. Ids, states, hashes, counts and the ledger stay. */
    retention: z
      .strictObject({
        /** Prompts, system prompts and metadata; 0: for ever. */
        prompts_days: z.number().min(0).max(36_500).default(0),
        /** Answers; 0: for ever. */
        results_days: z.number().min(0).max(36_500).default(0),
        /** Webhooks that were delivered or given up, with their bodies; 0: for ever. */
        webhooks_days: z.number().min(0).max(36_500).default(0),
        /** Files of batches, unless their upload or batch says otherwise. 0: for ever. */
        files_days: z.number().min(0).max(36_500).default(30),
        /** How often is looked for what has had its time. */
        sweep_interval_s: z.number().min(0.1).max(86_400).default(300),
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
    /** What calls cost, from when on; what none of them names has the built-in price. */
    prices: z.array(priceSchema).max(1000).default([]),
    /** Question bank: runs may name these by id. */
    questions: z.array(questionSchema).max(10_000).default([]),
    /** Tasks by type; left out: none are taken. */
    tasks: tasksSchema.optional(),
  })
  .superRefine((configuration, context) => {
    const { endpoints, limits, regions } = configuration;
    const complain = (path: Path, message: string, broken: BrokenRule): void =>
      context.addIssue({ code: 'custom', path: [...path], message, params: { ...broken } });
    if (endpoints.length > limits.endpoints) {
      const message = `${endpoints.length} endpoints, but limits.endpoints allows ${limits.endpoints}`;
      complain(['endpoints'], message, { rule: 'endpoint_limit', beside: [['limits', 'endpoints']] });
    }
    const seenDays = new Set<string>();
    for (const [index, price] of configuration.prices.entries()) {
      const at = ['prices', index];
      if (seenDays.has(price.from))
        complain([...at, 'from'], `"${price.from}" is used twice`, { rule: 'price_day_once' });
      seenDays.add(price.from);
      for (const region of Object.keys(price.region_multipliers ?? {}).filter(
        (name) => !isOwn(regions, name),
      ))
        complain([...at, 'region_multipliers', region], 'is not one of regions', {
          rule: 'price_region_known',
          beside: [['regions', region]],
        });
    }
    const seenIds = new Set<string>();
    for (const [index, endpoint] of endpoints.entries()) {
      const at = ['endpoints', index];
      if (!isOwn(regions, endpoint.region)) {
        const message = `"${endpoint.region}" is not one of regions (${Object.keys(regions).join(', ')})`;
        const beside = [
          ['regions', endpoint.region],
          [...at, 'region'],
        ];
        complain([...at, 'region'], message, { rule: 'endpoint_region_known', beside });
      }
      if (seenIds.has(endpoint.id))
        complain([...at, 'id'], `"${endpoint.id}" is used twice`, {
          rule: 'endpoint_id_once',
          beside: [[...at, 'id']],
        });
      seenIds.add(endpoint.id);
      const ofProtocol: BrokenRule = { rule: 'endpoint_protocol_has_it', beside: [[...at, 'protocol']] };
      for (const [key, appended] of APPENDED_TO) {
        const routes = endpoint[key];
        if (routes === undefined) continue;
        if (endpoint.protocol !== 'modal-hf')
          complain([...at, key], 'goes with the protocol modal-hf only', ofProtocol);
        if (/[?#]/.test(routes)) {
          const message = `must have no query and no fragment: ${appended} appended to it`;
          complain([...at, key], message, { rule: 'endpoint_url_appendable' });
        }
        if (originOf(routes) !== originOf(endpoint.url)) {
          const message = 'must be on the origin of url: the credentials go there';
          complain([...at, key], message, { rule: 'endpoint_one_origin', beside: [[...at, 'url']] });
        }
      }
      if (endpoint.warm !== 'off' && endpoint.autoscaler_url === undefined) {
        const message = 'needs an autoscaler_url: the platform cannot be told otherwise';
        const beside = [[...at, 'autoscaler_url']];
        complain([...at, 'warm'], message, { rule: 'endpoint_warm_tellable', beside });
      }
      if (endpoint.api_key_env !== undefined && endpoint.protocol !== 'openai')
        complain([...at, 'api_key_env'], 'goes with the protocol openai only', ofProtocol);
    }
    checkTasks(configuration, (path, message, broken) => complain(['tasks', ...path], message, broken));
    // Names first: an alias that is another region's name is the one to be mended.
    const owners = new Map<string, string>();
    for (const region of Object.keys(regions)) {
      const owner = owners.get(region.toLowerCase());
      if (owner === undefined) owners.set(region.toLowerCase(), region);
      else complain(['regions', region], namedTwice(region, owner), { rule: 'region_name_once' });
    }
    for (const [region, { aliases }] of Object.entries(regions)) {
      for (const [entry, alias] of aliases.entries()) {
        const owner = owners.get(alias.toLowerCase());
        if (owner === undefined) owners.set(alias.toLowerCase(), region);
        else if (owner !== region) {
          const broken: BrokenRule = { rule: 'region_name_once', entry };
          complain(['regions', region, 'aliases'], namedTwice(alias, owner), broken);
        }
      }
    }
  });

type Path = readonly (string | number)[];

function namedTwice(name: string, owner: string): string {
  return `"${name}" already names region ${owner}`;
}

function isOwn(regions: object, name: string): boolean {
  return Object.hasOwn(regions, name);
}

/** What is no URL is told as such. */
function isWithoutCredentials(text: string): boolean {
  if (!URL.canParse(text)) return true;
  const { username, password } = new URL(text);
  return username === '' && password === '';
}

/** An address, or a range of them. */
function isNetwork(text: string): boolean {
  const [network = '', bits, more] = text.split('/');
  const family = isIP(network);
  const isLength =
    bits === undefined || (/^(0|[1-9][0-9]{0,2})$/.test(bits) && Number(bits) <= (family === 6 ? 128 : 32));
  return family !== 0 && !network.includes('%') && isLength && more === undefined;
}

/** A range of all addresses would believe whatever anybody says of where it comes from. */
function isProxy(text: string): boolean {
  return isNetwork(text) && !/\/0$/.test(text);
}

function isAllowedHost(text: string): boolean {
  if (text.includes('/')) return isNetwork(text);
  const family = isIP(text);
  const host = /^(?<name>[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:(?<port>[1-9][0-9]{0,4}))?$/.exec(text)?.groups;
  return (
    (family === 6 && !text.includes('%')) ||
    (host !== undefined && Number(host['port'] ?? 1) <= 65_535 && URL.canParse(`http://${text}`))
  );
}

function originOf(url: string): string | undefined {
  return URL.canParse(url) ? new URL(url).origin : undefined;
}

export type Configuration = Readonly<z.infer<typeof configurationSchema>>;
export type EndpointConfiguration = Configuration['endpoints'][number];

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
  if (document === null)
    throw new ConfigurationError(source, ['is empty: deploy/beacon.example.yaml is one to begin with']);
  const parsed = configurationSchema.safeParse(document);
  if (!parsed.success) throw new ConfigurationError(source, problemsOf(parsed.error));
  return deepFreeze(parsed.data);
}

/** One thing that is wrong with a configuration, and where. */
export type ConfigurationFault = z.core.$ZodIssue;

/**
 * For whoever wants to know what is wrong, and not only that something is.
 * @param document what the file's text stands for
 */
export function judgeConfiguration(
  document: unknown,
): { configuration: Configuration } | { faults: readonly ConfigurationFault[] } {
  const parsed = configurationSchema.safeParse(document);
  return parsed.success ? { configuration: deepFreeze(parsed.data) } : { faults: parsed.error.issues };
}

/** Names of the keys that may stand in the object that is written at a path; empty: any, or it is none. */
export function keysKnownAt(path: readonly PropertyKey[]): readonly string[] {
  const at = configurationAt(path);
  return [at, ...(at?.anyOf ?? [])].flatMap((each) => Object.keys(each?.properties ?? {}));
}

/** What the file may hold at a path. */
export interface ConfigurationForm {
  /** In words: `a whole number from 1 to 1000`. */
  readonly text: string;
  readonly kind: 'number' | 'boolean' | 'text' | 'list' | 'object' | 'record';
  /** What may be written there, where only some values may. */
  readonly values: readonly string[];
  /** What holds where a single value is left out; undefined: it may not be, or nothing does. */
  readonly default: string | number | boolean | undefined;
}

/** @returns undefined: nothing is known at that path */
export function configurationFormAt(path: readonly PropertyKey[]): ConfigurationForm | undefined {
  const found = configurationAt(path);
  const at = found?.anyOf?.find(({ type }) => type !== 'null') ?? found;
  if (at === undefined) return undefined;
  return {
    text: formOf(at),
    kind: kindOf(at),
    values: (at.enum ?? []).map(String),
    default: isSingle(at.default) ? at.default : undefined,
  };
}

function isSingle(value: unknown): value is string | number | boolean {
  return ['string', 'number', 'boolean'].includes(typeof value);
}

function kindOf({ type, properties, additionalProperties }: ConfigurationSchema): ConfigurationForm['kind'] {
  switch (type) {
    case 'integer':
    case 'number':
      return 'number';
    case 'boolean':
      return 'boolean';
    case 'array':
      return 'list';
    case 'object':
      return properties === undefined && typeof additionalProperties === 'object' ? 'record' : 'object';
    case undefined:
    default:
      return 'text';
  }
}

function configurationAt(path: readonly PropertyKey[]): ConfigurationSchema | undefined {
  writtenSchema ??= z.toJSONSchema(configurationSchema, { io: 'input' }) as ConfigurationSchema;
  return schemaAt(writtenSchema, path);
}

/** Made when it is first asked for: only who explains faults needs it. */
let writtenSchema: ConfigurationSchema | undefined;

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

export function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    for (const entry of Object.values(value)) deepFreeze(entry);
    Object.freeze(value);
  }
  return value;
}
