import type { Configuration, EndpointConfiguration } from './configuration.js';

/** Endpoints with the longest scale-down window that may come into force: one that is kept warm may be told another. */
export function endpointsByLongestWindow({
  endpoints,
  warming,
}: Pick<Configuration, 'endpoints' | 'warming'>): EndpointConfiguration[] {
  const longestS = Math.max(warming.hybrid_window_s, warming.hot_window_s);
  return endpoints.map((endpoint) => ({
    ...endpoint,
    scaledown_window_s: Math.max(endpoint.scaledown_window_s, endpoint.warm === 'off' ? 0 : longestS),
  }));
}
