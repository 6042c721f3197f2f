import { z } from 'zod';
import { ConfigurationError } from './configuration-error.js';
import { schemaAt, type ConfigurationSchema } from './schema-at.js';
import { tracingOf, tracingSettings, type TracingSettings } from './tracing.js';
import { formOf } from './written-form.js';

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

const url = (protocol: RegExp) => z.url({ protocol }).max(4096);

const UNUSABLE_KEY = 'after whsec_ there must be base64 of at least 24 bytes';

/** Every setting Beacon knows. Anything else that begins with `BEACON_` or `OTEL_` is refused: it would do nothing. */
const settingsSchema = z.object({
  BEACON_HOST: z.string().min(1).default('127.0.0.1'),
  BEACON_PORT: z.coerce.number().int().min(0).max(65_535).optional(),
  BEACON_CONFIG: z.string().min(1).optional(),
  BEACON_DATA_DIR: z.string().min(1).default('.beacon'),
  BEACON_API_KEYS_FILE: z.string().min(1).optional(),
  BEACON_WEBHOOK_SECRET: z.string().min(16).refine(isUsableKey, UNUSABLE_KEY).optional(),
  /** The one before, while receivers and deployments learn the new one. */
  BEACON_WEBHOOK_SECRET_PREVIOUS: z.string().min(16).refine(isUsableKey, UNUSABLE_KEY).optional(),
  /** Set for a dispatcher only: the region it serves. */
  BEACON_REGION: z.string().min(1).optional(),
  /** For the command line: the key it comes with. */
  BEACON_API_KEY: z.string().min(1).max(256).optional(),
  /** With it the runner is known to the router: it submits for every tenant. */
  BEACON_SERVICE_TOKEN: z.string().min(32).max(256).optional(),
  /** Where the runner finds the router. */
  BEACON_URL: url(/^https?$/).optional(),
  DATABASE_URL: url(/^postgres(ql)?$/).optional(),
  NATS_URL: url(/^(nats|tls)$/).optional(),
  NATS_SERVER_BIN: z.string().min(1).optional(),
  MODAL_KEY: z.string().min(1).optional(),
  MODAL_SECRET: z.string().min(1).optional(),
  LOG_LEVEL: z.enum(LOG_LEVELS).default('info'),
  ...tracingSettings,
});

export type SettingName = keyof z.infer<typeof settingsSchema>;
export const SETTING_NAMES = Object.keys(settingsSchema.shape) as readonly SettingName[];
export const DEFAULT_PORT = 8080;

export interface Settings {
  readonly host: string;
  /** `undefined`: not set, so the default may give way to a free port. */
  readonly port: number | undefined;
  readonly configPath: string | undefined;
  readonly dataDir: string;
  readonly apiKeysFile: string | undefined;
  readonly webhookSecret: string | undefined;
  readonly webhookSecretPrevious: string | undefined;
  readonly serviceToken: string | undefined;
  readonly region: string | undefined;
  readonly routerUrl: string | undefined;
  readonly databaseUrl: string | undefined;
  readonly natsUrl: string | undefined;
  readonly natsServerBin: string | undefined;
  readonly modalKey: string | undefined;
  readonly modalSecret: string | undefined;
  readonly logLevel: LogLevel;
  /** undefined: no traces are recorded. */
  readonly tracing: TracingSettings | undefined;
}

const LOOPBACK = new Set(['127.0.0.1', 'localhost', '::1']);

/**
 * @param environment usually `process.env`; an empty string counts as not set
 * @throws ConfigurationError naming every bad or unknown setting, never printing a value
 */
