import type { RegionPolicy } from '../job.js';

/** Whether an endpoint may give a cell's answer: a pin allows its own region only, every other policy any that serves the model. */
export function mayAnswer(
  endpoint: { readonly region: string; readonly models: readonly string[] },
  pair: { readonly region: string; readonly model: string },
  policy: RegionPolicy,
): boolean {
  return endpoint.models.includes(pair.model) && (policy !== 'pin' || endpoint.region === pair.region);
}
