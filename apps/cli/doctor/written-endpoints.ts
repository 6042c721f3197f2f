import type { Source } from './source.js';

/** @returns what stands under `endpoints`, whether it is valid or not */
export function endpointsOf(document: unknown): unknown[] {
  const endpoints = (document as { endpoints?: unknown } | null | undefined)?.endpoints;
  return Array.isArray(endpoints) ? (endpoints as unknown[]) : [];
}

/** Models and regions of all endpoints, those included that have other faults: what they serve is not unknown. */
export function writtenIn(source: Source): { models: string[]; regions: string[] } {
  const endpoints = endpointsOf(source.value) as ({ models?: unknown; region?: unknown } | null)[];
  const models = endpoints.flatMap((endpoint) =>
    Array.isArray(endpoint?.models) ? endpoint.models.map(String) : [],
  );
  return { models: [...new Set(models)], regions: endpoints.map((endpoint) => String(endpoint?.region)) };
}
