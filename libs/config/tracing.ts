import { z } from 'zod';

const HTTP = /^https?$/;
const url = z.url({ protocol: HTTP }).max(4096);
/** `name=value,name=value`, values percent-encoded, as OpenTelemetry writes lists in the environment. */
const pairs = z
  .string()
  .max(8192)
  .refine((text) => pairsOf(text) !== undefined, 'must be name=value pairs, separated by commas');
const timeout = z.coerce.number().int().min(1).max(60_000);
// The one that is spoken here.
const protocol = z.literal('http/json');

const SAMPLERS = [
  'always_on',
  'always_off',
  'traceidratio',
  'parentbased_always_on',
  'parentbased_always_off',
  'parentbased_traceidratio',
] as const;

/** OpenTelemetry's own names. Others that begin with `OTEL_` are refused: what they ask for would not be done. */
export const tracingSettings = {
  OTEL_EXPORTER_OTLP_ENDPOINT: url.optional(),
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: url.optional(),
  OTEL_EXPORTER_OTLP_HEADERS: pairs.optional(),
  OTEL_EXPORTER_OTLP_TRACES_HEADERS: pairs.optional(),
  OTEL_EXPORTER_OTLP_TIMEOUT: timeout.optional(),
  OTEL_EXPORTER_OTLP_TRACES_TIMEOUT: timeout.optional(),
  OTEL_EXPORTER_OTLP_PROTOCOL: protocol.optional(),
  OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: protocol.optional(),
  OTEL_TRACES_EXPORTER: z.enum(['otlp', 'none']).default('otlp'),
  OTEL_TRACES_SAMPLER: z.enum(SAMPLERS).default('parentbased_always_on'),
  OTEL_TRACES_SAMPLER_ARG: z.coerce.number().min(0).max(1).optional(),
  OTEL_SERVICE_NAME: z.string().min(1).max(128).default('beacon'),
  OTEL_RESOURCE_ATTRIBUTES: pairs.optional(),
  OTEL_SDK_DISABLED: z.enum(['true', 'false']).default('false'),
};
type TracingValues = z.infer<z.ZodObject<typeof tracingSettings>>;

/** Where spans go, and which. */
export interface TracingSettings {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly serviceName: string;
  readonly resourceAttributes: Readonly<Record<string, string>>;
  readonly sampler: {
    readonly kind: 'always_on' | 'always_off' | 'traceidratio';
    readonly ratio: number;
    readonly parentBased: boolean;
  };
}

const DEFAULT_TIMEOUT_MS = 10_000;

/** @returns undefined: tracing is off, as it is unless a collector is named */
export function tracingOf(values: TracingValues): TracingSettings | undefined {
  const base = values.OTEL_EXPORTER_OTLP_ENDPOINT;
  const own = values.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT;
  const isOff = values.OTEL_SDK_DISABLED === 'true' || values.OTEL_TRACES_EXPORTER === 'none';
  // The endpoint of traces is taken as it is; that of all signals gets the path of traces.
  const url = own ?? (base === undefined ? undefined : `${base.replace(/\/+$/, '')}/v1/traces`);
  if (url === undefined || isOff) return undefined;
  const sampler = values.OTEL_TRACES_SAMPLER;
  return Object.freeze({
    url,
    headers: {
      ...pairsOf(values.OTEL_EXPORTER_OTLP_HEADERS ?? ''),
      ...pairsOf(values.OTEL_EXPORTER_OTLP_TRACES_HEADERS ?? ''),
    },
    timeoutMs:
      values.OTEL_EXPORTER_OTLP_TRACES_TIMEOUT ?? values.OTEL_EXPORTER_OTLP_TIMEOUT ?? DEFAULT_TIMEOUT_MS,
    serviceName: values.OTEL_SERVICE_NAME,
    resourceAttributes: pairsOf(values.OTEL_RESOURCE_ATTRIBUTES ?? '') ?? {},
    sampler: {
      kind: sampler.replace('parentbased_', '') as TracingSettings['sampler']['kind'],
      ratio: values.OTEL_TRACES_SAMPLER_ARG ?? 1,
      parentBased: sampler.startsWith('parentbased_'),
    },
  });
}

function pairsOf(text: string): Record<string, string> | undefined {
  const found: Record<string, string> = {};
  for (const pair of text.split(',').filter((part) => part.trim() !== '')) {
    const [, name, value] = /^\s*([^\s=]+)\s*=\s*(.*?)\s*$/.exec(pair) ?? [];
    if (name === undefined || value === undefined) return undefined;
    try {
      found[decodeURIComponent(name)] = decodeURIComponent(value);
    } catch {
      return undefined;
    }
  }
  return found;
}
