import { readFileSync } from 'node:fs';
import { ConfigurationError } from '#config';
import { parse as parseYaml } from 'yaml';
import { z } from 'zod';
import { DEMO_QUESTIONS } from './demo-questions.js';
import {
  completeEndpoint,
  endpointProblems,
  endpointSchema,
  identifier,
  seconds,
} from './endpoint-settings.js';
import { GATEWAY_LIMITS } from './gateway-limits.js';
import { webEndpointLimitProblem } from './web-endpoint-limit.js';

/** Simulated seconds; guesses at a round trip to us-east, which containers in the US are taken to be next to. */
const DEFAULT_ROUTING_HOP_S: Readonly<Record<string, number>> = {
  US: 0,
  EU: 0.09,
  ASIA: 0.2,
  default: 0.1,
};

const callbackSchema = z.strictObject({
  url: z.url({ protocol: /^https?$/, error: 'must be an http or https URL' }),
  /** Sent as `X-Webhook-Secret`. */
  secret: z.string().min(1),
  tries: z.int().min(1).max(100).default(3),
  /** Before the second try; doubles from try to try. Simulated seconds. */
  backoff_s: seconds.default(2),
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
    /** Rule 27: web endpoints of the workspace; one more fails to deploy. */
    web_endpoints_limit: z.int().min(1).max(10_000).default(8),
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
    /** Rule 11: the pause after a failed start, and what its doubling ends at. */
    start_backoff_s: seconds.default(1),
    start_backoff_max_s: seconds.default(60),
    /** Rule 21: with the crash mode `invalid_function_call`, how long other calls are 404 as well. */
    crash_restart_s: seconds.default(5),
    /** Rule 22: what a preempted container is given to finish. */
    preemption_grace_s: seconds.default(30),
    /** Rule 17: pieces a streamed answer comes in. */
    stream_pieces: z.int().min(1).max(1000).default(20),
    /** Largest request body; beyond it 413. Modal takes 4 GiB, the gateway of a deployment what is the default here. */
    max_body_bytes: z
      .int()
      .min(1)
      .max(1024 ** 3)
      .default(GATEWAY_LIMITS.bodyBytes),
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
        /** Rule 26: jobs spawned per simulated second; 0 means no limit. */
        spawns_per_s: z.number().min(0).default(1500),
        /** Rule 26: how many seconds' worth of spawns may come at once. */
        spawn_burst_s: z.number().min(0).default(5),
        /** Rule 26: jobs that wait, per endpoint. */
        spawned_queued_per_endpoint: z.int().min(1).default(1_000_000),
      })
      .prefault({}),
    /** Rule 26: how long the result of a job can be read. */
    job_result_kept_s: seconds.default(7 * 24 * 3600),
    /** Rule 26: told when a job ends, as a deployment with such a callback would do. */
    callback: callbackSchema.optional(),
    /** Rule 28: what pinning a region multiplies prices by: 1.5 for a broad region, 1.75 for a narrow one. */
    region_price_multiplier: z.number().min(0).max(100).default(1.5),
    /** Rule 28: prices by GPU name that differ from the built-in list. */
    usd_per_s: z.record(z.string(), z.number().min(0)).default({}),
    /** Rule 29: what the way through us-east adds to an answer, by region; one number: for every region. */
    routing_hop_s: z
      .union([seconds, z.record(identifier, seconds)])
      .transform((given): Readonly<Record<string, number>> =>
        typeof given === 'number' ? { default: given } : given,
      )
      .default(DEFAULT_ROUTING_HOP_S),
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
        /** Whether endpoints are offered with their job routes. */
        jobs: z.boolean().default(false),
        /** Whether endpoints are offered with their autoscaler routes. */
        autoscaler: z.boolean().default(true),
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
  .superRefine(({ endpoints, web_endpoints_limit: limit }, context) => {
    const webEndpoints = new Set<string>();
    const ids = new Set<string>();
    const paths = new Set<string>();
    for (const [index, endpoint] of endpoints.entries()) {
      const complain = (key: string, message: string): void =>
        context.addIssue({ code: 'custom', path: ['endpoints', index, key], message });
      const path = endpoint.path ?? `/${endpoint.id}`;
      if (ids.has(endpoint.id)) complain('id', `"${endpoint.id}" is used twice`);
      if (paths.has(path)) complain('path', `"${path}" is used twice`);
      for (const [key, message] of endpointProblems(endpoint)) complain(key, message);
      const overLimit = webEndpointLimitProblem(webEndpoints, endpoint.web_endpoint ?? endpoint.id, limit);
      if (overLimit !== undefined) complain('web_endpoint', overLimit);
      webEndpoints.add(endpoint.web_endpoint ?? endpoint.id);
      ids.add(endpoint.id);
      paths.add(path);
    }
  })
  .transform((given) => ({
    ...given,
    endpoints: given.endpoints.map((endpoint) => completeEndpoint(endpoint, given)),
  }));

/** What a configuration file may hold; every key but `endpoints` has a default. */
export type StandInConfigurationInput = z.input<typeof configurationSchema>;
export type StandInConfiguration = Readonly<z.output<typeof configurationSchema>>;

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