export function loadSettings(environment: Readonly<Record<string, string | undefined>>): Settings {
  const given = Object.fromEntries(
    Object.entries(environment).filter(([, value]) => value !== undefined && value !== ''),
  );
  const problems: string[] = [];
  for (const name of Object.keys(given)) {
    if (/^(BEACON|OTEL)_/.test(name) && !SETTING_NAMES.includes(name as SettingName)) {
      problems.push(`${name} is not a setting of Beacon`);
    }
  }
  const parsed = settingsSchema.safeParse(given);
  if (!parsed.success) {
    for (const issue of parsed.error.issues)
      problems.push(`${String(issue.path[0])} is not valid: ${describe(issue)}`);
    throw new ConfigurationError('environment', problems);
  }
  const values = parsed.data;
  if ((values.MODAL_KEY === undefined) !== (values.MODAL_SECRET === undefined)) {
    problems.push('MODAL_KEY and MODAL_SECRET must be set together');
  }
  if (values.BEACON_WEBHOOK_SECRET_PREVIOUS !== undefined && values.BEACON_WEBHOOK_SECRET === undefined) {
    problems.push('BEACON_WEBHOOK_SECRET_PREVIOUS is set without BEACON_WEBHOOK_SECRET');
  }
  if (!LOOPBACK.has(values.BEACON_HOST) && values.BEACON_API_KEYS_FILE === undefined) {
    problems.push(
      'BEACON_HOST must be a loopback address (127.0.0.1, ::1 or localhost) without BEACON_API_KEYS_FILE',
    );
  }
  if (problems.length > 0) throw new ConfigurationError('environment', problems);
  return Object.freeze({
    host: values.BEACON_HOST,
    port: values.BEACON_PORT,
    configPath: values.BEACON_CONFIG,
    dataDir: values.BEACON_DATA_DIR,
    apiKeysFile: values.BEACON_API_KEYS_FILE,
    webhookSecret: values.BEACON_WEBHOOK_SECRET,
    webhookSecretPrevious: values.BEACON_WEBHOOK_SECRET_PREVIOUS,
    serviceToken: values.BEACON_SERVICE_TOKEN,
    region: values.BEACON_REGION,
    routerUrl: values.BEACON_URL,
    databaseUrl: values.DATABASE_URL,
    natsUrl: values.NATS_URL,
    natsServerBin: values.NATS_SERVER_BIN,
    modalKey: values.MODAL_KEY,
    modalSecret: values.MODAL_SECRET,
    logLevel: values.LOG_LEVEL,
    tracing: tracingOf(values),
  });
}

/** What a setting may be, in words: `a whole number from 0 to 65535`. */
export function formOfSetting(name: SettingName): string {
  const form = schemaAt(z.toJSONSchema(settingsSchema, { io: 'input' }) as ConfigurationSchema, [name]);
  const schemes = SCHEMES[name];
  if (schemes !== undefined) return `a whole URL that begins with ${schemes}`;
  return form === undefined ? 'a text' : formOf(form);
}

/** JSON Schema does not know them. */
const SCHEMES: Partial<Record<SettingName, string>> = {
  BEACON_URL: 'https:// or http://',
  DATABASE_URL: 'postgres:// or postgresql://',
  NATS_URL: 'nats:// or tls://',
};

/** Says what is wrong without repeating the value, which may be a secret. */
function describe(issue: z.core.$ZodIssue): string {
  const form = `must be ${formOfSetting(issue.path[0] as SettingName)}`;
  switch (issue.code) {
    case 'invalid_type':
      return issue.expected === 'number' ? `${form}, and is no number` : form;
    case 'too_small':
      return `${form}, and is ${issue.origin === 'string' ? 'shorter' : 'below that'}`;
    case 'too_big':
      return `${form}, and is ${issue.origin === 'string' ? 'longer' : 'above that'}`;
    case 'custom':
      return issue.message;
    case 'invalid_value':
    case 'invalid_format':
    case 'not_multiple_of':
    case 'unrecognized_keys':
    case 'invalid_union':
    case 'invalid_key':
    case 'invalid_element':
      return form;
  }
}

/** A key in the form of Standard Webhooks that is no base64, or hardly any, would sign with next to nothing. */
function isUsableKey(secret: string): boolean {
  const PREFIX = 'whsec_';
  if (!secret.startsWith(PREFIX)) return true;
  const encoded = secret.slice(PREFIX.length);
  return /^[A-Za-z0-9+/]+={0,2}$/.test(encoded) && Buffer.from(encoded, 'base64').length >= 24;
}
