import type { EndpointRecord, EndpointSpec } from '#domain';

/**
 * What is configured, with the scale-down window that counts: the longest of those that may be in force. Never below the
 * configured one, which a deploy brings back at any time.
 */
export function specInForce(spec: EndpointSpec, { toldWindowMs }: EndpointRecord): EndpointSpec {
  if (toldWindowMs === undefined || toldWindowMs <= spec.scaledownWindowMs) return spec;
  return { ...spec, scaledownWindowMs: toldWindowMs };
}
