import type { Configuration, EndpointConfiguration } from './configuration.js';

/** Endpoints with the longest scale-down window that may come into force: one that is kept warm may be told another. */
export function endpointsByLongestWindow({
  endpoints,
  keep_warm: keepWarm,
}: Pick<Configuration, 'endpoints' | 'keep_warm'>): EndpointConfiguration[] {
  const longestS = Math.max(keepWarm.hybrid_window_s, keepWarm.hot_window_s);
  return endpoints.map((endpoint) => ({
    ...endpoint,
    scaledown_window_s: Math.max(endpoint.scaledown_window_s, endpoint.warm === 'off' ? 0 : longestS),
  }));
}
