/** Everything that the doctor can find, and how bad it is. docs/operations/doctor.md has the same rows. */
export const CHECKS = {
  config_unreadable: 'error',
  config_not_yaml: 'error',
  config_unknown_key: 'error',
  config_missing_key: 'error',
  config_bad_value: 'error',
  endpoint_limit: 'error',
  endpoint_id_twice: 'error',
  endpoint_region_unknown: 'error',
  region_name_twice: 'error',
  region_without_endpoint: 'warning',
  url_twice: 'error',
  url_credentials: 'error',
  url_placeholder: 'error',
  url_not_encrypted: 'error',
  health_url_elsewhere: 'warning',
  health_url_wakes: 'error',
  health_url_missing: 'warning',
  model_unknown: 'error',
  model_spelling: 'warning',
  model_twice: 'warning',
  gpu_unknown: 'warning',
  gpu_limit_low: 'warning',
  timeout_below_cold_start: 'warning',
  scaledown_unusual: 'warning',
  warm_window_short: 'warning',
  backoff_turned_round: 'warning',
  rate_above_platform: 'warning',
  setting_unknown: 'error',
  setting_bad: 'error',
  setting_empty: 'warning',
  secret_missing: 'error',
  secret_spaced: 'error',
  secrets_swapped: 'error',
  keys_file_unusable: 'error',
  keys_file_open: 'error',
  endpoint_host_unknown: 'error',
  endpoint_unreachable: 'error',
  endpoint_certificate: 'error',
  endpoint_slow: 'warning',
  endpoint_auth: 'error',
  endpoint_not_deployed: 'error',
  endpoint_redirects: 'error',
  endpoint_rate_limited: 'warning',
  endpoint_failing: 'error',
  endpoint_answer_strange: 'error',
  endpoint_unhealthy: 'error',
  endpoint_wrong_region: 'error',
  endpoint_lacks_model: 'error',
  endpoint_clock: 'warning',
  node_old: 'error',
  database_unreachable: 'error',
  nats_unreachable: 'error',
  nats_unsuitable: 'error',
  port_taken: 'warning',
  data_folder_unusable: 'error',
  router_unreachable: 'error',
  router_not_ready: 'error',
  router_strange: 'error',
  key_refused: 'error',
  dispatcher_missing: 'error',
  router_endpoint_down: 'warning',
  router_configured_otherwise: 'warning',
} as const satisfies Readonly<Record<string, 'error' | 'warning'>>;
export type CheckCode = keyof typeof CHECKS;
export type Severity = (typeof CHECKS)[CheckCode];

/** Where something is wrong. */
export interface Place {
  readonly file?: string;
  /** Path into the file, e.g. `endpoints[2].region`. */
  readonly key?: string;
  /** Of the file, from 1. */
  readonly line?: number;
  /** Environment variable. */
  readonly setting?: string;
  /** Host, and path without query: what follows may be a secret. */
  readonly address?: string;
}

export interface Finding {
  readonly severity: Severity;
  readonly code: CheckCode;
  readonly what: string;
  readonly where: Place;
  /** What to do about it. */
  readonly cure: string;
}

export function finding(code: CheckCode, where: Place, what: string, cure: string): Finding {
  return { severity: CHECKS[code], code, what, where, cure };
}

/** Errors first, each kind in the order of the file. */
export function inOrder(findings: readonly Finding[]): Finding[] {
  const rank = ({ severity }: Finding): number => (severity === 'error' ? 0 : 1);
  return [...findings].sort(
    (left, right) => rank(left) - rank(right) || (left.where.line ?? 0) - (right.where.line ?? 0),
  );
}
