import { stringify } from 'yaml';
import type { StandInConfiguration } from './configuration.js';
import type { EndpointSettings } from './endpoint-settings.js';

/** Below this a real network hop, not the simulated GPU, would decide whether a call times out. */
const SHORTEST_TIMEOUT_MS = 2000;

/** What a loaded machine may take from an answer to the next question. */
const SHORTEST_LINGER_MS = 300;

/** Beacon's defaults, in simulated seconds: what it reckons with before it has seen a call. */
const ASSUMED_CALL_S = 30;
const ASSUMED_COLD_START_S = 150;

/**
 * A Beacon configuration that points at this stand-in. Beacon lives in real time, so durations are divided by
 * the time scale.
 * @param endpoints those to offer; default: all that are configured
 * @param origin e.g. `http://127.0.0.1:8123`
 */
export function beaconConfigurationYaml(
  configuration: StandInConfiguration,
  origin: string,
  endpoints: readonly EndpointSettings[] = configuration.endpoints,
): string {
  const { time_scale: timeScale, beacon } = configuration;
  return stringify({
    limits: {
      endpoints: beacon.limits.endpoints ?? Math.max(8, endpoints.length),
      gpus: beacon.limits.gpus,
    },
    timeouts: {
      execution_ms: Math.max(
        SHORTEST_TIMEOUT_MS,
        Math.round((beacon.execution_timeout_s * 1000) / timeScale),
      ),
    },
    retries: { max_attempts: 6, backoff_ms: 200, backoff_max_ms: 2000 },
    breaker: { failures: 3, open_ms: 200, open_max_ms: 2000 },
    handover: {
      linger_ms: Math.max(SHORTEST_LINGER_MS, Math.round(2000 / timeScale)),
      turn_s: Math.max(1, 1800 / timeScale),
    },
    assumed: { call_s: ASSUMED_CALL_S / timeScale, cold_start_s: ASSUMED_COLD_START_S / timeScale },
    keep_warm: keepWarmOf(timeScale),
    regions: regionsOf(configuration, endpoints),
    endpoints: endpoints.map((endpoint) => ({
      id: endpoint.id,
      region: endpoint.region,
      models: endpoint.models,
      protocol: 'modal-hf',
      url: `${origin}${endpoint.path}`,
      ...(beacon.jobs ? { jobs_url: `${origin}${endpoint.path}/jobs` } : {}),
      health_url: `${origin}${endpoint.path}/health`,
      ...(beacon.autoscaler ? { autoscaler_url: `${origin}${endpoint.path}/autoscaler` } : {}),
      gpu: endpoint.gpu,
      concurrency: Math.min(endpoint.concurrency, 1000),
      scaledown_window_s: endpoint.scaledown_window_s / timeScale,
    })),
    questions: beacon.questions,
    tasks: tasksOf(endpoints),
  });
}

const TASK_OWNERS = {
  code_generation: 'code_ang',
  research: 'scout_ang',
  design: 'design_ang',
  data_analysis: 'data_ang',
  security_audit: 'audit_ang',
};

/** The usual types of tasks, one model after the other. */
function tasksOf(endpoints: readonly EndpointSettings[]): Record<string, { owner: string; model: string }> {
  const models = [...new Set(endpoints.flatMap((endpoint) => endpoint.models))].sort();
  return Object.fromEntries(
    Object.entries(TASK_OWNERS).flatMap(([type, owner], index) => {
      const model = models[index % models.length];
      return model === undefined ? [] : [[type, { owner, model }]];
    }),
  );
}

/** Beacon's defaults, in the stand-in's time: its limits of a window are in simulated seconds. */
function keepWarmOf(timeScale: number): Record<string, number> {
  const times = { hybrid_window_s: 600, hot_window_s: 1200, promote_within_s: 900 };
  const more = { promote_cold_start_s: 45, demote_after_s: 1800 };
  return Object.fromEntries(Object.entries({ ...times, ...more }).map(([key, s]) => [key, s / timeScale]));
}

/** Regions as Beacon must know them: the name an endpoint attests is an alias, or every answer is refused. */
function regionsOf(
  { beacon }: StandInConfiguration,
  endpoints: readonly EndpointSettings[],
): Record<string, { aliases: string[] }> {
  const regions = new Map<string, Set<string>>();
  for (const { region, attested_region: attested } of endpoints) {
    const aliases = regions.get(region) ?? new Set(beacon.regions[region]?.aliases ?? []);
    if (attested !== region) aliases.add(attested);
    regions.set(region, aliases);
  }
  return Object.fromEntries([...regions].map(([region, aliases]) => [region, { aliases: [...aliases] }]));
}
